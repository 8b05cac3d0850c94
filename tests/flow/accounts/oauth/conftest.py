"""What tests of logins by a provider run on."""

from collections.abc import AsyncIterator

import pytest

from tests.flow.accounts.oauth.site import Browser, Site, browser_of, serving
from tests.flow.conftest import Environment


@pytest.fixture
async def site(env: Environment) -> AsyncIterator[Site]:
    """Return a site with a local provider."""
    async with serving(env) as site:
        yield site


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    """Return a browser."""
    async with browser_of(site) as browser:
        yield browser


@pytest.fixture
async def other_browser(site: Site) -> AsyncIterator[Browser]:
    """Return a browser of somebody else."""
    async with browser_of(site) as browser:
        yield browser
