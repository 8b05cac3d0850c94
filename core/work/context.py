"""The context of a call: the resources of the process, and the caller."""

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
from core.platform.sealing.sealing import Sealing
from core.platform.sequences import NewIds
from core.platform.storage import Storage
from core.platform.tokens import KeyRing
from core.search.totals import Totals
from core.work.jobs import Jobs
from core.work.policy import Policy


class Transaction(Protocol):
    """The part of a unit of work that a context uses: see unit_of_work.py."""

    db: Connection


@dataclass(frozen=True, slots=True)
class Resources:
    """Connections and clients that a process opens at its start and closes at its end."""

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
    sealing: Sealing


@dataclass(frozen=True, slots=True)
class User:
    """The caller, as given by the access token and the session."""

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
    `access_token` is the token of the request, valid or not; `caller` is its user if it is valid.
    `role` and `language` are of a call whose answer callers share, instead of its caller: see api/calls/caching.py.
    `work` is the transaction of the whole call, if it was opened before the handler: see idempotency.py.
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
    role: str = ""
    language: str = ""
    work: Transaction | None = None

    def new_id(self) -> UUID:
        """Return an id for what clients see; raises UNAVAILABLE."""
        return self.resources.ids.of(self.policy.name)

    def sealed(self, column: str, row: object, text: str) -> str:
        """Return what is stored of a text that may hold what this marketplace seals."""
        return self.resources.sealing.seal(self.policy.name, column, row, text) if self.policy.seals else text

    @property
    def db(self) -> Db:
        """The database to read from."""
        return self.work.db if self.work else self.resources.db

    @property
    def user(self) -> User:
        """The caller of a handler that only users may call."""
        if self.caller is None:
            raise RuntimeError("a handler for users was called without one")
        return self.caller
