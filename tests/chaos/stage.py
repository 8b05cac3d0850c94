"""What a scenario plays on: servers, two hubs with a proxy before their Redis each, and people who are seeded in groups."""

import random
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

import asyncpg

from config.settings import Settings
from core.base.clock import now
from core.base.ids import uuid7
from core.platform.tokens import Access, KeyRing, expiry
from core.text.wording import shown
from tests.chaos.hub import ROOT, HubProcess
from tests.chaos.promises import Log, Stored, log_of
from tests.chaos.proxy import Proxy, open_proxy
from tests.chaos.servers import Servers

KEY = "chaos:a-secret-of-tests-that-is-long-enough"
NEW_GROUPS = """
    insert into conversations (id, market, kind, title) select id, 'onswift', 'group', 'Chaos' from unnest($1::uuid[]) as id"""
NEW_MEMBER = """
    insert into members (conversation_id, user_id, role)
    select id, $2, case when exists (select from members where conversation_id = id) then 'member' else 'owner' end
    from unnest($1::uuid[]) as id"""
LOG = f"""
    select conversation_id::text, seq, version, id::text, sender_id::text, client_id, {shown("m", "body")} as body,
        extract(epoch from created_at)::float8, edited_at is not null or deleted_at is not null
    from messages m where conversation_id = any ($1::uuid[])"""


@dataclass(frozen=True)
class Account:
    """A seeded user; the conversations are groups, the first user of each owns it."""

    name: str
    id: UUID
    token: str
    conversations: list[str]


@dataclass
class Stage:
    """Servers and hubs; `proxies[i]` is between `hubs[i]` and Redis. `dice` are the scenario's only source of chance.

    `doors`: the ports that people go to, if those are not the hubs' own.
    """

    servers: Servers
    dice: random.Random
    hubs: list[HubProcess] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    doors: list[int] = field(default_factory=list)

    @property
    def ports(self) -> list[int]:
        return self.doors or [hub.port for hub in self.hubs]

    def environ(self, redis_url: str) -> dict[str, str]:
        """Return the settings of a process that reaches Redis there."""
        return {
            "GREENROOM_DATABASE_URL": self.servers.postgres.url,
            "GREENROOM_REDIS_URLS": redis_url,
            "GREENROOM_JWT_KEYS": KEY,
            "GREENROOM_RATE_LIMITS": "off",
        }

    async def seed(self, people: int, conversations: int, each: int) -> list[Account]:
        """Store people and groups, each person in so many of them."""
        groups = [uuid7() for _ in range(conversations)]
        keys = KeyRing(Settings(jwt_keys=(KEY,)))
        connection = await asyncpg.connect(self.servers.postgres.url)
        try:
            async with connection.transaction():
                await connection.execute(NEW_GROUPS, groups)
                return [
                    await _store(connection, keys, f"p{i}", [groups[(i + j) % conversations] for j in range(each)])
                    for i in range(people)
                ]
        finally:
            await connection.close()

    async def log(self, conversations: Sequence[str]) -> Log:
        """Read the messages of these conversations."""
        connection = await asyncpg.connect(self.servers.postgres.url)
        try:
            return log_of([Stored(*row) for row in await connection.fetch(LOG, conversations)])
        finally:
            await connection.close()

    def heal(self) -> None:
        """Make network and servers good again; hubs that were killed are started by whoever killed them."""
        for proxy in self.proxies:
            proxy.heal()
        for hub in self.hubs:
            hub.thaw()
        self.servers.start()


async def _store(connection: asyncpg.Connection, keys: KeyRing, name: str, groups: Sequence[UUID]) -> Account:
    user, session, email = uuid7(), uuid7(), f"{uuid7()}@example.com"
    await connection.execute(
        "insert into users (id, market, email, password_hash, name, role) values ($1, 'onswift', $2, '', $3, 'creator')",
        user, email, name,
    )  # fmt: skip
    await connection.execute("insert into sessions (id, user_id) values ($1, $2)", session, user)
    await connection.execute(NEW_MEMBER, groups, user)
    claims = Access(user, email, "creator", "onswift", session, **expiry(now(), timedelta(hours=24)))
    return Account(name, user, keys.sign(claims), [str(group) for group in groups])


@asynccontextmanager
async def open_stage(
    servers: Servers, seed: int, hubs: int = 2, redis_urls: Sequence[str] = (), tree: Path = ROOT
) -> AsyncIterator[Stage]:
    """Open a stage on servers that run. Of its hubs: `redis_urls`, if not the one behind the proxies; `tree`: their code."""
    stage = Stage(servers, random.Random(seed))
    address = unquote(urlsplit(servers.redis.url).path)
    async with AsyncExitStack() as stack:
        for _ in range(hubs):
            proxy, port = await stack.enter_async_context(open_proxy(address))
            stage.proxies.append(proxy)
            urls = redis_urls or [f"redis://127.0.0.1:{port}"]
            stage.hubs.append(HubProcess(free_port(), stage.environ(",".join(urls)), tree=tree))
        for hub in stage.hubs:
            stack.push_async_callback(hub.end, signal.SIGKILL)
            await hub.start()
        yield stage


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
