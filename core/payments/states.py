"""What the states of payments are and which may follow which: tables that the database holds too (`payment_may_become`).

An intent only moves forward, so that old news changes nothing. A failed one may still be paid, because payers try again.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, TypeAlias

IntentState: TypeAlias = Literal[
    "created", "pending", "processing", "authorized", "succeeded", "failed", "canceled", "mismatch"
]
RefundState: TypeAlias = Literal["requested", "sent", "pending", "succeeded", "failed"]
DisputeState: TypeAlias = Literal["inquiry", "open", "won", "lost", "closed"]
# canceled: it goes on until its period ends, and is not renewed.
SubscriptionState: TypeAlias = Literal["created", "incomplete", "active", "past_due", "canceled", "ended"]

Moves: TypeAlias = Mapping[str, frozenset[str]]
INTENT: Final[Moves] = {
    "created": frozenset({"pending", "processing", "authorized", "succeeded", "failed", "canceled", "mismatch"}),
    "pending": frozenset({"processing", "authorized", "succeeded", "failed", "canceled", "mismatch"}),
    "processing": frozenset({"authorized", "succeeded", "failed", "canceled", "mismatch"}),
    "failed": frozenset({"authorized", "succeeded", "mismatch"}),
    "authorized": frozenset({"succeeded", "failed", "canceled", "mismatch"}),
    "canceled": frozenset({"mismatch"}),
    "mismatch": frozenset({"succeeded", "canceled"}),  # which a person decides
    "succeeded": frozenset(),
}
REFUND: Final[Moves] = {
    "requested": frozenset({"sent", "failed"}),
    "sent": frozenset({"requested", "pending", "succeeded", "failed"}),  # requested: the provider knows nothing of it
    "pending": frozenset({"succeeded", "failed"}),
    "succeeded": frozenset({"failed"}),  # some banks give it back
    "failed": frozenset(),
}
DISPUTE: Final[Moves] = {
    "inquiry": frozenset({"open", "won", "lost", "closed"}),
    "open": frozenset({"won", "lost", "closed"}),
    "won": frozenset(),
    "lost": frozenset(),
    "closed": frozenset(),
}

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# When the provider is asked about an intent next: after the first time, then twice as late each time, at most the second.
# Those that succeeded too, for WATCHED, because the webhook of a refund or a dispute may be lost; those that failed until a day
# after they expire, because that of another try may be.
ASKED: Final[Mapping[str, tuple[timedelta, timedelta]]] = {
    "created": (MINUTE, HOUR),
    "pending": (2 * MINUTE, HOUR),
    "processing": (5 * MINUTE, 6 * HOUR),
    "authorized": (HOUR, DAY),
    "failed": (5 * MINUTE, 6 * HOUR),
    "succeeded": (DAY, 16 * DAY),
}
WATCHED: Final = 30 * DAY
GIVEN_UP: Final = 10 * DAY  # without a change, and a person has to look; debits of bank accounts take a week


def after(state: str, checks: int) -> timedelta | None:
    """Return how long to wait before asking again, `checks` times asked already; None: for ever."""
    if state not in ASKED:
        return None
    first, last = ASKED[state]
    return min(first * (1 << min(checks, 20)), last)
