"""The official client's `retries`, as it is: no message twice, none lost that is worth another try, and errors are heard."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.base import errors
from core.base.publisher import Draft, Stored
from core.limits.budget import Rate
from marketplaces import onswift
from realtime.gateway import later
from realtime.log.journal import Journal
from tests.flow.conftest import PATIENCE, Environment
from tests.policies import with_policy

ROOT = Path(__file__).parents[3]
NODE = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
pytestmark = [
    pytest.mark.skipif(NODE is None, reason="no node: `make install` fetches one where npm is missing"),
    pytest.mark.skipif(not (ROOT / "web/node_modules/socket.io-client").exists(), reason="run `make install`"),
]


class Line:
    """A line to a hub, on which nothing comes back while it is `held`, and which can break on one side only."""

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._ends: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self._tasks = set[asyncio.Task[None]]()
        self.url = ""

    def hold(self) -> None:
        self._flowing.clear()

    def let_go(self) -> None:
        self._flowing.set()

    def drop(self, *, hub_hears: bool) -> None:
        """Lose the connection; its hub hears of it, or believes for a while that the client is still there."""
        for client, hub in self._ends:
            client.transport.abort()
            if hub_hears:
                hub.transport.abort()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def close(self, server: asyncio.Server) -> None:
        server.close()
        for ends in self._ends:
            for one in ends:
                one.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        from_hub, hub = await asyncio.open_connection("127.0.0.1", self._port)
        self._ends.append((client, hub))
        for task in (self._carry(reader, hub), self._carry(from_hub, client, self._flowing)):
            self._tasks.add(asyncio.create_task(task))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event | None = None
    ) -> None:
        try:
            while data := await reader.read(65536):
                if flowing:
                    await flowing.wait()
                writer.write(data)
        except OSError:
            pass


class Script:
    """The official client in Node; `told` returns the next thing of a kind that has happened to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told = list[dict[str, Any]]()

    def send(self, room: UUID, content: str, **more: Any) -> None:
        self.do(["message:send", {"conversationId": str(room), "content": content, **more}])

    def do(self, what: object) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def next(self, kind: str) -> dict[str, Any]:
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            while True:
                line = await self.process.stdout.readline()
                assert line, self.told
                told: dict[str, Any] = json.loads(line)
                self.told.append(told)
                if kind in told:
                    return told


@pytest.fixture
async def scripts() -> AsyncIterator[list[Script]]:
    started: list[Script] = []
    yield started
    for script in started:
        script.process.kill()
        await script.process.communicate()


@pytest.fixture
async def line(hub: str) -> AsyncIterator[Line]:
    line = Line(hub)
    server = await line.open()
    yield line
    await line.close(server)


async def official_client(scripts: list[Script], url: str, token: str, *rooms: UUID, **options: int) -> Script:
    assert NODE
    arguments = (url, token, ",".join(map(str, rooms)), json.dumps(options), str(ROOT / "web"))
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(Path(__file__).with_name("retries.mjs")),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    scripts.append(Script(process))
    for _ in rooms:
        await scripts[-1].next("sent")
    return scripts[-1]


async def stored(env: Environment) -> list[str]:
    rows = await env.resources.db.fetch("select body from messages where kind = 'text' order by seq")
    return [row["body"] for row in rows]


async def test_a_message_whose_commit_takes_long_is_stored_once(
    env: Environment, hub: str, scripts: list[Script]
) -> None:
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    client = await official_client(scripts, hub, token, room, retries=20, ackTimeout=300)
    lock = await env.resources.db.acquire()
    async with lock.transaction():
        await lock.execute("select 1 from conversations for update")
        client.send(room, "Hi")
        for _ in range(3):
            await client.next("sent")
    await env.resources.db.release(lock)
    first = await client.next("answer")
    assert first["answer"] == "done"
    client.send(room, "Hi")  # said again on purpose: it has been answered
    assert (await client.next("answer"))["seq"] == first["seq"] + 1
    assert await stored(env) == ["Hi", "Hi"]


async def test_a_message_whose_ack_is_long_on_its_way_is_stored_once(
    env: Environment, line: Line, scripts: list[Script]
) -> None:
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    client = await official_client(scripts, line.url, token, room, retries=20, ackTimeout=300)
    client.send(room, "first")
    await client.next("answer")
    line.hold()
    client.send(room, "Hi")
    for _ in range(3):
        await client.next("sent")
    line.let_go()
    first = await client.next("answer")
    client.send(room, "Hi")
    assert (await client.next("answer"))["seq"] == first["seq"] + 1
    assert await stored(env) == ["first", "Hi", "Hi"]


@pytest.mark.parametrize("where", ["the same hub", "another hub"])
@pytest.mark.parametrize("hub_hears", [True, False])
async def test_a_message_whose_ack_was_lost_with_the_connection_is_stored_once(
    env: Environment, line: Line, hub: str, scripts: list[Script], where: str, *, hub_hears: bool
) -> None:
    ann, token = await env.person("Ann")
    bob = await (await env.chatter("Bob", hub)).connect()
    room = await env.group(ann, bob.user)
    await bob.join(room)
    client = await official_client(scripts, line.url, token, room, retries=5, ackTimeout=20_000)
    client.send(room, "first")
    await client.next("answer")
    line.hold()
    client.send(room, "Hi")
    for content in ("first", "Hi"):
        assert (await bob.heard.next("message:received"))["message"]["content"] == content
    client.do(hub if where == "the same hub" else await env.hub())
    await client.next("sent")
    line.drop(hub_hears=hub_hears)
    await client.next("lost")
    assert (await client.next("connected"))["recovered"]
    answer = await client.next("answer")
    client.send(room, "Hi")
    assert (await client.next("answer"))["seq"] == answer["seq"] + 1
    assert await stored(env) == ["first", "Hi", "Hi"]


async def test_no_client_is_shown_a_client_id_of_ours(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    await ann.join(room)
    await ann.send(room, "Hi")
    assert (await ann.heard.next("message:received"))["message"]["clientId"] is None
    assert [one["clientId"] for one in (await ann.join(room, limit=5))["messages"]] == [None]


async def test_messages_over_the_rate_wait_until_they_are_allowed(env: Environment, scripts: list[Script]) -> None:
    hub = await env.hub(markets=[with_policy(onswift.MARKETPLACE, messages=Rate("messages", 3, 1))])
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    client = await official_client(scripts, hub, token, room, retries=3, ackTimeout=5000)
    for place in range(6):
        client.send(room, str(place))
    assert [(await client.next("answer"))["answer"] for _ in range(6)] == ["done"] * 6
    assert await stored(env) == [str(place) for place in range(6)]


async def test_messages_over_the_rate_are_not_lost_to_other_devices_that_send_as_much(
    env: Environment, scripts: list[Script]
) -> None:
    hub = await env.hub(markets=[with_policy(onswift.MARKETPLACE, messages=Rate("messages", 2, 1))])
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    devices = [await official_client(scripts, hub, token, room, retries=3, ackTimeout=20_000) for _ in range(4)]
    for device in devices:
        for place in range(4):
            device.send(room, f"{id(device)} {place}")
    for device in devices:
        assert [(await device.next("answer"))["answer"] for _ in range(4)] == ["done"] * 4
    assert len(set(await stored(env))) == 16


class Away:
    """A journal that cannot store anything for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        append = Journal._append

        async def fail(journal: Journal, drafts: list[Draft]) -> list[Stored | errors.AppError]:
            if self.left:
                self.left -= 1
                raise errors.UNAVAILABLE.error()
            return await append(journal, drafts)

        monkeypatch.setattr(Journal, "_append", fail)


async def test_a_message_waits_for_the_database(
    env: Environment, hub: str, scripts: list[Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "WAITS", (0.01, 0.01))
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    client = await official_client(scripts, hub, token, room, retries=3, ackTimeout=5000)
    away = Away(monkeypatch)
    away.left = 2
    client.send(room, "Hi")
    assert (await client.next("answer"))["answer"] == "done"
    assert away.left == 0
    assert await stored(env) == ["Hi"]


async def test_a_client_with_retries_gets_a_temporary_refusal_and_sends_the_message_again(
    env: Environment, hub: str, scripts: list[Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(later, "WAITS", (1.0, 0.0))
    ann, token = await env.person("Ann")
    room = await env.group(ann)
    client = await official_client(scripts, hub, token, room, retries=20, ackTimeout=300)
    away = Away(monkeypatch)
    away.left = 3
    client.send(room, "Hi")
    assert await client.next("error") == {"error": "UNAVAILABLE", "event": "message:send"}
    assert (await client.next("answer"))["answer"] == "done"
    assert await stored(env) == ["Hi"]


async def test_a_final_refusal_is_reported_also_with_retries(env: Environment, hub: str, scripts: list[Script]) -> None:
    _, token = await env.person("Ann")
    bob, _ = await env.person("Bob")
    room = await env.group(bob)
    client = await official_client(scripts, hub, token, retries=3, ackTimeout=5000)
    client.send(room, "Hi")
    told = [await client.next("answer"), await client.next("error")]
    assert told[0]["answer"] == "NOT_A_MEMBER"
    assert told[1] == {"error": "NOT_A_MEMBER", "event": "message:send"}
