"""Events that wait on a hub until they are allowed: what one client has waiting keeps nobody else's from it."""

import asyncio
from typing import Any

import pytest

from core.limits.budget import Rate
from marketplaces import onswift
from realtime.engine.limits import guard
from realtime.gateway import later
from tests.flow.conftest import PATIENCE, Chatter, Environment
from tests.policies import with_policy

# One message, and the next one waits for longer than a test runs.
MARKETS = [with_policy(onswift.MARKETPLACE, messages=Rate("messages", 1, 600))]
USUAL, LARGE = 2 * guard.LEAST_HELD, 2 * guard.LEAST_HELD + 1000  # bytes of a message


@pytest.fixture(autouse=True)
def events_wait_for_as_long_as_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later, "MOST_WAIT", 1000.0)


async def one_who_waits(env: Environment, url: str, name: str, size: int) -> tuple[Chatter, asyncio.Future[Any]]:
    """Return someone with a message that waits on the hub, or was refused, and its ack."""
    chatter = await (await env.chatter(name, url)).connect()
    room = await env.group(chatter.user)
    assert "seq" in await chatter.send(room, "the one that is allowed")
    ack = asyncio.get_running_loop().create_future()
    await chatter.socket.emit(
        "message:send", {"conversationId": str(room), "content": "x" * size}, callback=ack.set_result
    )
    await chatter.call("user:join", userId=str(chatter.user.id))  # sent, and so answered, after the message
    return chatter, ack


def waits(env: Environment, chatter: Chatter) -> bool:
    (client,) = env.hubs[-1]._gateway._users.of(chatter.user.id.bytes)
    return client.held is not None


async def test_the_largest_of_what_waits_is_refused_when_it_is_too_much(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "MOST_HELD", USUAL + LARGE)
    hub = await env.hub(markets=MARKETS)
    ann, large = await one_who_waits(env, hub, "Ann", LARGE)
    assert waits(env, ann)
    bob, usual = await one_who_waits(env, hub, "Bob", USUAL)
    assert (await asyncio.wait_for(large, PATIENCE))["error"]["code"] == "RATE_LIMITED"
    assert (waits(env, ann), waits(env, bob), usual.done()) == (False, True, False)


async def test_what_waits_counts_among_what_an_address_may_have_held(env: Environment) -> None:
    hub = await env.hub(markets=MARKETS)
    held = env.hubs[-1].engine.guard.held
    ann, _ = await one_who_waits(env, hub, "Ann", LARGE)
    (sizes,) = held._of.values()
    assert sizes.total >= LARGE
    await ann.socket.disconnect()
    async with asyncio.timeout(PATIENCE):
        while held._of:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def test_no_event_waits_that_is_larger_than_any_message(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "LARGEST", LARGE)
    hub = await env.hub(markets=MARKETS)
    ann, ack = await one_who_waits(env, hub, "Ann", LARGE)
    assert (await asyncio.wait_for(ack, PATIENCE))["error"]["code"] == "RATE_LIMITED"
    assert not waits(env, ann)
