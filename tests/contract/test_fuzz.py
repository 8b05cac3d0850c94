"""Whatever bytes arrive, the answer is an error of our form or a success, never a bug."""

import asyncio
import re
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as generated
from hypothesis.strategies import SearchStrategy

from config.settings import Settings
from core.market.market import PUBLIC, Route
from tests.contract.worlds import Served
from tests.flow.api.conftest import Reply
from tests.flow.conftest import without_limits

TEXT = strategies.text(max_size=20) | strategies.sampled_from(["\0", "a\0b", "\u2028", "👍\u200d", "x" * 300, "-1"])
SCALARS = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats(allow_nan=False) | TEXT
JSON = strategies.recursive(SCALARS, lambda inner: strategies.lists(inner, max_size=3), max_leaves=5)
FIELDS = [
    "email", "password", "name", "userType", "companyName", "refreshToken", "token", "newPassword", "participantId",
    "title", "participantIds", "userIds", "content", "clientId", "replyTo", "mentions", "messageId",
]  # fmt: skip
BODIES: SearchStrategy[bytes] = strategies.binary(max_size=50) | strategies.dictionaries(
    strategies.sampled_from(FIELDS), JSON, max_size=6
).map(msgspec.json.encode)
LEFT_OUT = ("logout", "login")
PARAMETER = re.compile(r"{(\w+?)_?[Ii]d}|{\w+}")
QUERIES = strategies.dictionaries(
    strategies.sampled_from(["page", "limit", "before", "isRead", "x"]),
    TEXT | strategies.integers().map(str),
    max_size=3,
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return without_limits(settings)


async def test_no_input_is_answered_with_a_bug(served: Served) -> None:
    api, dialect, loop = served.api, served.world.market.dialect, asyncio.get_running_loop()
    ann, bob = [await api.signed_up(role) for role in served.world.roles]
    known = {"user": bob.id}
    if any(one.method == "POST" and one.path.endswith("/conversations") for one in served.world.market.routes):
        known["conversation"] = id_in(await ann.post("/conversations", **{dialect.name("participantId"): bob.id}))
        message = await ann.post(f"/conversations/{known['conversation']}/messages", content="x")
        known["message"] = id_in(message)
    routes = [one for one in served.world.market.routes if not (one.is_at_root or one.path.endswith(LEFT_OUT))]

    @generated(max_examples=150, suppress_health_check=list(HealthCheck))
    @given(route=strategies.sampled_from(routes), part=TEXT, body=BODIES, query=QUERIES)
    def attack(route: Route, part: str, body: bytes, query: dict[str, str]) -> None:
        path = PARAMETER.sub(lambda name: quote(known.get(name[1]) or part or "x", safe=""), route.path)
        caller = api.anyone if route.who is PUBLIC else ann
        headers = {"Content-Type": "application/json"}
        body = bytes(dialect.name(body.decode()), "utf-8") if dialect.snake_case and body.isascii() else body
        call = caller.call(
            route.method,
            path.removeprefix(caller.prefix),
            data=body,
            params=query,
            headers=headers,
            allow_redirects=False,
        )
        reply = asyncio.run_coroutine_threadsafe(call, loop).result()
        assert reply.status < 500, reply
        assert reply.status < 400 or reply.code

    await asyncio.to_thread(attack)


def id_in(reply: Reply) -> str:
    """Return the id of what was made."""
    body = reply.body.get("data", reply.body)
    return str(body["id"])
