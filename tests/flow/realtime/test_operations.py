"""What operators see: metrics, readiness, and a hub that goes down in order."""

import asyncio

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from realtime.operations.probes import NotReadyError
from tests.flow.conftest import Environment, serve_hub, without_limits


async def test_metrics_tell_what_the_hub_does(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    await ann.send(room, "Hi")
    await ann.send(room, "")
    await ann.heard.next("message:received")
    bob = await (await env.chatter("Bob", hub)).connect()
    await bob.socket.eio.send(b"no packet announced this")
    await bob.heard.next("disconnect")

    registry = env.hubs[0].metrics.registry
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(generate_latest(registry).decode())
        for sample in family.samples
    }
    assert samples[("greenroom_connections",)] == 1
    assert samples[("greenroom_users",)] == 1
    assert samples[("greenroom_rooms",)] == 1
    assert samples[("greenroom_messages_total",)] == 1
    assert samples[("greenroom_deliveries_total",)] >= 1
    assert samples[("greenroom_journal_batch_messages_count",)] == 1
    assert samples[("greenroom_errors_total", "EMPTY_MESSAGE")] == 1
    closes = {name[1]: value for name, value in samples.items() if name[0] == "greenroom_websocket_closes_total"}
    assert closes.pop("1003") == 1
    assert closes.keys() == {"1000", "1001", "1002", "1007", "1008", "1009", "1011"}
    assert sum(closes.values()) == 0, "from the start, so that the first is an increase"


async def test_a_stopping_hub_notifies_all_clients_and_keeps_sent_messages(env: Environment) -> None:
    async with serve_hub(without_limits(env.settings)) as (_, url):
        people = [await (await env.chatter(f"P{i}", url)).connect() for i in range(3)]
        room = await env.group(*[person.user for person in people])
        for person in people:
            await person.join(room)
        sending = [
            asyncio.ensure_future(
                people[0].socket.call(
                    "message:send", {"conversationId": str(room), "content": str(i), "clientId": str(i)}
                )
            )
            for i in range(50)
        ]
        await people[1].heard.next("message:received")
    for person in people:
        assert (await person.heard.next("server:restarting"))["closesInMs"] >= 0
        await person.heard.next("disconnect")
    answers = [send.result() for send in sending if send.done() and not send.exception()]
    stored = {str(row["id"]) for row in await env.resources.db.fetch("select id from messages")}
    assert {answer["id"] for answer in answers} <= stored
    for send in sending:
        send.cancel()
    await asyncio.gather(*sending, return_exceptions=True)


async def test_a_hub_that_cannot_hear_the_bus_is_not_ready(env: Environment, hub: str) -> None:
    one = env.hubs[0]
    async with asyncio.timeout(5):
        while one.deaf:  # noqa: ASYNC110 - the first beacon is on its way
            await asyncio.sleep(0.05)
    await one.ready()
    one._bus._shards[0].deaf = True
    with pytest.raises(NotReadyError, match=r"not heard: .*redis\.sock"):
        await one.ready()
