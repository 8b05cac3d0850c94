"""Clients that do their worst: `python -m bench.neighbours.attacks NAME ... < target.json`, until they are ended.

Each stands for a kind of abuse; none sends anything that a parser chokes on, only very much of what is cheap to send.
"""

import asyncio
import itertools
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import cast

import msgspec
import uvloop

from bench.neighbours.wire import MASK, SEPARATOR, connect, frame, packed, request, upgrade

CHUNK = 256 * 1024
CONNECTIONS = 50
MOST_CONNECTIONS = 500
SLOWLY = 1.0
PAUSE = 0.02  # before another try, once cut off or refused
WAIT = 5.0
JSON = {"Content-Type": "application/json"}
LAST = {"Connection": "close"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


class Target(msgspec.Struct, frozen=True):
    """Whom it goes against; `token` is the attacker's own, "" if it has no login."""

    hub: int
    api: int
    token: str = ""
    conversation: str = ""
    feed: str = ""


Attack = Callable[[Target], Awaitable[None]]


async def _open(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port)


async def _again(attempt: Callable[[], Awaitable[None]]) -> None:
    """Try for ever, whatever happens."""
    while True:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(WAIT):
                await attempt()
        await asyncio.sleep(PAUSE)


async def _flood(target: Target, frames: bytes) -> None:
    """Push frames into one WebSocket as fast as it takes them, and read nothing."""
    chunk = frames * max(CHUNK // len(frames), 1)

    async def attempt() -> None:
        reader, writer = await _open(target.hub)
        try:
            writer.write(upgrade(target.hub))
            await reader.readuntil(b"\r\n\r\n")
            if target.token:
                writer.write(connect(target.token))
                await reader.readuntil(b"40{")  # what comes before the answer ends the session
            reading = asyncio.create_task(_discard(reader))
            while not reading.done():
                writer.write(chunk)
                await writer.drain()
        finally:
            writer.close()

    while True:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            await attempt()
        await asyncio.sleep(PAUSE)


async def _discard(reader: asyncio.StreamReader) -> None:
    while await reader.read(CHUNK):
        pass


async def _ask(port: int, *requests: bytes) -> bytes:
    """Send requests over one connection and return the last answer."""
    reader, writer = await _open(port)
    try:
        for one in requests:
            writer.write(one)
        await writer.drain()
        return await reader.read(CHUNK)
    finally:
        writer.close()


async def _many(attempt: Callable[[], Awaitable[None]], connections: int = CONNECTIONS) -> None:
    await asyncio.gather(*(_again(attempt) for _ in range(connections)))


async def _payloads(target: Target, packets: bytes, *, is_packed: bool = False) -> None:
    body, headers = packed(packets) if is_packed else (packets, {})

    async def attempt() -> None:
        answer = await _ask(target.hub, request("GET", "/socket.io/?EIO=4&transport=polling"))
        sid = answer.partition(b'"sid":"')[2].partition(b'"')[0].decode()
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        if target.token:
            await _ask(target.hub, request("POST", path, b'40{"token":"%b"}' % target.token.encode()))
        for _ in range(20):
            answer = await _ask(target.hub, request("POST", path, body, headers=headers))
            if b" 200 " not in answer[:20]:
                break

    await _many(attempt, 4)


def _event(target: Target, name: str, fields: str = "") -> bytes:
    return frame(
        b'421["%b",{"conversationId":"%b"%b}]' % (name.encode(), target.conversation.encode(), fields.encode())
    )


async def payload_of_many_packets(target: Target) -> None:
    """Very many empty packets in one POST of long-polling."""
    await _payloads(target, SEPARATOR.join([b"6"] * 500_000))


async def packed_payload(target: Target) -> None:
    """The same, compressed."""
    await _payloads(target, SEPARATOR.join([b"6"] * 500_000), is_packed=True)


async def payload_of_events(target: Target) -> None:
    """Events that are refused anyway, in one POST."""
    await _payloads(target, SEPARATOR.join([b'42["nothing"]'] * 60_000))


async def frames(target: Target) -> None:
    """The shortest frames there are."""
    await _flood(target, frame(b"6"))


async def pings(target: Target) -> None:
    """Pings of the WebSocket protocol, each of which wants an answer."""
    await _flood(target, frame(b"?", 0x9))


async def unknown_events(target: Target) -> None:
    """Events that do not exist."""
    await _flood(target, frame(b'421["nothing"]'))


async def messages(target: Target) -> None:
    """Messages, far beyond the limit."""
    await _flood(target, _event(target, "message:send", ',"content":"x"'))


async def edits(target: Target) -> None:
    """Edits of a message that does not exist."""
    message = ',"messageId":"018f0000-0000-7000-8000-000000000000","content":"' + "x" * 9000 + '"'
    await _flood(target, _event(target, "message:edit", message))


async def typing(target: Target) -> None:
    """Typing that never ends."""
    await _flood(target, _event(target, "conversation:typing", ',"isTyping":true'))


async def joins(target: Target) -> None:
    """Joining again and again, which reads a page each time."""
    await _flood(target, _event(target, "join:conversation"))


async def wrong_tokens(target: Target) -> None:
    """CONNECT with tokens that are none."""
    await _flood(msgspec.structs.replace(target, token=""), connect("x" * 200))


async def sockets(target: Target) -> None:
    """Sockets opened and closed again."""

    async def attempt() -> None:
        reader, writer = await _open(target.hub)
        try:
            writer.write(upgrade(target.hub) + (connect(target.token) if target.token else b""))
            await reader.readuntil(b"40{" if target.token else b'"sid"')
        finally:
            writer.close()

    await _many(attempt)


async def polling_sessions(target: Target) -> None:
    """Sessions of long-polling, opened and left alone."""
    opening = request("GET", "/socket.io/?EIO=4&transport=polling")
    await _many(lambda: _read(target.hub, opening))


async def half_heads(target: Target) -> None:
    """Connections that never finish their request, to both ports."""
    ports = itertools.cycle((target.hub, target.api))

    async def attempt() -> None:
        reader, writer = await _open(next(ports))
        try:
            writer.write(b"GET /socket.io/ HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            await reader.read()
        finally:
            writer.close()

    await _many(attempt, 1000)


async def unfinished_messages(target: Target) -> None:
    """Messages of nearly a megabyte of which the end never comes."""
    begun = b"\x81\xff" + (990_000).to_bytes(8) + MASK + b"x" * 900_000

    async def attempt() -> None:
        reader, writer = await _open(target.hub)
        try:
            writer.write(upgrade(target.hub) + begun)
            await reader.read()
        finally:
            writer.close()

    await _many(attempt, 500)


async def unfinished_bodies(target: Target) -> None:
    """Bodies of a quarter of a megabyte that lack their last byte, to both ports."""
    ports = itertools.cycle((target.hub, target.api))
    whole = request("POST", "/api/auth/login", b"x" * 250_000, headers=JSON)

    async def attempt() -> None:
        reader, writer = await _open(next(ports))
        try:
            writer.write(whole[:-1])
            await reader.read()
        finally:
            writer.close()

    await _many(attempt, 900)


async def unfinished_attachments(target: Target) -> None:
    """Packets whose last attachment never comes, on all the sockets that one user may have."""
    begun = frame(b'452-["nothing",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    attachment = b"\x82\xff" + (900_000).to_bytes(8) + MASK + b"x" * 900_000

    async def attempt() -> None:
        reader, writer = await _open(target.hub)
        try:
            writer.write(upgrade(target.hub) + connect(target.token))
            await reader.readuntil(b"40{")
            writer.write(begun + attachment)
            await _discard(reader)
        finally:
            writer.close()

    await _many(attempt, 100)


async def _unread(port: int, beginning: bytes, more: bytes, connections: int) -> None:
    """Ask on many connections for one answer after the other, and read none."""
    chunk = more * (CHUNK // len(more))

    async def attempt() -> None:
        _, writer = await _open(port)
        writer.transport.set_write_buffer_limits(high=0)
        cast("asyncio.ReadTransport", writer.transport).pause_reading()
        try:
            writer.write(beginning)
            while True:
                writer.write(chunk)
                await writer.drain()
        finally:
            writer.transport.abort()

    async def held() -> None:
        with suppress(OSError):
            await attempt()

    while True:
        await asyncio.gather(*(held() for _ in range(connections)))
        await asyncio.sleep(PAUSE)


async def pings_unread(target: Target) -> None:
    """Pings of the WebSocket protocol on many connections, whose pongs are never read."""
    beginning = upgrade(target.hub) + (connect(target.token) if target.token else b"")
    await _unread(target.hub, beginning, frame(b"?" * 125, 0x9), 500)


async def answers_unread(target: Target) -> None:
    """Requests on many kept connections, whose answers are never read."""
    await _unread(target.api, b"", request("GET", "/api/openapi.json"), 500)


async def scripts_unread(target: Target) -> None:
    """The largest file of the official client, never read."""
    await _unread(target.hub, b"", request("GET", "/socket.io/socket.io.js.map"), 500)


async def half_closed(target: Target) -> None:
    """Bodies that end in the middle, since their client closes its side, to both ports."""
    ports = itertools.cycle((target.hub, target.api))
    cut = request("POST", "/api/auth/login", b"x" * 60_000, headers=JSON)[:-50]

    async def attempt() -> None:
        reader, writer = await _open(next(ports))
        try:
            writer.write(cut)
            writer.write_eof()
            await reader.read()
        finally:
            writer.transport.abort()

    await _many(attempt, 400)


async def long_lists(target: Target) -> None:
    """Headers that are lists of very many items, over and over."""
    lists = {"Cookie": "a;" * 7000, "If-None-Match": ",".join(['"a"'] * 3500)}
    asked = itertools.cycle(
        (port, request("GET", path, headers={name: value}) * 10)
        for port, path in ((target.hub, "/socket.io/socket.io.js"), (target.api, "/api/openapi.json"))
        for name, value in lists.items()
    )

    async def attempt() -> None:
        port, heads = next(asked)
        reader, writer = await _open(port)
        try:
            reading = asyncio.create_task(_discard(reader))
            while not reading.done():
                writer.write(heads)
                await writer.drain()
        finally:
            writer.transport.abort()

    await _many(attempt, 100)


async def small_chunks(target: Target) -> None:
    """Bodies in chunks of one byte, to both ports."""
    ports = itertools.cycle((target.hub, target.api))
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = head + b"1\r\nx\r\n" * 100_000
    await _many(lambda: _read(next(ports), body), 10)


async def no_http(target: Target) -> None:
    """The beginning of a TLS handshake on the plain port."""
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(200)
    await _many(lambda: _read(target.hub, hello))


async def _read(port: int, *requests: bytes) -> None:
    await _ask(port, *requests)


async def _requests(target: Target, *requests: bytes, port: int = 0) -> None:
    """Ask over kept connections, twenty requests at a time."""
    await _many(lambda: _read(port or target.api, *requests * 20), 20)


async def form_of_many_parts(target: Target) -> None:
    """A form of very many parts of nothing."""
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n'
    body = part * (1_000_000 // len(part)) + b"--b--\r\n"
    await _many(lambda: _read(target.api, request("POST", "/api/users/me/avatar", body, target.token, FORM)), 4)


async def packed_form(target: Target) -> None:
    """The same, compressed."""
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n'
    body, headers = packed(part * 20_000 + b"--b--\r\n")
    await _many(
        lambda: _read(target.api, request("POST", "/api/users/me/avatar", body, target.token, FORM | headers)), 4
    )


async def resets(target: Target) -> None:
    """New passwords with a wrong token."""
    body = b'{"token":"wrong","newPassword":"Greenroom-1"}'
    await _many(lambda: _read(target.api, request("POST", "/api/auth/reset-password", body, headers=JSON)))


async def logins(target: Target) -> None:
    """Logins with a wrong password."""
    body = b'{"email":"nobody@example.com","password":"Greenroom-1"}'
    await _many(lambda: _read(target.api, request("POST", "/api/auth/login", body, headers=JSON)))


async def signups(target: Target) -> None:
    """New accounts."""
    numbers = itertools.count()

    async def attempt() -> None:
        fields = f'"email":"bench-{next(numbers)}@example.com","password":"Greenroom-1","name":"B","userType":"talent"'
        await _ask(target.api, request("POST", "/api/auth/signup", f"{{{fields}}}".encode(), headers=JSON))

    await _many(attempt)


async def wrong_bearers(target: Target) -> None:
    """Calls with a token that is none."""
    await _requests(target, request("GET", "/api/users/me", token="x" * 200))


async def readiness(target: Target) -> None:
    """`/readyz`, which looks at everything."""
    await _requests(target, request("GET", "/readyz"))


async def _anew(*requests: tuple[int, bytes]) -> None:
    """Ask on a new connection each time, over very many of them, to the ports in turn."""
    asked = itertools.cycle(requests)
    await _many(lambda: _read(*next(asked)), MOST_CONNECTIONS)


async def health_anew(target: Target) -> None:
    """`/healthz` of both ports, a connection for each request."""
    await _anew(*((port, request("GET", "/healthz", headers=LAST)) for port in (target.hub, target.api)))


async def unknown_sessions_anew(target: Target) -> None:
    """Polls of sessions that do not exist, a connection for each."""
    await _anew((target.hub, request("GET", "/socket.io/?EIO=4&transport=polling&sid=none", headers=LAST)))


async def preflights_anew(target: Target) -> None:
    """OPTIONS, which every path answers, a connection for each."""
    ports = (target.hub, "/socket.io/?EIO=4&transport=polling"), (target.api, "/api/users/me")
    await _anew(*((port, request("OPTIONS", path, headers=LAST)) for port, path in ports))


async def health_kept(target: Target) -> None:
    """`/healthz` of both ports in a loop, over as many kept connections as an address may have."""
    ports = itertools.cycle((target.hub, target.api))
    asked = request("GET", "/healthz")

    async def attempt() -> None:
        reader, writer = await _open(next(ports))
        try:
            while True:
                writer.write(asked)
                await reader.readuntil(b"}")
        finally:
            writer.close()

    await _many(attempt, MOST_CONNECTIONS)


async def slow_wrong_tokens(target: Target) -> None:
    """CONNECT with a token that is none, one at a time over very many connections."""

    async def attempt() -> None:
        reader, writer = await _open(target.hub)
        try:
            writer.write(upgrade(target.hub))
            await reader.readuntil(b"\r\n\r\n")
            while True:
                writer.write(connect("x" * 200))
                await reader.readuntil(b"44{")
                await asyncio.sleep(SLOWLY)
        finally:
            writer.close()

    await _many(attempt, MOST_CONNECTIONS)


async def files_by_name(target: Target) -> None:
    """Files that do not exist, and feeds of nobody."""
    await _requests(target, request("GET", "/api/calendar.ics?token=wrong"), request("GET", "/api/files/nothing"))


async def pages(target: Target) -> None:
    """The most expensive reads that one may make."""
    await _requests(
        target,
        request("GET", f"/api/conversations/{target.conversation}/messages?limit=100", token=target.token),
        request("GET", "/api/users/me/export", token=target.token),
        request("GET", "/api/users/search?q=e", token=target.token),
    )


async def calendar(target: Target) -> None:
    """A feed of very many events."""
    await _requests(target, request("GET", target.feed))


async def groups(target: Target) -> None:
    """Groups, over REST."""
    body = b'{"title":"x","participantIds":[]}'
    await _requests(target, request("POST", "/api/conversations/groups", body, target.token, JSON))


WITHOUT_LOGIN: tuple[Attack, ...] = (
    payload_of_many_packets,
    packed_payload,
    payload_of_events,
    frames,
    pings,
    unknown_events,
    wrong_tokens,
    sockets,
    polling_sessions,
    half_heads,
    unfinished_messages,
    unfinished_bodies,
    pings_unread,
    answers_unread,
    scripts_unread,
    half_closed,
    long_lists,
    small_chunks,
    no_http,
    form_of_many_parts,
    packed_form,
    resets,
    logins,
    signups,
    wrong_bearers,
    readiness,
    files_by_name,
    health_anew,
    health_kept,
    unknown_sessions_anew,
    preflights_anew,
    slow_wrong_tokens,
)
WITH_LOGIN: tuple[Attack, ...] = (
    payload_of_many_packets,
    payload_of_events,
    frames,
    pings,
    unknown_events,
    messages,
    edits,
    typing,
    joins,
    sockets,
    unfinished_attachments,
    form_of_many_parts,
    packed_form,
    pages,
    calendar,
    groups,
)
TEN_WITHOUT_LOGIN: tuple[Attack, ...] = (
    payload_of_many_packets,
    frames,
    wrong_tokens,
    polling_sessions,
    half_heads,
    no_http,
    form_of_many_parts,
    resets,
    wrong_bearers,
    readiness,
)
TEN_WITH_LOGIN: tuple[Attack, ...] = (
    payload_of_events,
    unknown_events,
    messages,
    edits,
    typing,
    joins,
    sockets,
    form_of_many_parts,
    pages,
    calendar,
)
# What Node's Socket.IO serves too.
OF_SOCKETS: frozenset[Attack] = frozenset(
    (
        payload_of_many_packets, packed_payload, payload_of_events, frames, pings, unknown_events, messages, typing,
        sockets, polling_sessions, half_heads,
    )
)  # fmt: skip


def main(names: Sequence[str]) -> None:
    """Run attacks, all at once, until the process is ended."""
    target = msgspec.json.decode(sys.stdin.buffer.read(), type=Target)
    chosen = [attack for attack in {*WITHOUT_LOGIN, *WITH_LOGIN} if attack.__name__ in names]

    async def run() -> None:
        await asyncio.gather(*(attack(target) for attack in chosen))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


if __name__ == "__main__":
    main(sys.argv[1:])
