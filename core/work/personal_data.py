"""Personal data: each module registers how the data of a user in its tables is exported and erased.

Each table that names users has exactly one entry (a test checks it). An entry stands beside the module that owns the tables;
core/market/personal_data.py collects them.
"""

from dataclasses import dataclass

from core.platform.db import Run, Texts


@dataclass(frozen=True, slots=True)
class PersonalData:
    """The personal data in some tables.

    `export` is made by `rows_of`; `erase` are statements on a user's id ($1). `later` are those for many rows: each erases at
    most $2, and repeats until it finds fewer. `last` is like `erase`, but runs when no transaction is storing the user's data
    any more: for rows that others lock after the user's row. `kept` says what is not erased, and why.
    """

    name: str
    tables: frozenset[str]
    export: Texts | None = None
    erase: tuple[Run, ...] = ()
    later: tuple[Run, ...] = ()
    last: tuple[Run, ...] = ()
    kept: str = ""


def rows_of(select: str) -> Texts:
    """Declare a query for a user's rows ($1: the user's id) as JSON."""
    return Texts(f"select row_to_json(r)::text from ({select}) r")  # noqa: S608
