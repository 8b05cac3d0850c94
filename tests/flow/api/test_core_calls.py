"""A marketplace that has nothing of its own but a policy and a table: core's calls alone, under its own paths and verbs."""

from datetime import timedelta

import pytest

import marketplaces
from core.base.errors import SAME_USER_TYPE
from core.market.endpoints import auth, conversations, messages
from core.market.market import PUBLIC, Marketplace, create, get, patch, post
from core.work.policy import PasswordRules, Policy
from tests.flow.api.conftest import Api, Caller, serving
from tests.flow.conftest import Environment

ROLES = frozenset({"guest", "host"})
FAIR = Marketplace(
    Policy(
        name="fair",
        title="Fair",
        roles=ROLES,
        passwords=PasswordRules(min_length=4),
        access_lifetime=timedelta(minutes=5),
        may_converse=lambda role, other: role != other,
    ),
    (
        create("/api/join", auth.sign_up, PUBLIC),
        get("/api/chats", conversations.list_conversations, ROLES),
        post("/api/chats", conversations.create_conversation, ROLES),
        create("/api/chats/groups", conversations.create_group, ROLES),
        post("/api/chats/{conversationId}/lines", messages.send_message, ROLES),
        patch("/api/chats/{conversationId}/lines/{messageId}", messages.edit_message, ROLES),
    ),
)


@pytest.fixture(autouse=True)
def fair(monkeypatch: pytest.MonkeyPatch, light_passwords: None) -> None:
    """Have no other marketplace."""
    monkeypatch.setattr(marketplaces, "configured", lambda _names: (FAIR,))


async def joined(api: Api, role: str) -> Caller:
    body = {"email": f"{role}@example.com", "password": "four", "name": role.title(), "userType": role}
    reply = await api.anyone.post("/join", **body)
    assert reply.status == 201, reply
    return api.logged_in(reply)


async def test_a_policy_decides_who_signs_up_and_what_a_password_needs(env: Environment) -> None:
    async with serving(env) as api:
        body = {"email": "ann@example.com", "password": "sho", "name": "Ann", "userType": "guest"}
        assert (await api.anyone.post("/join", **body)).fields == ["password"]
        wrong = await api.anyone.post("/join", **body | {"userType": "creator"})
        assert wrong.fields == ["password", "userType"], "both at once"
        assert (await joined(api, "guest")).access_token


async def test_access_tokens_last_as_long_as_the_policy_says(env: Environment) -> None:
    async with serving(env) as api:
        claims = env.resources.keys.access((await joined(api, "guest")).access_token)
        assert (claims.market, claims.exp - claims.iat) == ("fair", 5 * 60)


async def test_people_talk_through_the_calls_of_core(env: Environment) -> None:
    async with serving(env) as api:
        guest, host = await joined(api, "guest"), await joined(api, "host")
        chat = await guest.post("/chats", participantId=host.id)
        assert (chat.status, chat.body["memberCount"]) == (201, 2)
        assert (await guest.post("/chats", participantId=host.id)).status == 200
        lines = f"/chats/{chat.body['id']}/lines"
        sent = await guest.post(lines, content="hello", clientId="one")
        assert (sent.status, sent.body["content"]) == (201, "hello")
        again = await guest.post(lines, content="hello", clientId="one")
        assert (again.status, again.body["id"]) == (200, sent.body["id"])
        edited = await guest.call("PATCH", f"{lines}/{sent.body['id']}", json={"content": "hello, host"})
        assert edited.body["content"] == "hello, host"
        (seen,) = (await host.get("/chats")).body["conversations"]
        assert seen["lastMessage"]["content"] == "hello, host"


async def test_whom_a_policy_knows_is_added_and_others_are_invited(env: Environment) -> None:
    async with serving(env) as api:
        guest, host = await joined(api, "guest"), await joined(api, "host")
        group = (await guest.post("/chats/groups", title="Table", participantIds=[host.id])).body
        assert (group["added"], group["invited"]) == ([], [host.id])


async def test_a_policy_decides_who_may_have_a_conversation_of_two(env: Environment) -> None:
    async with serving(env) as api:
        guest = await joined(api, "guest")
        body = {"email": "bob@example.com", "password": "four", "name": "Bob", "userType": "guest"}
        bob = api.logged_in(await api.anyone.post("/join", **body))
        reply = await guest.post("/chats", participantId=bob.id)
        assert (reply.status, reply.code) == (SAME_USER_TYPE.status, "SAME_USER_TYPE")
