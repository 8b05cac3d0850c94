"""The states of a ticket, as a table: which one may follow which, by what staff decides and by what customers write."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from core.base import errors

State: TypeAlias = Literal["open", "pending", "on_hold", "resolved", "closed", "reopened"]
Priority: TypeAlias = Literal["urgent", "high", "medium", "low"]

NEXT: Final[Mapping[State, frozenset[State]]] = {
    "open": frozenset({"pending", "on_hold", "resolved", "closed"}),
    "pending": frozenset({"open", "on_hold", "resolved", "closed"}),
    "on_hold": frozenset({"open", "pending", "resolved", "closed"}),
    "reopened": frozenset({"pending", "on_hold", "resolved", "closed"}),
    "resolved": frozenset({"reopened", "closed"}),
    "closed": frozenset(),
}
# When the customer writes.
WRITTEN: Final[Mapping[State, State]] = {"pending": "open", "resolved": "reopened"}
DONE: Final[frozenset[State]] = frozenset({"resolved", "closed"})


def require(before: State, after: State) -> None:
    """Raise TICKET_STATE_NOT_POSSIBLE unless a ticket may go from one state to another."""
    if after not in NEXT[before]:
        raise errors.TICKET_STATE_NOT_POSSIBLE.error(f"A ticket that is {before} cannot become {after}")
