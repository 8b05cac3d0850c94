"""Kinds of verifications, as data of a marketplace, and what a provider has to do. It brings its own driver."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol, TypeAlias
from uuid import UUID

import msgspec

from core.base import errors
from core.base.answers import RawBody
from core.limits.budget import Rate
from core.work.context import Ctx
from core.work.notices import Notice
from core.work.policy import Policy
from core.work.rules.accounts import HOUR

State: TypeAlias = Literal["pending", "approved", "rejected", "expired", "revoked"]
# What each may become. Only an open one is decided, and only an approval is taken back.
STATES: dict[State, frozenset[State]] = {
    "pending": frozenset({"approved", "rejected", "expired"}),
    "approved": frozenset({"revoked"}),
    "rejected": frozenset(),
    "expired": frozenset(),
    "revoked": frozenset(),
}


class Asked(msgspec.Struct, frozen=True):
    """A request at a provider: its id there, what its user is shown (the number to pick in its app), when it ends there."""

    ref: str
    code: str
    expires_at: datetime


class Outcome(msgspec.Struct, frozen=True):
    """What has become of a request. `person`: the id number of whoever answered it, needed to approve; `claims`: what else is
    known of her. `request_id` or `ref` say of which request, where the provider calls.
    """

    state: Literal["approved", "rejected", "expired"]
    person: str = ""
    claims: dict[str, str] = {}
    request_id: UUID | None = None
    ref: str = ""


class Provider(Protocol):
    """Finds out whether a user is the person with an id number."""

    async def start(self, ctx: Ctx, id: UUID, person: str) -> Asked:
        """Ask this person, for the request `id` of ours. Raises OutgoingError, AppError."""
        ...

    async def poll(self, ctx: Ctx, asked: Asked, person: str) -> Outcome | None:
        """Return what has become of a request; None: nothing yet, or who answered is known by the callback only.

        Raises OutgoingError.
        """
        ...

    async def read(self, ctx: Ctx, raw: RawBody) -> Outcome:
        """Verify and read a callback; raises FORBIDDEN, OutgoingError."""
        ...


class Kind(msgspec.Struct, frozen=True):
    """A kind. `provider`: None: a person decides, by files of the purpose `documents`, if that is named.

    `normal`: the one form of an id number, None for what is none; `claims`: those that are stored of what the provider knows;
    `notice`: tells the user (`state`) what was decided. `starts`: of a user, and of an id number; `from_address`: of an address.
    """

    name: str
    provider: Provider | None = None
    documents: str = ""
    normal: Callable[[str], str | None] = lambda given: given.strip() or None
    claims: frozenset[str] = frozenset()
    notice: Notice | None = None
    starts: Rate = Rate("identity", 5, HOUR)
    from_address: Rate = Rate("identity-address", 50, HOUR)


def kind_of(policy: Policy, name: str) -> Kind:
    """Return a kind of a marketplace; raises VALIDATION_ERROR."""
    for kind in policy.verifications:
        if kind.name == name and isinstance(kind, Kind):
            return kind
    raise errors.invalid("kind", f"Must be one of: {', '.join(one.name for one in policy.verifications)}")
