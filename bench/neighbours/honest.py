"""The honest user: a message every 50 ms, a page every 100 ms, and the wait for each."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec

MESSAGE_SECONDS, PAGE_SECONDS = 0.05, 0.1
PATIENCE = 15.0


class Waits(msgspec.Struct, frozen=True):
    """Seconds from the time at which each was due; missing answers count as PATIENCE."""

    acks: list[float]
    pages: list[float]
    failures: int


def percentile(waits: list[float], share: float) -> float:
    """Return this percentile of the waits, in milliseconds."""
    ordered = sorted(waits)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


class Honest:
    """Sends to one conversation; `page` is the address to read."""

    def __init__(self, hub: int, page: str, token: str, conversation: str) -> None:
        self._hub = hub
        self._page = page
        self._token = token
        self._conversation = conversation
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._next = 0
        self._failures = 0

    async def run(self, seconds: float) -> Waits:
        """Send and read for this long."""
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"}) as session:
            url = f"ws://127.0.0.1:{self._hub}/socket.io/?EIO=4&transport=websocket"
            async with session.ws_connect(url) as socket:
                await self._enter(socket)
                listening = asyncio.create_task(self._listen(socket))
                acks, pages = await asyncio.gather(
                    self._every(MESSAGE_SECONDS, seconds, lambda: self._send(socket)),
                    self._every(PAGE_SECONDS, seconds, lambda: self._read(session)),
                )
                listening.cancel()
        return Waits(acks, pages, self._failures)

    async def _enter(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str(f'40{{"token":"{self._token}"}}')
        await socket.receive()
        await socket.send_str(f'42999999["join:conversation",{{"conversationId":"{self._conversation}"}}]')
        while not (await socket.receive()).data.startswith("43999999"):
            pass

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            text = message.data
            if text == "2":
                await socket.send_str("3")
            elif text.startswith("43"):
                number, _, answer = text[2:].partition("[")
                self._failures += '"error"' in answer
                self._waiting.pop(int(number)).set_result(None)

    async def _send(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._next += 1
        answered = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        event = f'{{"conversationId":"{self._conversation}","content":"message {self._next}"}}'
        await socket.send_str(f'42{self._next}["message:send",{event}]')
        await answered

    async def _read(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self._page) as answer:
            await answer.read()
            self._failures += answer.status != 200

    async def _every(self, pause: float, seconds: float, do: Callable[[], Awaitable[None]]) -> list[float]:
        start = time.perf_counter()
        due = [start + pause * place for place in range(int(seconds / pause))]
        return await asyncio.gather(*(self._timed(moment, do) for moment in due))

    async def _timed(self, due: float, do: Callable[[], Awaitable[None]]) -> float:
        await asyncio.sleep(due - time.perf_counter())
        try:
            async with asyncio.timeout(PATIENCE):
                await do()
        except (TimeoutError, aiohttp.ClientError, ConnectionError):
            self._failures += 1
            return PATIENCE
        return time.perf_counter() - due
