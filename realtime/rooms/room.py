"""The room: the actor of one conversation on one hub. It owns who is in it, what has been delivered, and in which order."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias
from uuid import UUID

from core.base import errors
from core.chat.rooms import RoomState
from realtime.bus.deliveries import NOBODY
from realtime.dialect.encoder import CORE, Encoder
from realtime.engine.session import Session

if TYPE_CHECKING:
    from realtime.rooms.client import Client

Stamp: TypeAlias = tuple[int, int, int]  # and the seq and version that had been delivered by then

MAILBOX = 20_000  # commands; all members may reconnect at once
SMALL = 100  # members up to which positions, typing and presence are sent to all


class Room:
    """Delivers the changes of one conversation in the order of their versions, each once.

    Asleep until its state is loaded: commands wait in the mailbox, changes from the bus are held. Awake, a change with the next
    version is delivered at once; a later one is held until the gap before it is filled, by the bus or from the log.
    """

    __slots__ = (
        "awake",
        "closed_at",
        "dirty",
        "encoder",
        "flushed",
        "frames",
        "held",
        "id",
        "idle_since",
        "ids",
        "is_blocked",
        "key",
        "lagging",
        "mailbox",
        "market",
        "members",
        "seq",
        "signals",
        "sockets",
        "stamps",
        "typing",
        "version",
        "wanted",
    )

    def __init__(self, id: UUID) -> None:
        self.id = id
        self.key = id.bytes
        self.market = ""
        self.encoder = CORE  # of its marketplace, once it is awake
        self.awake = False
        self.closed_at: datetime | None = None
        self.is_blocked = False
        self.dirty = False
        self.seq = 0
        self.version = 0
        self.flushed = (0, 0)  # seq and version up to which frames were given to the sockets
        self.members: dict[bytes, int] = {}  # by user key, how far each has read
        self.ids: dict[bytes, UUID] = {}  # of small rooms: making an id of a key costs a microsecond each
        self.sockets: dict[Session, Client] = {}
        self.lagging: dict[
            Session, tuple[int, int]
        ] = {}  # slow sockets, with the seq and version that they have received
        self.frames: list[bytes] = []
        self.held: dict[int, tuple[bytes, bytes]] = {}
        self.signals: dict[tuple[bytes, bool], bytes] = {}
        self.typing: set[bytes] = set()  # users whose typing was sent to the sockets here, or will be: see typing.py
        self.mailbox: list[tuple[Callable[[Room], None], Callable[[errors.AppError], None]]] = []
        self.idle_since = 0.0
        self.wanted = True
        self.stamps: list[Stamp] = []  # of the last turns in which something was delivered: see stamps.py

    def post(self, command: Callable[["Room"], None], refused: Callable[[errors.AppError], None]) -> None:
        """Run a command now, or when the room is awake; `refused` is called if it cannot wake or too many commands wait."""
        if self.awake:
            command(self)
        elif len(self.mailbox) >= MAILBOX:
            refused(errors.UNAVAILABLE.error())
        else:
            self.mailbox.append((command, refused))

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent: it is not closed, and neither of two people has blocked the other."""
        return not (self.closed_at or self.is_blocked)

    def require_open(self) -> None:
        """Raise CONVERSATION_CLOSED or USER_UNREACHABLE if no messages may be sent."""
        if self.closed_at:
            raise errors.CONVERSATION_CLOSED.error()
        if self.is_blocked:
            raise errors.USER_UNREACHABLE.error()

    def update(self, state: RoomState) -> None:
        """Take from a loaded state whether messages may be sent."""
        self.closed_at, self.is_blocked = state.closed_at, state.is_blocked

    @property
    def small(self) -> bool:
        """Whether positions, typing and presence are sent to all members."""
        return len(self.members) <= SMALL

    def others(self, user_key: bytes) -> list[Session]:
        """Return the sockets of all other users."""
        return [session for session, client in self.sockets.items() if client.user_key != user_key]

    def enter(self, client: "Client", seq: int, version: int) -> None:
        """Deliver live to a client that has received all up to `version`; it stays in `lagging` while it misses something.

        Frames that wait for the end of the turn will reach it, so only what has been flushed can be missed.
        """
        if version < self.flushed[1] or client.session.behind:
            self.lagging[client.session] = (seq, version)
        else:
            self.lagging.pop(client.session, None)
            self.sockets[client.session] = client

    def wake(self, market: str, encoder: Encoder, seq: int, version: int) -> None:
        """Start from a loaded state."""
        self.market, self.encoder = market, encoder
        self.seq, self.version, self.flushed = seq, version, (seq, version)
        self.awake = True
        self._release()
        mailbox, self.mailbox = self.mailbox, []
        for command, _ in mailbox:
            command(self)

    def refuse(self, error: errors.AppError) -> None:
        """Refuse all waiting commands: the room could not wake."""
        mailbox, self.mailbox = self.mailbox, []
        for _, refused in mailbox:
            refused(error)

    def apply(self, version: int, frame: bytes, author: bytes) -> bool:
        """Apply change number `version`, a new message by `author` or (NOBODY) another change; return whether there is a gap."""
        if version == self.version + 1 and self.awake:
            self._deliver(frame, author)
            if self.held:
                self._release()
        elif version > self.version:
            self.held[version] = (frame, author)
        return bool(self.held) and self.awake

    def jump(self, seq: int, version: int, frames: list[bytes]) -> None:
        """Apply the changes up to `version` from the log, where the newest message is `seq`."""
        if version > self.version:
            self.frames.extend(frames)
            self.seq, self.version = seq, version
            if not self.frames:
                self.flushed = (seq, version)
            self._release()

    def gathered(self) -> bytes:
        """Take the frames of this turn, joined."""
        frames = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        self.flushed = (self.seq, self.version)
        return frames

    def _deliver(self, frame: bytes, author: bytes) -> None:
        self.version += 1
        self.frames.append(frame)
        if author != NOBODY:
            self.seq += 1
            self.members[author] = self.seq  # sending a message marks the conversation as read

    def _release(self) -> None:
        while held := self.held.pop(self.version + 1, None):
            self._deliver(*held)
        for version in [version for version in self.held if version <= self.version]:
            del self.held[version]
