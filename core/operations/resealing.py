"""Rotation: seals anew what is sealed with an older key, and what a marketplace seals that is still in the clear.

In batches, each a transaction that locks, reads and writes its rows; rows that others hold are skipped, and counted at the end.
Nothing is stored about a run, so another one continues it, and two at once share the work.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

import msgspec

from core import reports
from core.accounts import emails
from core.accounts.contacts import EMAIL, PHONE
from core.base.errors import AppError
from core.chat.conversations import TITLE
from core.messages.sending import BODY
from core.platform.db import Pool, UniqueViolation, transaction
from core.platform.sealing.columns import Column
from core.platform.sealing.sealing import Sealing
from core.support import agents, tickets
from core.webhooks import signing
from core.work.policy import Policy

START: Final = UUID(int=0)


class Progress(msgspec.Struct):
    """How many values of a column were sealed so far, and up to which row."""

    column: str
    sealed: int = 0
    last: UUID = START


def _contact(place: str, name: str, normal: Callable[[str], str | None]) -> Column:
    rows, value = "users m join users k on k.id = m.id and k.deleted_at is null", f"coalesce(m.sealed_{name}, m.{name})"
    write = f"update users set sealed_{name} = $2, {name} = coalesce(nullif($4, ''), {name}) where id = $1"  # noqa: S608
    return Column(place, rows, value, write, normal)


def _own_market(place: str, column: str = "") -> Column:
    """Declare a column of a table that has the market, too."""
    table, _, named = place.partition(".")
    column = column or named
    write = f"update {table} set {column} = $2 where id = $1"  # noqa: S608
    return Column(place, f"{table} m join {table} k on k.id = m.id", f"m.{column}", write)


_MESSAGES = "messages m join conversations k on k.id = m.conversation_id and m.kind = 'text'"
OF_MESSAGES: Final = (
    Column(BODY, _MESSAGES, "m.body", "update messages set body = $2 where id = $1"),
    Column(
        BODY,
        f"{_MESSAGES} join message_edits e on e.conversation_id = m.conversation_id and e.seq = m.seq",
        "e.body",
        """
        update message_edits set body = $2 from messages m where m.id = $1 and message_edits.version = $3
            and message_edits.conversation_id = m.conversation_id and message_edits.seq = m.seq""",
    ),
    _own_market("reports.evidence"),
    Column(
        TITLE,
        "conversations m join conversations k on k.id = m.id and k.kind = 'support'",
        "m.title",
        "update conversations set title = $2 where id = $1",
    ),
    # What was said is in the report, too, which is enough once it is sealed.
    Column(
        "review_tasks.facts",
        f"review_tasks m join review_tasks k on k.id = m.id and k.kind = '{reports.KIND}' and k.subject_type = 'message'",
        "m.facts #>> '{0,value}'",
        "update review_tasks set facts = '[]' where id = $1 and $2::text <> ''",
    ),
    _own_market(tickets.DESCRIPTION),
    Column(
        agents.TEXT,
        "support_notes m join support_tickets k on k.id = m.ticket_id",
        "m.text",
        "update support_notes set text = $2 where id = $1",
    ),
)
OF_WEBHOOKS: Final = (_own_market(signing.PLACE), _own_market(signing.PLACE, "former_secret"))
OF_CONTACTS: Final = (_contact(EMAIL, "email", emails.canonical), _contact(PHONE, "phone", str))


def columns_of(policies: Sequence[Policy]) -> list[tuple[Column, list[str]]]:
    """Return all columns that may be sealed, and the marketplaces that seal each."""
    messages = [policy.name for policy in policies if policy.seals_messages]
    contacts = [policy.name for policy in policies if policy.seals_contacts]
    secrets = [policy.name for policy in policies if policy.seals]
    own = [(column, [policy.name]) for policy in policies for column in policy.sealed_columns]
    of_core = ((OF_MESSAGES, messages), (OF_CONTACTS, contacts), (OF_WEBHOOKS, secrets))
    return [*((column, markets) for columns, markets in of_core for column in columns), *own]


async def rotate(db: Pool, sealing: Sealing, policies: Sequence[Policy]) -> AsyncIterator[Progress]:
    """Seal all columns with the first key, and yield the progress after each batch; what cannot be sealed is left."""
    for column, markets in columns_of(policies):
        progress = Progress(column.name)
        while last := await column.last(db, progress.last):
            async with transaction(db) as locked:
                for row in await column.lock(locked, progress.last, last, sealing.prefix, markets):
                    with suppress(AppError, UniqueViolation):
                        await column.seal(locked, sealing, row)
                        progress.sealed += 1
            progress.last = last
            yield progress


async def left(db: Pool, sealing: Sealing, policies: Sequence[Policy]) -> dict[str, int]:
    """Count the values of each column that are still to be sealed with the first key."""
    counts: dict[str, int] = {}
    for column, markets in columns_of(policies):
        after, counts[column.name] = START, 0
        while last := await column.last(db, after):
            counts[column.name] += len(await column.stale(db, after, last, sealing.prefix, markets))
            after = last
    return counts
