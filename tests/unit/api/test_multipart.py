"""Forms, read as they come in: however they are cut up, and with a turn for others after each piece."""

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from multipart import MultipartError, MultipartSegment, ParserLimitReached

from api.files import multipart
from api.files.form_parts import MAX_FILES
from api.files.multipart import MAX_HEADERS, MAX_PARTS, most_bytes
from core.base.errors import AppError
from core.market.market import Route
from marketplaces.onswift import MARKETPLACE
from marketplaces.onswift.purposes import PURPOSES

FORMS = [route for route in MARKETPLACE.routes if route.uploads]
HEAD = b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n'
TWO = HEAD % b"x" + b"1\r\n2\r\n" + HEAD % b"y" + b"\r\n"


class Taker:
    """Stands for the reader of the parts."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    async def take(self, event: MultipartSegment | bytes | None) -> None:
        if isinstance(event, MultipartSegment):
            self.taken.append((event.name, b""))
        elif event:
            name, content = self.taken[-1]
            self.taken[-1] = (name, content + event)


async def read(*pieces: bytes, length: int | None = None, most: int = 1_000_000) -> list[tuple[str, bytes]]:
    """Read a form whose pieces come one after the other."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(Mock())
    content = StreamReader(protocol, 2**20, loop=loop)
    request: Any = Mock(
        content=content, content_length=length, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )

    async def feed() -> None:
        for piece in pieces:
            content.feed_data(piece)
            await asyncio.sleep(0)
        content.feed_eof()

    taker: Any = Taker()
    feeding = asyncio.create_task(feed())
    try:
        await multipart._read(request, multipart._parser(request), taker, multipart._Bytes(most, FORMS[0]))
    finally:
        await feeding
    taken: list[tuple[str, bytes]] = taker.taken
    return taken


@pytest.mark.parametrize("end", [b"--b--", b"--b--\r\n"])
async def test_a_form_is_the_same_wherever_it_is_cut(end: bytes) -> None:
    whole = TWO + end
    for place in range(1, len(whole)):
        assert await read(whole[:place], whole[place:]) == [("x", b"1\r\n2"), ("y", b"")], place
    assert await read(*(whole[place : place + 1] for place in range(len(whole)))) == [("x", b"1\r\n2"), ("y", b"")]


@pytest.mark.parametrize(
    "body",
    [TWO, TWO + b"--b-", TWO + b"--b--more", TWO + b"--b--\r\nmore", b"", b"\r\n"],
)
async def test_what_is_no_whole_form_and_nothing_else_is_refused(body: bytes) -> None:
    for pieces in ([body], [body[:3], body[3:]]):
        with pytest.raises(MultipartError):
            await read(*(piece for piece in pieces if piece))


def form(count: int, head: str = 'Content-Disposition: form-data; name="x"') -> bytes:
    return f"--b\r\n{head}\r\n\r\n\r\n".encode() * count + b"--b--\r\n"


@pytest.mark.parametrize(
    "head",
    [
        'Content-Disposition: form-data; name="x"', 'Content-Disposition: form-data; name="avatar"; filename=""',
        'Content-Disposition: form-data; name="files[]"; filename="a.pdf"',
    ],
)  # fmt: skip
async def test_parts_are_counted_whatever_they_are(head: str) -> None:
    assert len(await read(form(MAX_PARTS, head))) == MAX_PARTS
    with pytest.raises(ParserLimitReached):
        await read(form(MAX_PARTS + 1, head))


async def test_the_headers_of_a_part_are_few_short_and_of_one_line() -> None:
    plain = 'Content-Disposition: form-data; name="x"'
    assert await read(form(1, "\r\n".join([plain, *["A: b"] * (MAX_HEADERS - 1)])))
    for more in (["A: b"] * MAX_HEADERS, ["A: " + "b" * multipart.MAX_HEADER]):
        with pytest.raises(ParserLimitReached):
            await read(form(1, "\r\n".join([plain, *more])))
    with pytest.raises(MultipartError):
        await read(form(1, f"{plain}\r\n and more of it"))


async def test_a_form_is_no_longer_than_its_files_and_texts_may_be_said_or_not() -> None:
    body = form(2)
    assert len(await read(body, length=len(body), most=len(body))) == 2
    for pieces, length in (([], len(body)), ([body], None), ([body[:9], body[9:]], None)):
        with pytest.raises(AppError) as refused:
            await read(*pieces, length=length, most=len(body) - 1)
        assert refused.value.kind == FORMS[0].uploads[0].too_large


@pytest.mark.parametrize("route", FORMS, ids=lambda route: route.path)
def test_the_longest_form_is_bounded_by_what_its_files_may_be(route: Route) -> None:
    sizes = {one.name: max(kind.max_bytes for kind in one.kinds) for one in PURPOSES}
    files: int = sum(sizes[part.purpose] * (MAX_FILES if part.many else 1) for part in route.uploads)
    assert files < most_bytes(MARKETPLACE, route) < files + 512 * 1024


async def test_others_have_their_turn_after_each_piece_of_what_is_there_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multipart, "CHUNK", 64)
    body, turns, done = form(20), 0, asyncio.Event()

    async def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await read(body)
    done.set()
    await counting
    assert turns >= len(body) // 64
