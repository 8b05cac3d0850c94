"""Fills the database with logged-in users in group conversations, for load tests."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
from rich.progress import track

from cli.checks import check_migrated, markets
from cli.errors import CommandError
from config.settings import Settings
from core.base import clock
from core.base.ids import BigintIds
from core.market.market import Marketplace
from core.platform.passwords import hash_password
from core.platform.sequences import take_ids
from core.platform.tokens import Access, KeyRing, expiry

TOKEN_LIFETIME = timedelta(hours=24)
PASSWORD = "Greenroom-1"  # noqa: S105 - users of load tests, on purpose all the same and known
CHUNK = 5000
CSV = "users.csv"
COLUMNS = ("token", "conversationId")  # docs/clients.md uses these names for artillery and Locust


@dataclass(frozen=True, slots=True)
class User:
    """A user to store, with the session of the access token."""

    id: UUID
    session_id: UUID
    email: str
    role: str


async def seed(settings: Settings, market_name: str, users: int, conversations: int, out: Path) -> None:
    """Store users and conversations, user i in conversation i mod `conversations`, and write the files of load clients.

    Line i of tokens.txt is `{"token":"..."}`, an access token of user i; line j of conversations.txt the id of conversation j;
    users.csv has both of each user, under the names `token` and `conversationId`.
    Either everything is stored or nothing. Running it again adds more users.
    """
    market = markets((market_name,))[0]
    if not 1 <= conversations <= users:
        raise CommandError("--users must be 1 or more, and --conversations from 1 to as many as there are users")
    await check_migrated(settings)
    connection = await asyncpg.connect(settings.database_url, statement_cache_size=0)
    try:
        async with connection.transaction():
            people = _people(market, await take_ids(connection, market.name, 2 * users))
            groups = await take_ids(connection, market.name, conversations)
            shown = BigintIds(market.name).shown if market.dialect.bigint_ids else str
            names = [shown(str(id)) for id in groups]
            await _store(connection, market, people, groups)
            tokens = list(_tokens(settings, market, people))
            _write(out / "tokens.txt", (msgspec.json.encode({"token": token}).decode() for token in tokens), users)
            _write(out / "conversations.txt", names, conversations)
            _write(out / CSV, _rows(tokens, names), users + 1)
        await connection.execute("analyze users, sessions, conversations, members")
    finally:
        await connection.close()
    print(f"Stored {users} users and {conversations} conversations; the password of all is {PASSWORD}")
    print(f"Wrote {out / 'tokens.txt'}, {out / 'conversations.txt'} and {out / CSV}")


def _people(market: Marketplace, ids: Sequence[UUID]) -> list[User]:
    roles = sorted(frozenset[str]().union(*(route.who or () for route in market.routes)))
    run = secrets.token_hex(4)  # so that a second run uses other addresses
    return [
        User(id, session_id, f"user-{i}@{run}.seed.invalid", roles[i % len(roles)])
        for i, (id, session_id) in enumerate(zip(ids[::2], ids[1::2], strict=True))
    ]


async def _store(
    connection: asyncpg.Connection, market: Marketplace, people: Sequence[User], groups: Sequence[UUID]
) -> None:
    password_hash = hash_password(PASSWORD)

    def user(i: int) -> tuple[object, ...]:
        return people[i].id, market.name, people[i].email, password_hash, f"User {i}", people[i].role

    def session(i: int) -> tuple[object, ...]:
        return people[i].session_id, people[i].id

    def group(j: int) -> tuple[object, ...]:
        return groups[j], market.name, "group", f"Group {j}", people[j].id

    def member(i: int) -> tuple[object, ...]:
        return groups[i % len(groups)], people[i].id, "owner" if i < len(groups) else "member"

    await _copy(connection, "users", "id market email password_hash name role", user, len(people))
    await _copy(connection, "sessions", "id user_id", session, len(people))
    await _copy(connection, "conversations", "id market kind title created_by", group, len(groups))
    await _copy(connection, "members", "conversation_id user_id role", member, len(people))


async def _copy(
    connection: asyncpg.Connection, table: str, columns: str, row: Callable[[int], tuple[object, ...]], count: int
) -> None:
    for start in track(range(0, count, CHUNK), table):
        records = [row(i) for i in range(start, min(start + CHUNK, count))]
        await connection.copy_records_to_table(table, records=records, columns=columns.split())


def _tokens(settings: Settings, market: Marketplace, people: Sequence[User]) -> Iterator[str]:
    keys = KeyRing(settings)
    validity = expiry(clock.now(), TOKEN_LIFETIME)
    for user in people:
        claims = Access(user.id, user.email, user.role, market.name, user.session_id, **validity)
        yield keys.sign(claims)


def _rows(tokens: Sequence[str], groups: Sequence[str]) -> Iterator[str]:
    yield ",".join(COLUMNS)
    for i, token in enumerate(tokens):
        yield f"{token},{groups[i % len(groups)]}"  # neither needs quotes


def _write(path: Path, lines: Iterable[str], count: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            file.writelines(f"{line}\n" for line in track(lines, path.name, total=count))
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
