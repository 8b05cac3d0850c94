"""Small applications on the engine, which tell the test what happens to them."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from realtime.engine.session import Layer, Session
from realtime.engine.socketio.sockets import Socket, socketio
from tests.flow.engine.serving import PATIENCE


class Story:
    """What happened, in order; `next` waits for what was not told yet."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()

    def tell(self, *what: object) -> None:
        self.told.put_nowait(what)

    async def next(self) -> tuple[object, ...]:
        async with asyncio.timeout(PATIENCE):
            return await self.told.get()


class Recorder:
    """A bare layer that tells everything it hears."""

    def __init__(self, story: Story, session: Session) -> None:
        self.story = story
        self.session = session
        story.tell("opened", session)

    def message(self, data: str | bytes) -> None:
        self.story.tell("message", data)

    def fell_behind(self) -> None:
        self.story.tell("fell behind")

    def caught_up(self) -> None:
        self.story.tell("caught up")

    def closed(self, reason: str) -> None:
        self.story.tell("closed", reason)


def recorder(story: Story) -> Callable[[Session], Layer]:
    return lambda session: Recorder(story, session)


class Teller(Socket):
    """A Socket.IO client's socket that tells everything, and lets the test decide who joins."""

    __slots__ = ("story",)
    story: Story

    def on_connect(self, auth: bytes) -> None:
        self.story.tell("connect", self, auth)

    def on_event(self, name: str, args: bytes, attachments: Sequence[bytes], ack: int | None) -> None:
        self.story.tell("event", name, args, list(attachments), ack)

    def on_ack(self, id: int, args: bytes, attachments: Sequence[bytes]) -> None:
        self.story.tell("ack", id, args, list(attachments))

    def on_disconnect(self, reason: str) -> None:
        self.story.tell("disconnect", self.namespace, reason)

    def on_behind(self) -> None:
        self.story.tell("fell behind")

    def on_caught_up(self) -> None:
        self.story.tell("caught up")


def tellers(story: Story, *namespaces: str) -> Callable[[Session], Layer]:
    """The Socket.IO layer with tellers in all `namespaces`."""

    def make(session: Session) -> Teller:
        socket = Teller(session)
        socket.story = story
        return socket

    return socketio(dict.fromkeys(namespaces or ("/",), make))


class Greeter(Socket):
    """An application for official clients: acks, binary, refusal, goodbye."""

    __slots__ = ()

    def on_connect(self, auth: bytes) -> None:
        if msgspec.json.decode(auth) == {"token": "wrong"}:
            self.refuse("who are you?", {"code": "unauthorized"})
        else:
            self.accept()
            self.emit("welcome", msgspec.json.decode(auth))

    def on_event(self, name: str, args: bytes, attachments: Sequence[bytes], ack: int | None) -> None:
        if name == "leave":
            self.disconnect()
        elif name == "die":
            self.disconnect(close=True)
        elif name == "ask":
            self.emit("question", 20, 22, ack=1)
        elif ack is not None:
            self.ack(ack, len(args), *attachments)

    def on_ack(self, id: int, args: bytes, attachments: Sequence[bytes]) -> None:
        self.emit("answered", id, msgspec.json.decode(args))


greeters = socketio({"/": Greeter, "/other": Greeter})
