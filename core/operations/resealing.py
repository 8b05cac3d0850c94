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
from core.platform.db import Connection, Many, Pool, Run, Scalar, UniqueViolation, transaction
from core.platform.sealing.sealing import MARK, Sealing
from core.work.policy import Policy

BATCH: Final = 200  # rows of a table that are looked at in one transaction
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
    normal: Callable[[str], str | None] | None

    def markets(self, policies: Sequence[Policy]) -> list[str]:
        """Return the marketplaces that seal it."""
        return [policy.name for policy in policies if self.is_sealed(policy)]

    async def seal(self, db: Connection, sealing: Sealing, row: Stale) -> None:
        """Seal a value; raises SEALED_VALUE_UNREADABLE, and UniqueViolation if a contact has two accounts."""
        is_new, index = not row.text.startswith(MARK), ""
        text = sealing.seal(row.market, self.place, row.id, row.text) if is_new else sealing.resealed(row.text)
        if is_new and self.normal:
            index = sealing.index(row.market, self.place, self.normal(row.text) or "")
        async with transaction(db):
            await self.write(db, row.id, text, row.version, index)


def _column(
    place: str,
    rows: str,
    value: str,
    write: str,
    is_sealed: Callable[[Policy], bool] = lambda policy: policy.seals_messages,
    normal: Callable[[str], str | None] | None = None,
) -> Column:
    """Declare a column by its `value` in `rows`: a table `m` with an id, its market `k.market`, and maybe `e`, with versions.

    `write` sets the value of row $1 to $2; $3 is the version, $4 the index.
    """
    table, locked, version = rows.split()[0], *(("e", "e.version") if " e on " in rows else ("m", "0::bigint"))
    # After row $1, up to row $2: what does not begin as $3, or is in the clear in markets $4.
    stale = f"""
        select m.id, {version} as version, k.market, placed({value}, '{place} ' || m.id) as text from {rows}
        where m.id > $1 and m.id <= $2 and {value} <> ''
            and case when is_sealed({value}) then not starts_with({value}, $3) else k.market = any ($4::text[]) end"""  # noqa: S608
    last = f"select w.id from (select id from {table} where id > $1 order by id limit {BATCH}) w order by w.id desc limit 1"  # noqa: S608
    lock = Many(Stale, f"{stale} for no key update of {locked} skip locked")
    update = Run(f"{write} and ($3::bigint, $4::text) is not null")
    _, changed, _, field, *_ = write.split()
    name = f"{changed}.{field}"
    return Column(name, place, is_sealed, Scalar(UUID, last), Many(Stale, stale), lock, update, normal)


def _contact(place: str, name: str, normal: Callable[[str], str | None]) -> Column:
    rows, value = "users m join users k on k.id = m.id and k.deleted_at is null", f"coalesce(m.sealed_{name}, m.{name})"
    write = f"update users set sealed_{name} = $2, {name} = coalesce(nullif($4, ''), {name}) where id = $1"  # noqa: S608
    return _column(place, rows, value, write, lambda policy: policy.seals_contacts, normal)


_MESSAGES = "messages m join conversations k on k.id = m.conversation_id and m.kind = 'text'"
_EDITS = f"{_MESSAGES} join message_edits e on e.conversation_id = m.conversation_id and e.seq = m.seq"
COLUMNS: Final = (
    _column(BODY, _MESSAGES, "m.body", "update messages set body = $2 where id = $1"),
    _column(
        BODY,
        _EDITS,
        "e.body",
        """
        update message_edits set body = $2 from messages m where m.id = $1 and message_edits.version = $3
            and message_edits.conversation_id = m.conversation_id and message_edits.seq = m.seq""",
    ),
    _column(
        "reports.evidence",
        "reports m join reports k on k.id = m.id",
        "m.evidence",
        "update reports set evidence = $2 where id = $1",
    ),
    _contact(EMAIL, "email", emails.canonical),
    _contact(PHONE, "phone", str),
)


async def rotate(db: Pool, sealing: Sealing, policies: Sequence[Policy]) -> AsyncIterator[Progress]:
    """Seal all columns with the first key, and yield the progress after each batch; what cannot be sealed is left."""
    for column in COLUMNS:
        progress, markets = Progress(column.name), column.markets(policies)
        while last := await column.last(db, progress.last):
            async with transaction(db) as locked:
                for row in await column.lock(locked, progress.last, last, sealing.prefix, markets):
                    with suppress(AppError, UniqueViolation):
                        await column.seal(locked, sealing, row)
                        progress.sealed += 1
            progress.last = last
            yield progress


async def left(db: Pool, sealing: Sealing, column: Column, policies: Sequence[Policy]) -> int:
    """Count the values of a column that are still to be sealed with the first key."""
    after, count = START, 0
    while last := await column.last(db, after):
        count += len(await column.stale(db, after, last, sealing.prefix, column.markets(policies)))
        after = last
    return count
