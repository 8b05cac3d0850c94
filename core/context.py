"""What a handler is given: the opened resources of the process, and who is asking."""

from dataclasses import dataclass
from uuid import UUID

from redis.asyncio import Redis

from config.settings import Settings
from core.db import Pool
from core.jobs import Jobs
from core.metrics import Metrics
from core.people import Person
from core.publisher import Publisher
from core.tokens import KeyRing


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process has open for as long as it lives."""

    settings: Settings
    db: Pool
    redis: Redis
    jobs: Jobs
    keys: KeyRing
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class User:
    """Who is asking, as the access token and the live session say."""

    id: UUID
    market: str
    role: str
    email: str
    session_id: UUID
    person: Person


@dataclass(frozen=True, slots=True)
class Ctx:
    """One request, socket event or job: its resources, its user (None: anonymous), where it comes from."""

    resources: Resources
    publisher: Publisher
    market: str
    request_id: str
    remote: str = ""
    user_agent: str = ""
    caller: User | None = None

    @property
    def db(self) -> Pool:
        """The database pool."""
        return self.resources.db

    @property
    def user(self) -> User:
        """The caller of a handler that only users may call."""
        if self.caller is None:
            raise RuntimeError("a handler for users was called without one")
        return self.caller
