"""The same in a real browser, with the local provider's own pages, as with `greenroom dev`."""

import shutil
from typing import Any

import pytest
from playwright.async_api import async_playwright

from tests.browser.conftest import ARGUMENTS, NAMES
from tests.flow.accounts.oauth.site import Site
from tests.flow.conftest import at_bazaar

pytestmark = at_bazaar
REDEEM = """
async () => {
    const code = location.hash.replace("#oauth=", "");
    const answer = await fetch("/api/auth/redeem", { method: "POST", body: JSON.stringify({ code }) });
    return [document.title, await answer.json(), document.cookie];
}"""


@pytest.mark.parametrize("provider", ["google", "apple", "facebook"])
async def test_a_browser_goes_to_the_provider_and_comes_back_logged_in(site: Site, provider: str) -> None:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser on the PATH: {', '.join(NAMES)}")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = await chromium.new_page()
        await page.goto(f"{site.url}/oauth/{provider}?role=buyer")
        await page.get_by_role("button", name="Ada Example").click()
        await page.wait_for_url(f"{site.url}/#oauth=*")
        title, answer, cookies = await page.evaluate(REDEEM)
        assert (title, answer["name"]) == ("The page", "Ada Example")
        assert "oauth" not in cookies, "no script sees the secret of the browser"
        await page.goto(f"{site.url}/oauth/{provider}")
        await somebody_else(page)
        await page.wait_for_url(f"{site.url}/#oauth-error=OAUTH_NO_ACCOUNT")
        await chromium.close()


async def somebody_else(page: Any) -> None:
    """Say at the provider that one is somebody who is not in its list."""
    await page.get_by_label("Name").fill("Eve Example")
    await page.get_by_label("Email").fill("eve@example.com")
    await page.get_by_role("button", name="Log in as somebody else").click()
