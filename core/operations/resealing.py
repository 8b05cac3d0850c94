"""Rotation: seals anew what is sealed with an older key, and what a marketplace seals that is still in the clear.

In batches, each a transaction that locks, reads and writes its rows; rows that others hold are skipped, and counted at the end.
Nothing is stored about a run, so another one continues it, and two at once share the work.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from core.accounts import emails
from core.accounts.contacts import EMAIL, PHONE
from core.base.errors import AppError
from core.messages.sending import BODY
from core.platform.db import Connection, Many, Pool, Run, Scalar, columns, transaction
from core.platform.sealing.sealing import MARK, Sealing
from core.work.policy import Policy

BATCH: Final = 500  # rows of a table that are looked at in one transaction
START: Final = UUID(int=0)


class Stale(msgspec.Struct, frozen=True):
    """A value to seal. `version`: which of several of the row."""

    id: UUID
    version: int
    market: str
    text: str


class Progress(msgspec.Struct):
    """How many values of a column were sealed so far, and up to which row."""

    column: str
    sealed: int = 0
    last: UUID = START


@dataclass(frozen=True, slots=True)
class Column:
    """A column that marketplaces seal. `place` names it in its values; `normal` makes what is indexed of contacts."""

    name: str
    place: str
    is_sealed: Callable[[Policy], bool]
    last: Scalar[UUID]
    stale: Many[Stale]
    lock: Many[Stale]
    write: Run
    normal: Callable[[str], str | None] | None = None

    def markets(self, policies: Sequence[Policy]) -> list[str]:
        """Return the marketplaces that seal it."""
        return [policy.name for policy in policies if self.is_sealed(policy)]

    def stored(self, sealing: Sealing, row: Stale) -> tuple[UUID, int, str, str]:
        """Return the row's key, its sealed value and its blind index; raises SEALED_VALUE_UNREADABLE."""
        if row.text.startswith(MARK):
            return row.id, row.version, sealing.resealed(row.text), ""
        index = sealing.index(row.market, self.place, self.normal(row.text) or "") if self.normal else ""
        return row.id, row.version, sealing.seal(row.market, self.place, row.id, row.text), index


def _queries(place: str, rows: str, value: str, locked: str = "m") -> tuple[Scalar[UUID], Many[Stale], Many[Stale]]:
    """Declare what finds values of rows `m`, in markets `k`, after $1: the end of a batch, and those to be sealed up to it ($2).

    $3 is how current values begin, $4 are the markets that seal.
    """
    table, version = rows.split()[0], "e.version" if locked == "e" else "0::bigint"
    stale = f"""
        select m.id, {version} as version, k.market, placed({value}, '{place} ' || m.id) as text from {rows}
        where m.id > $1 and m.id <= $2 and {value} <> ''
            and case when is_sealed({value}) then not starts_with({value}, $3) else k.market = any ($4::text[]) end"""  # noqa: S608
    last = f"select w.id from (select id from {table} where id > $1 order by id limit {BATCH}) w order by w.id desc limit 1"  # noqa: S608
    return Scalar(UUID, last), Many(Stale, stale), Many(Stale, f"{stale} for update of {locked} skip locked")


def _contact(place: str, name: str, normal: Callable[[str], str | None]) -> Column:
    rows, value = "users m join users k on k.id = m.id and k.deleted_at is null", f"coalesce(m.sealed_{name}, m.{name})"
    write = f"""
        update users m set sealed_{name} = u.text, {name} = coalesce(nullif(u.index, ''), m.{name})
        from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) as u (id, version, text, index) where m.id = u.id"""  # noqa: S608
    return Column(place, place, lambda policy: policy.seals_contacts, *_queries(place, rows, value), Run(write), normal)


_MESSAGES = "messages m join conversations k on k.id = m.conversation_id and m.kind = 'text'"
_GIVEN = "unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) as u (id, version, text, index)"
COLUMNS: Final = (
    Column(
        "messages.body",
        BODY,
        lambda policy: policy.seals_messages,
        *_queries(BODY, _MESSAGES, "m.body"),
        Run(f"update messages m set body = u.text from {_GIVEN} where m.id = u.id"),  # noqa: S608
    ),
    Column(
        "message_edits.body",
        BODY,
        lambda policy: policy.seals_messages,
        *_queries(
            BODY,
            f"{_MESSAGES} join message_edits e on e.conversation_id = m.conversation_id and e.seq = m.seq",
            "e.body",
            "e",
        ),
        Run(
            f"""
            update message_edits e set body = u.text from {_GIVEN} join messages m on m.id = u.id
            where e.conversation_id = m.conversation_id and e.seq = m.seq and e.version = u.version"""  # noqa: S608
        ),
    ),
    Column(
        "reports.evidence",
        "reports.evidence",
        lambda policy: policy.seals_messages,
        *_queries("reports.evidence", "reports m join reports k on k.id = m.id", "m.evidence"),
        Run(f"update reports m set evidence = u.text from {_GIVEN} where m.id = u.id"),  # noqa: S608
    ),
    _contact(EMAIL, "email", emails.canonical),
    _contact(PHONE, "phone", str),
)


async def rotate(db: Pool, sealing: Sealing, policies: Sequence[Policy]) -> AsyncIterator[Progress]:
    """Seal all columns with the first key, and yield the progress after each batch."""
    for column in COLUMNS:
        markets = column.markets(policies)
        progress = Progress(column.name)
        while last := await column.last(db, progress.last):
            async with transaction(db) as locked:
                asked = (progress.last, last, sealing.prefix, markets)
                progress.sealed += await _seal(locked, sealing, column, await column.lock(locked, *asked))
            progress.last = last
            yield progress


async def left(db: Pool, sealing: Sealing, column: Column, policies: Sequence[Policy]) -> int:
    """Count the values of a column that are still to be sealed with the first key."""
    after, count = START, 0
    while last := await column.last(db, after):
        count += len(await column.stale(db, after, last, sealing.prefix, column.markets(policies)))
        after = last
    return count


async def _seal(db: Connection, sealing: Sealing, column: Column, rows: Sequence[Stale]) -> int:
    stored = []
    for row in rows:
        with suppress(AppError):  # it is counted as unreadable, and stays as it is
            stored.append(column.stored(sealing, row))
    if stored:
        await column.write(db, *columns(stored, 4))
    return len(stored)
