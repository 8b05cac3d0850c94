"""What a process knows of the addresses that are at its ports, and the wheel on which it waits for them."""

from collections import defaultdict
from time import monotonic
from typing import TYPE_CHECKING, Final

from core.budget import Buckets, Rate
from realtime.engine.heartbeat import Wheel

if TYPE_CHECKING:
    from realtime.engine.config import Config

MAX_HEADS: Final = 200  # connections of an address that have not sent their first request yet
MAX_STRANGERS: Final = 100  # sessions of an address that no namespace has let in yet
STRANGERS_TIME: Final = 1.0  # seconds after which some of them will be in
# Sessions that an address may open: an office whose hub was restarted is back at once, a larger one by trying again.
SESSIONS: Final = Rate("sessions", 500, 25)
TICKS: Final = 32  # of the wheel, within the shorter of the heartbeat's two delays


class Counts:
    """How many of a kind each subject has, at most `most`; "" is not counted."""

    __slots__ = ("_most", "_of")

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: defaultdict[str, int] = defaultdict(int)

    def is_full(self, subject: str) -> bool:
        """Whether the subject may have no more."""
        return self._of.get(subject, 0) >= self._most

    def enter(self, subject: str) -> None:
        """Count one more."""
        if subject:
            self._of[subject] += 1

    def leave(self, subject: str) -> None:
        """Count one less."""
        if subject:
            self._of[subject] -= 1
            if not self._of[subject]:
                del self._of[subject]


class Guard:
    """Counts what addresses have open."""

    def __init__(self, config: "Config") -> None:
        self.config = config
        self.wheel = Wheel(min(config.ping_interval, config.ping_timeout) / TICKS)
        self.heads = Counts(config.max_heads)
        self.strangers = Counts(config.max_strangers)
        self._sessions = Buckets(config.sessions)

    def subject(self, address: str) -> str:
        """Return what an address is counted as, "" if it is not counted."""
        config = self.config
        return "" if not config.rates or config.trusted(address) else config.subject(address)

    def wait(self, address: str, subject: str) -> float:
        """Return 0.0 if an address may open one more session, or the seconds after which it is worth another try."""
        if not subject:
            return 0.0
        wait = STRANGERS_TIME if self.strangers.is_full(subject) else self._sessions.take(subject, monotonic())
        if wait <= 0.0:
            return 0.0
        self.config.limited("sessions", address)
        return wait
