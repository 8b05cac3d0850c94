"""What a handler is given: the opened resources of the process, and who is asking."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from redis.asyncio import Redis

from config.settings import Settings
from core.base.people import Person
from core.base.publisher import Publisher
from core.limits.offenders import Offenders
from core.limits.shared_limits import SharedLimits
from core.platform.db import Connection, Db, Pool
from core.platform.fair_queue import Turns
from core.platform.observability.metrics import Metrics
from core.platform.outgoing import Outgoing
from core.platform.passwords import Passwords
from core.platform.replica import LateReads
from core.platform.sequences import NewIds
from core.platform.storage import Storage
from core.platform.tokens import KeyRing
from core.search.totals import Totals
from core.work.jobs import Jobs
from core.work.policy import Policy


class Transaction(Protocol):
    """What a context needs of the unit of work that it belongs to: see unit_of_work.py."""

    db: Connection


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process has open for as long as it lives."""

    settings: Settings
    db: Pool
    late_reads: LateReads
    redis: Redis
    jobs: Jobs
    keys: KeyRing
    storage: Storage
    metrics: Metrics
    limits: SharedLimits
    offenders: Offenders
    passwords: Passwords
    decoders: Turns
    totals: Totals
    ids: NewIds
    outgoing: Outgoing


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking, as the access token and the live session say."""

    id: UUID
    market: str
    role: str
    email: str | None
    session_id: UUID
    person: Person


@dataclass(frozen=True, slots=True)
class Ctx:
    """One request, socket event or job: its resources, its marketplace's policy, its user (None: anonymous), where it comes from.

    `device` is the token by which a browser or app shows that it was logged in before: see known_devices.py.
    `flow_secret` is that of a browser which logs in by a provider: see core/accounts/oauth/flows.py.
    `access_token` is what the request shows, right or wrong: `caller` is who it turned out to be.
    `work` is the transaction that all of it happens in, if that was opened before the handler: see idempotency.py.
    """

    resources: Resources
    publisher: Publisher
    policy: Policy
    request_id: str
    remote: str = ""
    user_agent: str = ""
    device: str = ""
    flow_secret: str = ""
    access_token: str = ""
    caller: User | None = None
    idempotency_key: str = ""
    if_match: str = ""
    if_none_match: str = ""
    work: Transaction | None = None

    def new_id(self) -> UUID:
        """Return an id for what clients see; raises UNAVAILABLE."""
        return self.resources.ids.of(self.policy.name)

    @property
    def db(self) -> Db:
        """Where to read."""
        return self.work.db if self.work else self.resources.db

    @property
    def user(self) -> User:
        """The caller of a handler that only users may call."""
        if self.caller is None:
            raise RuntimeError("a handler for users was called without one")
        return self.caller
