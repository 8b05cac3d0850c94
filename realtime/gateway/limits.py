"""Limits of users on this hub: events with a weight are paid from the budget shared with calls and other hubs, the rest locally.

Nothing here waits: an event is allowed or refused at once, see core/limits/shared_limits.py.
"""

from collections.abc import Mapping
from math import ceil
from time import monotonic
from typing import Final, NoReturn
from uuid import UUID

from core.base import errors
from core.limits import weights
from core.limits.address import AddressBuckets, subject
from core.limits.budget import Bucket, Buckets, Rate, Subjects
from core.limits.offenders import Offenders
from core.limits.shared_limits import SharedLimits
from core.limits.weights import Weight
from core.platform.tokens import Access
from core.work.context import User
from realtime import wire

# All events without a weight, unknown events, and opening a socket; of a user on one hub.
# Generous: it only stops a faulty client.
OTHER_EVENTS: Final = Rate("events", 200, 10)
# CONNECTs on one hub: of an address, with a token that we have not signed or that has expired; of a login, because it has ended.
FAILED_CONNECTS: Final = Rate("failed-connects", 100, 20)
MOST_USERS: Final = 100_000  # with a bucket here: more than one hub can serve
SOCKETS: Final = 20  # of a user on one hub: more than devices and tabs
UNKNOWN: Final = ""  # not the name of an event
CONNECT: Final = UNKNOWN
MESSAGES: Final = "messages"  # the kind, in metrics and logs, of events with a weight

WEIGHTS: Final[Mapping[str, Weight]] = {
    wire.SendMessage.name: weights.MESSAGE,
    wire.EditMessage.name: weights.EDIT,
    wire.DeleteMessage.name: weights.DELETE,
    wire.ReactToMessage.name: weights.REACTION,
    wire.CreateConversation.name: weights.GROUP,
    wire.AddMembers.name: weights.MEMBERS,
    wire.RemoveMember.name: weights.REMOVAL,
}


class Limiter:
    """The budgets of the users of one hub; `messages` is the rate of each market. None: nothing is limited."""

    def __init__(self, shared: SharedLimits, offenders: Offenders, messages: Mapping[str, Rate] | None) -> None:
        self._shared = shared
        self._offenders = offenders
        self._is_on = messages is not None
        self._messages = {
            market: shared.balances(market, rate, MOST_USERS) for market, rate in (messages or {}).items()
        }
        self._others = Subjects(self._other_events, MOST_USERS)
        self._failed = AddressBuckets(FAILED_CONNECTS)
        self._failed_logins = Buckets(FAILED_CONNECTS)

    def take(self, user: bytes, market: str, event: str) -> None:
        """Pay for an event before it is decoded; raises RATE_LIMITED."""
        if not self._is_on:
            return
        now = monotonic()
        weight = WEIGHTS.get(event)
        if weight is None:
            wait = self._others.of(user, now).take(now)
        else:
            wait = self._shared.spend(self._messages[market].of(user, now), now, weight.base)
        if wait > 0.0:
            self._refuse(OTHER_EVENTS.name if weight is None else MESSAGES, str(UUID(bytes=user)), wait)

    def charge(self, user: bytes, market: str, cost: float) -> None:
        """Charge what a decoded event costs beyond what `take` has taken."""
        if self._is_on:
            now = monotonic()
            self._shared.charge(self._messages[market].of(user, now), now, cost)

    def open(self, user: User, sockets: int) -> None:
        """Pay for one more socket of a user who has `sockets`; raises RATE_LIMITED, TOO_MANY_CONNECTIONS."""
        key, id = user.id.bytes, str(user.id)
        self.take(key, user.market, CONNECT)
        if sockets >= SOCKETS * self._shared.factor(id):
            self._offenders.limited("sockets", id)
            raise errors.TOO_MANY_CONNECTIONS.error()
        if self._is_on and not sockets:  # fetch what the user has spent on other hubs
            self._shared.refresh(self._messages[user.market].of(key, monotonic()))

    def fail(self, address: str) -> None:
        """Count a CONNECT without a token that we have signed; raises RATE_LIMITED if there were too many from there."""
        wait = self._failed.take(address, monotonic()) if self._is_on else 0.0
        if wait > 0.0:
            self._refuse(FAILED_CONNECTS.name, subject(address), wait)

    def look_up(self, claims: Access) -> None:
        """Pay for looking up the login of a verified token; raises RATE_LIMITED. It is not charged to the address."""
        wait = self._failed_logins.take(claims.session_id.bytes, monotonic()) if self._is_on else 0.0
        if wait > 0.0:
            self._refuse(FAILED_CONNECTS.name, str(claims.user_id), wait)

    def looked_up(self, claims: Access) -> None:
        """Put back what `look_up` took: the login has not ended."""
        if self._is_on:
            now = monotonic()
            self._failed_logins.of(claims.session_id.bytes, now).charge(now, -1.0)

    def _other_events(self, user: str | bytes) -> Bucket:
        assert isinstance(user, bytes)  # noqa: S101
        return Bucket(self._shared.rate_of(OTHER_EVENTS, str(UUID(bytes=user))))

    def _refuse(self, kind: str, subject: str, wait: float) -> NoReturn:
        self._offenders.limited(kind, subject)
        error = errors.RATE_LIMITED.error(f"Slow down: try again in {ceil(wait)} s")
        error.retry_after = wait
        raise error
