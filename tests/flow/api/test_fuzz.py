"""Whatever bytes arrive, the answer is an error of our form or a success, never a bug."""

import asyncio
import dataclasses
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings, strategies
from hypothesis.strategies import SearchStrategy

from api.app import build_app
from core.market.market import PUBLIC
from marketplaces.onswift.routes import ROUTES
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment, without_limits

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
QUERIES = strategies.dictionaries(
    strategies.sampled_from(["page", "limit", "before", "isRead", "x"]),
    TEXT | strategies.integers().map(str),
    max_size=3,
)


async def test_no_input_is_answered_with_a_bug(env: Environment) -> None:
    resources = dataclasses.replace(env.resources, settings=without_limits(env.settings))
    loop = asyncio.get_running_loop()
    async with TestClient(TestServer(build_app(resources.settings, resources, env.publisher))) as client:
        api = Api(client)
        ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
        conversation = (await ann.post("/conversations", participantId=bob.id)).body["id"]
        message = (await ann.post(f"/conversations/{conversation}/messages", content="x")).body["id"]
        known = {"conversationId": conversation, "messageId": message, "userId": bob.id}

        @settings(max_examples=150, suppress_health_check=list(HealthCheck))
        @given(
            route=strategies.sampled_from([route for route in ROUTES if not route.path.endswith(("logout", "login"))]),
            part=TEXT,
            body=BODIES,
            query=QUERIES,
        )
        def attack(route: Any, part: str, body: bytes, query: dict[str, str]) -> None:
            path = route.path.removeprefix("/api")
            for name in ("conversationId", "messageId", "userId", "notificationId", "emoji"):
                path = path.replace(f"{{{name}}}", quote(known.get(name) or part or "x", safe=""))
            caller = api.anyone if route.who is PUBLIC else ann
            headers = {"Content-Type": "application/json"}
            call = caller.call(route.method, path, data=body, params=query, headers=headers)
            reply = asyncio.run_coroutine_threadsafe(call, loop).result()
            assert reply.status < 500, reply
            assert reply.status < 300 or reply.code

        await asyncio.to_thread(attack)
