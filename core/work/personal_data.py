"""What is known of a user, as a registry that every module joins: she can have all of it, and have it erased.

Each table that names users is in one entry; a test holds that. An entry stands beside the module whose tables it is about, and
core/market/personal_data.py puts them together.
"""

from dataclasses import dataclass

from core.platform.db import Run, Texts


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What some tables know of users.

    `export` is made by `rows_of`, `erase` are statements on a user's id ($1). `later` are those for what may be much: they erase
    so many rows ($2) at most, and run until they find less. `last` is as `erase`, but once nobody is storing anything of hers:
    for rows that others lock after hers of `users`. `kept` says why something stays and what.
    """

    name: str
    tables: frozenset[str]
    export: Texts | None = None
    erase: tuple[Run, ...] = ()
    later: tuple[Run, ...] = ()
    last: tuple[Run, ...] = ()
    kept: str = ""


def rows_of(select: str) -> Texts:
    """Declare a query for a user's rows ($1: her id) as JSON."""
    return Texts(f"select row_to_json(r)::text from ({select}) r")  # noqa: S608
