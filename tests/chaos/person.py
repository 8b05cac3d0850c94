"""A client that does what docs/sockets.md asks of one: it repeats what was not acked, and joins again with what it has seen."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import msgspec

from core.base import errors
from tests.chaos.journal import (
    Acked,
    Connected,
    Disconnected,
    EditAcked,
    Heard,
    Joined,
    Journal,
    Line,
    Refused,
    Seen,
    Sent,
)
from tests.chaos.websocket import WebSocket

GONE = (OSError, asyncio.IncompleteReadError, TimeoutError)
BACKOFF = (0.05, 0.3)
RETRY_SECONDS = 0.3


class Person:
    """One user with one client, at one of the hubs; every line of the journal is told to `wrote`.

    `patience`: seconds without an answer after which it tries another hub. `reading`: cleared, nothing is read any more;
    with a small `receive_buffer` (bytes) the hub notices soon.
    """

    def __init__(
        self, journal: Journal, token: str, ports: Sequence[int], dice: random.Random, wrote: Callable[[Line], None]
    ) -> None:
        self.journal = journal
        self.patience = dice.choice((2.0, 4.0, 15.0))
        self.reading = asyncio.Event()
        self.reading.set()
        self.receive_buffer = 0
        self.token = token
        self._ports = ports
        self._dice = dice
        self._wrote = wrote
        self._numbers = count(1)
        self._acks = count(1)
        self._socket: WebSocket | None = None
        self._joined: set[str] = set()
        self._versions: dict[str, int] = {}
        self._waiting: dict[int, tuple[Callable[[Any], None], asyncio.TimerHandle]] = {}
        self._unacked: dict[str, Sent] = {}

    @property
    def idle(self) -> bool:
        """Whether all conversations are joined and nothing waits for its ack."""
        return self._joined.issuperset(self.journal.conversations) and not self._unacked

    def version(self, conversation: str) -> int:
        """Return the highest version seen."""
        return self._versions.get(conversation, 0)

    async def live(self) -> None:
        """Stay connected, to any hub, until cancelled."""
        while True:
            port = self._dice.choice(self._ports)
            reason = "cancelled"
            try:
                await self._stay(port)
            except GONE as error:
                reason = type(error).__name__
            finally:
                self._left(reason)
            await asyncio.sleep(self._dice.uniform(*BACKOFF))

    def send(self, conversation: str, size: int = 0) -> None:
        """Send a message of at least `size` characters, now or as soon as there is a connection."""
        client_id = f"{self.journal.name}-{next(self._numbers)}"
        content = f"{client_id} in {conversation}".ljust(size, ".")
        sent = Sent(at=time.time(), conversation=conversation, client_id=client_id, content=content)
        self._unacked[client_id] = sent
        self._write(sent)
        self._emit_send(sent)

    def edit(self, seen: Seen) -> None:
        """Edit a message of one's own; what becomes of it is not waited for."""
        content = f"{seen.content}, edited"
        if self._socket and seen.conversation in self._joined:
            payload = {"conversationId": seen.conversation, "messageId": seen.id, "content": content}
            self._emit("message:edit", payload, lambda answer: self._edited(answer))

    def remove(self, conversation: str, user_id: str, done: Callable[[], None]) -> None:
        """Take someone out of a group of one's own."""
        payload = {"conversationId": conversation, "userId": user_id}
        self._emit("conversation:remove", payload, lambda answer: self._checked("conversation:remove", answer, done))

    def hang_up(self) -> None:
        """Lose the connection."""
        if self._socket:
            self._joined.clear()
            self._socket.abort()

    async def _stay(self, port: int) -> None:
        socket = await WebSocket.connect(port, receive_buffer=self.receive_buffer)
        try:
            async with asyncio.timeout(self.patience):
                await socket.open()
            socket.send("40" + msgspec.json.encode({"token": self.token}).decode())
            self._socket = socket
            self._write(Connected(at=time.time(), hub=str(port)))
            while True:
                await self.reading.wait()
                self._take(await socket.read())
        finally:
            socket.abort()

    def _left(self, reason: str) -> None:
        if self._socket:
            self._write(Disconnected(at=time.time(), reason=reason))
        self._socket = None
        self._joined.clear()
        for _, timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()

    def _take(self, packet: str) -> None:
        if packet == "2" and self._socket:
            self._socket.send("3")
        elif packet.startswith("40"):
            for conversation in self.journal.conversations:
                self._join(conversation)
        elif packet.startswith("42"):
            self._hear(*msgspec.json.decode(packet[2:]))
        elif packet.startswith("43"):
            digits = packet[2 : packet.index("[")]
            answered, timer = self._waiting.pop(int(digits))
            timer.cancel()
            answered(msgspec.json.decode(packet[2 + len(digits) :])[0])
        elif packet.startswith("44"):
            self._refused("connect", msgspec.json.decode(packet[2:])["data"])
            self.hang_up()
        elif packet.startswith("41"):
            self.hang_up()

    def _hear(self, event: str, payload: Any) -> None:
        if event in ("message:received", "message:edited"):
            seen = _seen(payload["message"])
            self._note_version(seen.conversation, seen.version)
            self._write(Heard(at=time.time(), seen=seen, edited=event == "message:edited"))
        elif event == "error":
            self._refused(payload["event"], payload)

    def _join(self, conversation: str) -> None:
        since = self.version(conversation)

        def answered(answer: Any) -> None:
            if "error" in answer:
                if self._refused("join:conversation", answer):
                    self._later(self._join, conversation)
                return
            self._note_version(conversation, answer["version"])
            messages = [_seen(message) for message in answer["messages"]]
            self._write(
                Joined(
                    at=time.time(),
                    conversation=conversation,
                    since=since,
                    last_seq=answer["lastSeq"],
                    version=answer["version"],
                    messages=messages,
                )
            )
            self._joined.add(conversation)
            if not answer["complete"]:
                self._refused("join:conversation", {"error": {"code": "INCOMPLETE"}})
            for sent in list(self._unacked.values()):
                if sent.conversation == conversation:
                    self._emit_send(sent)

        self._emit("join:conversation", {"conversationId": conversation, "since": since}, answered)

    def _emit_send(self, sent: Sent) -> None:
        def answered(answer: Any) -> None:
            if "error" not in answer:
                self._acked(sent, answer)
            elif self._refused("message:send", answer, sent.client_id):
                self._later(self._emit_send, sent)
            else:
                self._unacked.pop(sent.client_id, None)

        if self._socket and sent.conversation in self._joined and sent.client_id in self._unacked:
            payload = {"conversationId": sent.conversation, "content": sent.content, "clientId": sent.client_id}
            self._emit("message:send", payload, answered)

    def _acked(self, sent: Sent, answer: Any) -> None:
        self._unacked.pop(sent.client_id, None)
        place = {"id": answer["id"], "seq": answer["seq"], "duplicate": answer["duplicate"]}
        self._write(Acked(at=time.time(), conversation=sent.conversation, client_id=sent.client_id, **place))

    def _edited(self, answer: Any) -> None:
        if "error" in answer:
            self._refused("message:edit", answer)
        else:
            self._write(EditAcked(at=time.time(), seen=_seen(answer["message"])))

    def _checked(self, event: str, answer: Any, done: Callable[[], None]) -> None:
        if "error" in answer:
            self._refused(event, answer)
        else:
            done()

    def _refused(self, event: str, answer: Any, client_id: str = "") -> bool:
        """Note an error; say whether it is worth another try."""
        code = answer["error"]["code"]
        retryable = code in errors.TABLE and errors.TABLE[code].retryable
        self._write(
            Refused(
                at=time.time(), event=event, code=code, retryable=retryable, client_id="" if retryable else client_id
            )
        )
        return retryable

    def _emit(self, event: str, payload: dict[str, Any], answered: Callable[[Any], None]) -> None:
        if not self._socket:
            return
        number = next(self._acks)
        timer = asyncio.get_running_loop().call_later(self.patience, self.hang_up)
        self._waiting[number] = (answered, timer)
        with contextlib.suppress(OSError):
            self._socket.send(f"42{number}" + msgspec.json.encode([event, payload]).decode())

    def _later(self, work: Callable[[Any], None], item: Any) -> None:
        """Try again, unless the connection is another one by then."""
        socket = self._socket
        asyncio.get_running_loop().call_later(RETRY_SECONDS, lambda: work(item) if self._socket is socket else None)

    def _note_version(self, conversation: str, version: int) -> None:
        self._versions[conversation] = max(self.version(conversation), version)

    def _write(self, line: Line) -> None:
        self.journal.lines.append(line)
        self._wrote(line)


def _seen(message: Any) -> Seen:
    return Seen(message["conversationId"], message["seq"], message["version"], message["id"], message["content"])
