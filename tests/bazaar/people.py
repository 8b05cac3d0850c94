"""People who call the bazaar."""

from dataclasses import dataclass, field
from uuid import uuid4

from tests.bazaar.database import FIRST_ID as FIRST_ID
from tests.bazaar.database import with_bazaar as with_bazaar
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply

PREFIX = "/api/v1"
BEARER = {"X-Token-Transport": "body"}


@dataclass
class BazaarCaller(Caller):
    """Someone who calls the bazaar, with tokens in the body."""

    prefix: str = PREFIX
    headers: dict[str, str] = field(default_factory=lambda: dict(BEARER))


@dataclass
class BazaarApi(Api):
    """The bazaar's API."""

    @property
    def anyone(self) -> Caller:
        return BazaarCaller(self.client)

    async def signed_up(self, user_type: str = "seller", name: str = "Ann Example") -> Caller:
        body = {"email": f"{uuid4()}@example.com", "password": PASSWORD, "name": name, "user_type": user_type}
        reply = await self.anyone.post("/auth/register", **body)
        assert reply.status == 201, reply
        return self.logged_in(reply)

    def logged_in(self, reply: Reply) -> Caller:
        body = reply.body["data"]
        user = body["user"]
        return BazaarCaller(self.client, PREFIX, user["id"], user["email"], body["access_token"], body["refresh_token"])
