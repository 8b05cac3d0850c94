"""What the bus loses, the log gives back; and a slow client costs nobody anything."""

import asyncio
import re
import socket
from pathlib import Path

import msgspec
import pytest

from cli.embedded.redis import embedded_redis
from config.settings import Settings
from core.base.publisher import Draft
from core.platform.observability.metrics import Metrics
from realtime.bus.bus import Bus
from realtime.bus.deliveries import EVERYBODY, Delivery, Kind
from realtime.log import message_log
from realtime.publishing.publisher import Publisher
from tests.flow.conftest import PATIENCE, Chatter, Environment, at_bazaar, open_environment, without_limits

NOWHERE = "redis://127.0.0.1:1"


def mute_publisher(env: Environment) -> Publisher:
    """Return a publisher that commits but whose bus never reaches anybody."""
    return Publisher(env.resources, Bus([NOWHERE], Metrics(), deliver=lambda _: None, restored=lambda: None))


def contents(chatter: Chatter) -> list[str]:
    return [one["message"]["content"] for one in chatter.heard.all("message:received")]


@at_bazaar
async def test_a_hole_in_the_bus_is_filled_from_the_log_in_order(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    mute = mute_publisher(env)
    for content in ("lost 1", "lost 2"):
        await mute.append(Draft(env.ctx(ann.user).new_id(), room, ann.user.person, content))

    await ann.send(room, "seen")

    await ann.heard.until("message:received", 3)
    assert contents(ann) == ["lost 1", "lost 2", "seen"]


@at_bazaar
async def test_an_edit_lost_by_the_bus_is_delivered_from_the_log(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    first = await ann.send(room, "first")
    await env.resources.db.execute(
        "with v as (update conversations set version = version + 1 returning version)"
        " update messages set body = 'edited', edited_at = now(), version = v.version from v"
    )

    await ann.send(room, "second")

    told = await ann.heard.next("message:edited")
    assert (told["message"]["id"], told["message"]["content"]) == (first["id"], "edited")
    await ann.heard.until("message:received", 2)
    assert contents(ann) == ["first", "second"]


async def test_without_redis_messages_are_stored_delivered_on_their_hub_and_reach_others_by_the_log(
    settings: Settings, tmp_path: Path
) -> None:
    with embedded_redis(tmp_path / "redis") as server:
        async with open_environment(msgspec.structs.replace(settings, redis_urls=(server.url,))) as env:
            ann = await (await env.chatter("Ann", await env.hub())).connect()
            bob = await (await env.chatter("Bob", await env.hub())).connect()
            room = await env.group(ann.user, bob.user)
            await ann.join(room)
            await bob.join(room)
            await ann.send(room, "over the bus")
            await bob.heard.next("message:received")

            server.process.kill()

            assert (await ann.send(room, "over the log"))["seq"] == 2
            await ann.heard.until("message:received", 2)
            await bob.heard.until("message:received", 2)
            assert contents(bob) == ["over the bus", "over the log"]


async def test_losing_any_bus_server_for_a_moment_makes_all_hubs_resync_with_the_log(tmp_path: Path) -> None:
    with embedded_redis(tmp_path / "one") as one, embedded_redis(tmp_path / "two") as two:
        urls = [one.url, two.url]
        heard: asyncio.Queue[Delivery] = asyncio.Queue()
        hub = Bus(urls, Metrics(), deliver=heard.put_nowait, restored=lambda: None)
        speaker = Bus(urls, Metrics(), deliver=lambda _: None, restored=lambda: None)
        await hub.start()
        await hub.subscribe([EVERYBODY])
        await speaker.start()
        for shard in speaker._shards:
            shard._publisher.drop()
            async with asyncio.timeout(PATIENCE):
                resync = await heard.get()
            assert (resync.kind, resync.key) == (Kind.RESYNC, b"")
        await speaker.stop()
        await hub.stop()


@at_bazaar
async def test_join_with_since_gives_what_has_changed_and_with_limit_the_newest(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    sent = [await ann.send(room, str(i)) for i in range(5)]
    await ann.call("message:edit", conversationId=str(room), messageId=sent[0]["id"], content="0 again")

    joined = await ann.join(room, since=3)
    assert [one["content"] for one in joined["messages"]] == ["3", "4", "0 again"]
    assert (joined["version"], joined["complete"]) == (6, True)
    assert [one["content"] for one in (await ann.join(room, limit=2))["messages"]] == ["3", "4"]
    assert (await ann.join(room))["messages"] == []


async def test_a_join_answer_is_bounded_in_size_and_says_that_there_is_more(
    env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    for letter in "abcd":
        await ann.send(room, letter * 100)

    async def joined(**how: int) -> tuple[list[str], bool]:
        answer = await ann.join(room, **how)
        return [one["content"][0] for one in answer["messages"]], answer["complete"]

    monkeypatch.setattr(message_log, "MOST_OF_RECENT", 0)  # or memory would answer
    monkeypatch.setattr(message_log, "OF_TURN", 0)
    for octets, newest, is_complete in (
        (408, "abcd", True),
        (407, "abcd", False),
        (305, "bcd", False),
        (0, "d", False),
    ):
        monkeypatch.setattr(message_log, "LEAST_OF_PAGE", octets)  # each has 102, with its list of no reactions
        assert await joined(limit=4) == (list(newest), True)
        assert await joined(since=0) == (["a", "b", "c", "d"] if is_complete else [], is_complete)


def test_pages_that_are_read_in_one_turn_share_what_it_may_read() -> None:
    sizes = [message_log._most_of_page(count) for count in (1, 16, 64, 512, 5000)]
    assert sizes == [256 * 1024, 256 * 1024, 64 * 1024, 8 * 1024, 8 * 1024]


async def test_a_client_that_does_not_read_is_paged_back_without_a_hole_and_others_do_not_wait(
    env: Environment,
) -> None:
    url = await env.hub(without_limits(env.settings))
    ann = await (await env.chatter("Ann", url)).connect()
    slow, token = await env.person("Slow")
    room = await env.group(ann.user, slow)
    await ann.join(room)
    reader, writer = await raw_client(url, token, room)

    for i in range(400):
        await ann.send(room, f"{i:03} " + "x" * 9_000)

    await ann.heard.until("message:received", 400)  # Ann has it all while the other has read nothing
    assert [session.behind for session in env.hubs[0].engine.sessions.values()] == [False, True]
    seen = await read_marks(reader, until="399 ")
    assert seen == [f"{i:03} " for i in range(400)]
    await ann.send(room, "400 live again")
    assert await read_marks(reader, until="400 ") == ["400 "]
    writer.close()
    await writer.wait_closed()


async def raw_client(url: str, token: str, room: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect and join by hand, with the smallest of receive buffers; from then on nothing is read."""
    host, port = url.removeprefix("http://").split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096)
    writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    join = f'420["join:conversation",{{"conversationId":"{room}"}}]'
    for packet, answer in ((f'40{{"token":"{token}"}}', b'40{"sid"'), (join, b'"complete":true')):
        size = bytes([0x80 | len(packet)]) if len(packet) < 126 else b"\xfe" + len(packet).to_bytes(2, "big")
        writer.write(b"\x81" + size + bytes(4) + packet.encode())
        await reader.readuntil(answer)
    return reader, writer


async def read_marks(reader: asyncio.StreamReader, until: str) -> list[str]:
    """Return the first four characters of the messages that come, up to one."""
    marks: list[str] = []
    data = b""
    async with asyncio.timeout(10):
        while until not in marks:
            data += await reader.read(65536)
            found = list(re.finditer(rb'"content":"(.{4})', data))
            marks += [one[1].decode() for one in found]
            data = data[found[-1].end() :] if found else data[-16:]
    return marks


@at_bazaar
async def test_a_repeated_send_delivers_a_message_whose_hub_died_before_publishing(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    bob = await (await env.chatter("Bob", await env.hub())).connect()
    room = await env.group(ann.user, bob.user)
    await ann.join(room)
    await bob.join(room)
    await mute_publisher(env).append(
        Draft(env.ctx(ann.user).new_id(), room, ann.user.person, "committed", client_id="one")
    )

    assert (await ann.send(room, "committed", clientId="one"))["duplicate"] is True

    for someone in (ann, bob):
        await someone.heard.next("message:received")
        assert contents(someone) == ["committed"]


@at_bazaar
async def test_a_loss_without_any_sign_is_found_by_comparing_with_the_log(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    await mute_publisher(env).append(Draft(env.ctx(ann.user).new_id(), room, ann.user.person, "unannounced"))
    await ann.heard.next("message:received")
    assert contents(ann) == ["unannounced"]
