"""Columns that may be sealed, as rotation knows them (core/operations/resealing.py)."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from core.platform.db import Connection, Many, Run, Scalar, transaction
from core.platform.sealing.sealing import MARK, Sealing

BATCH: Final = 200  # rows of a table that are looked at in one transaction


class Stale(msgspec.Struct, frozen=True):
    """A value to seal. `version`: which of several of the row."""

    id: UUID
    version: int
    market: str
    text: str


class Column:
    """A column that may be sealed: `value` in `rows`, a table `m` with an id, the market `k.market`, and maybe `e` with versions.

    `place` names it in its values. `write` sets the value of row $1 to $2; $3 is the version, $4 the blind index of what `normal`
    makes of it, if it has one.
    """

    def __init__(
        self, place: str, rows: str, value: str, write: str, normal: Callable[[str], str | None] | None = None
    ) -> None:
        table, locked, version = rows.split()[0], *(("e", "e.version") if " e on " in rows else ("m", "0::bigint"))
        # After row $1, up to row $2: what does not begin as $3, or is in the clear in markets $4.
        stale = f"""
            select m.id, {version} as version, k.market, placed({value}, '{place} ' || m.id) as text from {rows}
            where m.id > $1 and m.id <= $2 and {value} <> ''
                and case when is_sealed({value}) then not starts_with({value}, $3) else k.market = any ($4::text[]) end"""  # noqa: S608
        last = f"""
            select w.id from (select id from {table} where id > $1 order by id limit {BATCH}) w order by w.id desc limit 1"""  # noqa: S608
        _, changed, _, field, *_ = write.split()
        self.name, self._place, self._normal = f"{changed}.{field}", place, normal
        self.last, self.stale = Scalar(UUID, last), Many(Stale, stale)
        self.lock = Many(Stale, f"{stale} for no key update of {locked} skip locked")
        self._write = Run(f"{write} and ($3::bigint, $4::text) is not null")

    async def seal(self, db: Connection, sealing: Sealing, row: Stale) -> None:
        """Seal a value; raises SEALED_VALUE_UNREADABLE, and UniqueViolation if a contact has two accounts."""
        is_new, index = not row.text.startswith(MARK), ""
        text = sealing.seal(row.market, self._place, row.id, row.text) if is_new else sealing.resealed(row.text)
        if is_new and self._normal:
            index = sealing.index(row.market, self._place, self._normal(row.text) or "")
        async with transaction(db):
            await self._write(db, row.id, text, row.version, index)


def own_column(market: str, table: str, column: str) -> Column:
    """Declare a column of a marketplace's own table, which has an id."""
    rows = f"{table} m cross join (select '{market}' as market) k"
    return Column(f"{table}.{column}", rows, f"m.{column}", f"update {table} set {column} = $2 where id = $1")  # noqa: S608
