"""Bounds what each address may have open at the ports of a process; holds the wheel with their deadlines."""

from time import monotonic
from typing import TYPE_CHECKING, Final

from core.budget import Nested, NestedBuckets, Rate
from core.crowd import Crowd, Guest
from realtime.engine.budget import Turns
from realtime.engine.heartbeat import Wheel

if TYPE_CHECKING:
    from realtime.engine.config import Config

# Bounds per address. One more evicts the oldest: an honest client is past this stage at once, so those that only hold places go.
MAX_HEADS: Final = 500  # connections that have not sent their first request yet
MAX_STRANGERS: Final = 1000  # sessions that no namespace has let in yet
MAX_KEPT: Final = 500  # HTTP connections; the least recently used one is evicted
# Bytes of messages and bodies that have begun; beyond, the connection that holds most is closed.
MAX_HELD: Final = 8 * 1024 * 1024
LEAST_HELD: Final = 4096  # bytes of one connection that are not worth counting
# Sessions that an address may open: an office whose hub was restarted is back at once, a larger one by trying again.
SESSIONS: Final = Rate("sessions", 1000, 5)
TARPIT: Final = 1.0  # seconds until a refused session is answered: it slows down clients that retry in a loop
TICKS: Final = 32  # of the wheel, within the shorter of the heartbeat's two delays


class Held:
    """The bytes of unfinished messages and bodies of each subject, at most `most` times its factor: beyond, the largest goes."""

    __slots__ = ("_most", "_of")

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, dict[Guest, int]] = {}

    def put(self, subjects: Nested, guest: Guest, size: int) -> None:
        """Note what one holds now."""
        for subject, factor in subjects:
            sizes = self._of.setdefault(subject, {})
            if size < LEAST_HELD:
                sizes.pop(guest, None)
            else:
                sizes[guest] = size
                if sum(sizes.values()) > self._most * factor:
                    max(sizes, key=sizes.__getitem__).crowded_out()
            if not sizes:
                self._of.pop(subject, None)


class Guard:
    """The bounds of one process."""

    def __init__(self, config: "Config") -> None:
        self.config = config
        self.wheel = Wheel(min(config.ping_interval, config.ping_timeout) / TICKS)
        self.heads = Crowd(config.max_heads)
        self.strangers = Crowd(config.max_strangers)
        self.kept = Crowd(config.max_kept)
        self.held = Held(config.max_held)
        self.turns = Turns()
        self._sessions = NestedBuckets(config.sessions)

    def subjects(self, address: str) -> Nested:
        """Return what an address is counted as; nothing if it is not counted."""
        config = self.config
        return () if not address or not config.rates or config.trusted(address) else config.subjects(address)

    def wait(self, address: str, subjects: Nested) -> float:
        """Return 0.0 if an address may open one more session, or the seconds after which it is worth another try."""
        wait = self._sessions.take(subjects, monotonic())
        if wait > 0.0:
            self.config.limited("sessions", address)
        return wait
