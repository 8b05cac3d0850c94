"""The checker: which promises are broken, by the journals of the clients and the log in the database.

Contents are unique, so that a message stored twice is seen without trusting its client id.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

import msgspec

from tests.chaos.journal import Acked, Connected, EditAcked, Heard, Joined, Journal, Refused, Seen, Sent

REMOVAL_SECONDS = 1.0


class Stored(msgspec.Struct, frozen=True):
    """A row of the table messages; `changed`: edited or deleted since it was sent."""

    conversation: str
    seq: int
    version: int
    id: str
    sender: str
    client_id: str | None
    content: str
    created_at: float
    changed: bool = False


class Removal(msgspec.Struct, frozen=True):
    """When the removal of a member was answered."""

    user_id: str
    conversation: str
    at: float


Log = dict[str, list[Stored]]  # by conversation, in the order of seq


def log_of(rows: Sequence[Stored]) -> Log:
    """Return the log of these rows."""
    ordered = sorted(rows, key=lambda row: (row.conversation, row.seq))
    return {conversation: list(group) for conversation, group in groupby(ordered, key=lambda row: row.conversation)}


def broken(log: Log, journals: Sequence[Journal], removals: Sequence[Removal] = ()) -> list[str]:
    """Return every promise that is broken, in words; of clients who are connected in the end."""
    removed = {removal.user_id for removal in removals}
    return [
        *_numbers(log),
        *_stored_twice(log),
        *(found for journal in journals for found in _of_client(log, journal)),
        *(found for journal in journals for found in _refusals(journal, is_removed=journal.user_id in removed)),
        *(found for removal in removals for found in _after_removal(log, journals, removal)),
    ]


def merged(journal: Journal) -> dict[str, dict[int, Seen]]:
    """Return what a client shows in the end: by conversation and seq, the newest version."""
    shown: dict[str, dict[int, Seen]] = defaultdict(dict)
    for seen in _all_seen(journal):
        known = shown[seen.conversation].get(seen.seq)
        if known is None or known.version <= seen.version:
            shown[seen.conversation][seen.seq] = seen
    return shown


def _all_seen(journal: Journal) -> Iterator[Seen]:
    for line in journal.lines:
        match line:
            case Heard(seen=seen) | EditAcked(seen=seen):
                yield seen
            case Joined(messages=messages):
                yield from messages


def _numbers(log: Log) -> Iterator[str]:
    for conversation, rows in log.items():
        if [row.seq for row in rows] != list(range(1, len(rows) + 1)):
            yield f"hole: the seqs of {conversation} are not 1 to {len(rows)}"
        if len({row.version for row in rows}) < len(rows):
            yield f"order: two messages of {conversation} have the same version"


def _stored_twice(log: Log) -> Iterator[str]:
    counts = Counter((row.conversation, row.content) for rows in log.values() for row in rows)
    return (f"doubled: {content!r} is stored {count} times" for (_, content), count in counts.items() if count > 1)


def _of_client(log: Log, journal: Journal) -> Iterator[str]:
    for check in (_acks, _edits, _phantoms, _complete, _live):
        yield from (f"{journal.name}: {found}" for found in check(log, journal))


def _acks(log: Log, journal: Journal) -> Iterator[str]:
    mine = {row.client_id: row for rows in log.values() for row in rows if row.sender == journal.user_id}
    answered = {line.client_id for line in journal.lines if isinstance(line, Refused)}
    for line in journal.lines:
        if isinstance(line, Acked):
            answered.add(line.client_id)
            row = mine.get(line.client_id)
            if row is None:
                yield f"lost: {line.client_id} was acked as {line.seq} and is not stored"
            elif (row.conversation, row.id, row.seq) != (line.conversation, line.id, line.seq):
                yield f"doubled: {line.client_id} was acked as {line.seq} and is stored as {row.seq}"
    for line in journal.lines:
        if isinstance(line, Sent) and line.client_id not in answered:
            yield f"unanswered: {line.client_id} in {line.conversation}"


def _edits(log: Log, journal: Journal) -> Iterator[str]:
    for line in journal.lines:
        if isinstance(line, EditAcked) and _at(log, line.seen).content != line.seen.content:
            yield f"lost: the acked edit {line.seen.content!r} is not stored"


def _refusals(journal: Journal, *, is_removed: bool) -> Iterator[str]:
    for line in journal.lines:
        if isinstance(line, Refused) and not line.retryable and not (is_removed and line.code == "NOT_A_MEMBER"):
            yield f"{journal.name}: error: {line.event} was refused with {line.code}"


def _phantoms(log: Log, journal: Journal) -> Iterator[str]:
    for seen in _all_seen(journal):
        stored = _at(log, seen)
        if stored.seq == 0:
            yield f"phantom: {seen.seq} of {seen.conversation}, {seen.content!r}, is not stored"
        elif stored.id != seen.id:
            yield f"order: {seen.seq} of {seen.conversation} was told as {seen.content!r}, it is {stored.content!r}"


def _complete(log: Log, journal: Journal) -> Iterator[str]:
    shown = merged(journal)
    for conversation in journal.conversations:
        rows = log.get(conversation, [])
        missing = [row.seq for row in rows if row.seq not in shown[conversation]]
        if missing:
            yield f"lost: {missing} of {len(rows)} in {conversation} never came"
        for row in rows:
            seen = shown[conversation].get(row.seq)
            if seen and seen.content != row.content:
                yield f"lost: {row.seq} of {conversation} is shown as {seen.content!r}, it is {row.content!r}"


def _live(log: Log, journal: Journal) -> Iterator[str]:
    """Live events: after the answer to the join, in the order of versions, and each next message the next one of the log.

    A message that was changed may be told at its later version instead, so it is left out of the last.
    """
    for connection in _connections(journal):
        joined: dict[str, Joined] = {}
        heard: dict[str, list[Heard]] = defaultdict(list)
        for line in connection:
            if isinstance(line, Joined):
                joined[line.conversation] = line
            elif isinstance(line, Heard):
                if line.seen.conversation not in joined:
                    yield f"order: {line.seen.seq} of {line.seen.conversation} came before the answer to the join"
                heard[line.seen.conversation].append(line)
        for conversation, answer in joined.items():
            yield from _stream(log.get(conversation, []), answer, heard[conversation])


def _stream(rows: list[Stored], joined: Joined, heard: list[Heard]) -> Iterator[str]:
    for before, after in pairwise(heard):
        if after.seen.version <= before.seen.version:
            yield f"order: version {after.seen.version} came after {before.seen.version} in {joined.conversation}"
    unchanged = [row.seq for row in rows if not row.changed]
    came = [line.seen.seq for line in heard if not line.edited and line.seen.seq in set(unchanged)]
    if came:
        first = min(came[0], next((seq for seq in unchanged if seq > joined.last_seq), came[0]))
        due = [seq for seq in unchanged if first <= seq <= max(came)]
        if came != due:
            yield f"hole: live in {joined.conversation} came {_difference(came, due)}"


def _difference(came: list[int], due: list[int]) -> str:
    place = next(
        (i for i, pair in enumerate(zip(came, due, strict=False)) if pair[0] != pair[1]), min(len(came), len(due))
    )
    return f"{came[place : place + 5]} where {due[place : place + 5]} were due"


def _connections(journal: Journal) -> Iterator[list[object]]:
    connection: list[object] = []
    for line in journal.lines:
        if isinstance(line, Connected):
            yield connection
            connection = []
        connection.append(line)
    yield connection


def _after_removal(log: Log, journals: Sequence[Journal], removal: Removal) -> Iterator[str]:
    latest = removal.at + REMOVAL_SECONDS
    for row in log.get(removal.conversation, []):
        if row.sender == removal.user_id and row.created_at > latest:
            yield f"access: {row.content!r} was stored {row.created_at - removal.at:.1f} s after its sender was removed"
    for journal in journals:
        if journal.user_id != removal.user_id:
            continue
        for line in journal.lines:
            if isinstance(line, Heard) and line.seen.conversation == removal.conversation and line.at > latest:
                yield f"access: {journal.name} was told {line.seen.seq} {line.at - removal.at:.1f} s after being removed"


def _at(log: Log, seen: Seen) -> Stored:
    rows = log.get(seen.conversation, [])
    if 1 <= seen.seq <= len(rows) and rows[seen.seq - 1].seq == seen.seq:
        return rows[seen.seq - 1]
    return Stored(seen.conversation, 0, 0, "", "", None, "", 0.0)
