"""The people of OnSwift's tests and the things they have."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.flow.api.conftest import Api, Caller
from tests.flow.api.conftest import api as api
from tests.flow.api.conftest import generous as generous
from tests.flow.conftest import everybody
from tests.policies import ChangePolicy

NOWHERE = "01890000-0000-7000-8000-000000000000"
NEW_PROJECT = {"name": "Film", "description": "A short one", "dueDate": "2999-12-31"}


@pytest.fixture
def all_acquainted(change_policy: ChangePolicy) -> None:
    """Have everybody added to groups at once, and nobody invited."""
    change_policy(acquainted=everybody)


@dataclass
class People:
    """A creator with a project, a talent in its team, and a creator and a talent who have nothing to do with it."""

    creator: Caller
    talent: Caller
    other_creator: Caller
    other_talent: Caller
    project: str

    @property
    def path(self) -> str:
        return f"/projects/{self.project}"

    @property
    def strangers(self) -> tuple[Caller, Caller]:
        return self.other_creator, self.other_talent


@pytest.fixture
async def people(api: Api) -> People:
    creator, talent = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    project = (await creator.post("/projects", **NEW_PROJECT)).body["id"]
    assert (await creator.post(f"/projects/{project}/team", userId=talent.id, role="Editor")).status == 201
    return People(creator, talent, await api.signed_up("creator", "Cid"), await api.signed_up("talent", "Dan"), project)


@pytest.fixture
def new_project() -> Callable[[Caller], Awaitable[str]]:
    """Return what makes a project of a creator's."""

    async def make(creator: Caller) -> str:
        id: str = (await creator.post("/projects", **NEW_PROJECT)).body["id"]
        return id

    return make
