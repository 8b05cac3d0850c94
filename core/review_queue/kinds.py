"""Kinds of review tasks, as data of a marketplace: which decisions there are, who makes them, how soon, and what follows."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

from core.base.people import Person
from core.review_queue.table import ReviewTask
from core.work.context import Ctx
from core.work.policy import Policy
from core.work.unit_of_work import UnitOfWork

OPEN: Final = "open"
ADMIN: Final = "admin"  # the role that may decide everything
OPERATOR: Final = "operator:"  # how the ids of reviewers begin, and those of users
USER: Final = "user:"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided, one of the decisions of the task's kind, and her note about it."""

    name: str
    note: str
    reviewer: "Reviewer"


# What follows from a decision, in the transaction that makes it: an error of it takes the decision back.
Decided: TypeAlias = Callable[[UnitOfWork, ReviewTask, Decision], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class ReviewKind:
    """A kind of tasks, decided by people of a role within `sla`.

    `decisions`, by state: the decisions that are possible in it. A task is `open`, then in the state that is called like its last
    decision; a decision without a row is final. With `{"open": ("approve", "hold"), "hold": ("approve",)}` what is on hold can be
    decided later.
    `appealable`: final decisions that the user whom they are about may appeal, once.
    `is_evidence`: the facts of an open task stay as they were first; otherwise a repeated request brings newer ones.
    """

    name: str
    decisions: Mapping[str, tuple[str, ...]]
    decided: Decided
    role: str = "moderator"
    sla: timedelta = timedelta(days=1)
    appealable: frozenset[str] = frozenset()
    is_evidence: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What a task is about: `type` as the marketplace calls it ("listing"), and its id. `user_id`: whose it is."""

    type: str
    id: UUID
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who decides, and what she may decide: kinds, with their marketplaces' policies, by "market/kind"."""

    id: str
    name: str
    queues: Mapping[str, tuple[Policy, ReviewKind]]

    @property
    def facts(self) -> dict[str, str]:
        """What the audit log says of an operator; a user is its actor."""
        return {"operator": self.name} if self.id.startswith(OPERATOR) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffCtx(Ctx):
    """A call of somebody who reviews, but is not a user of a marketplace."""

    reviewer: Reviewer


def kinds_of(policy: Policy) -> list[ReviewKind]:
    """Return the kinds of a marketplace's review tasks."""
    return [one for one in policy.review_kinds if isinstance(one, ReviewKind)]


def kind_named(policy: Policy, name: str) -> ReviewKind | None:
    """Return the kind of this name, if the marketplace has it."""
    return next((one for one in kinds_of(policy) if one.name == name), None)


def operator(name: str, roles: frozenset[str], policies: Iterable[Policy]) -> Reviewer:
    """Return an operator as a reviewer."""
    return Reviewer(OPERATOR + name, name, _queues(roles, policies))


def user(person: Person, role: str, policy: Policy) -> Reviewer:
    """Return a user, who has a role in her marketplace, as a reviewer."""
    return Reviewer(f"{USER}{person.id}", person.name, _queues(frozenset({role}), (policy,)))


def _queues(roles: frozenset[str], policies: Iterable[Policy]) -> dict[str, tuple[Policy, ReviewKind]]:
    return {
        f"{policy.name}/{kind.name}": (policy, kind)
        for policy in policies
        for kind in kinds_of(policy)
        if {kind.role, ADMIN} & roles
    }
