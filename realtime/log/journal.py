"""The journal: the only writer of messages. It replies after the commit.

Order: messages are stored one batch after the other, so those of one process are numbered in the order of `append`. Across
processes the conversation's row lock decides, and commit order is seq order.
Duplicates: the same conversation, sender and client id gets the first answer, at any later time, from any process; with other
content it is refused.
Failure: a batch that fails is answered with a retryable error and never tried again here; see batch.py.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.base import errors
from core.base.publisher import Draft, Stored
from core.platform.db import Many, Pool
from core.platform.observability.metrics import Metrics
from realtime.concurrency.batch import Batch

MOST_WAITING = 32 * 1024 * 1024  # characters: some seconds of what Postgres can store


class Appended(msgspec.Struct, frozen=True):
    place: int
    message_id: UUID | None
    message_seq: int | None
    message_version: int | None
    sent_at: datetime
    repeated: bool
    refusal: str | None


# Refusals of the SQL function under the names that the previous version of this code knows: both may run at the same time.
_REFUSALS: Mapping[str | None, errors.ErrorCode] = {
    "FORBIDDEN": errors.CONVERSATION_CLOSED,
    "USER_NOT_FOUND": errors.USER_UNREACHABLE,
}
APPEND = Many(Appended, "select * from append_messages($1, $2, $3, $4, $5, $6, $7, $8)")


class Journal:
    """Appends drafts; `committed` is called with each message in the log, new or duplicate, before its `done`."""

    def __init__(self, db: Pool, metrics: Metrics, committed: Callable[[Draft, Stored], None]) -> None:
        self._db = db
        self._metrics = metrics
        self.committed = 0
        self._waiting_characters = 0
        self._committed = committed
        # One batch at a time: two in parallel committed no more messages per second, and each took twice as long.
        self._batch: Batch[Draft, Stored] = Batch(self._store)

    def append(self, draft: Draft, done: Callable[[Stored | errors.AppError], None]) -> None:
        """Queue a draft; raises UNAVAILABLE at once when the journal is full."""
        self._take_in(draft)
        self._batch.add(draft, done)

    async def ask(self, draft: Draft) -> Stored:
        """Append a draft and wait for the commit; raises UNAVAILABLE at once when the journal is full."""
        self._take_in(draft)
        return await self._batch.ask(draft)

    def waiting(self) -> int:
        """Return how many drafts have no reply yet."""
        return len(self._batch)

    async def drained(self) -> None:
        """Wait until all that was appended is committed or refused."""
        await self._batch.drained()

    def _take_in(self, draft: Draft) -> None:
        if self._waiting_characters > MOST_WAITING or self._batch.full:
            raise errors.UNAVAILABLE.error("Too much is waiting to be stored: try again")
        self._waiting_characters += len(draft.content)

    async def _store(self, drafts: list[Draft]) -> Sequence[Stored | errors.AppError]:
        self._waiting_characters -= sum(len(draft.content) for draft in drafts)
        firsts, repeats = _split_repeats(drafts)
        answers = await self._append(firsts)
        if not repeats:
            return answers
        by_id = {draft.id: answer for draft, answer in zip(firsts, answers, strict=True)}
        by_id |= zip([draft.id for draft in repeats], await self._append(repeats), strict=True)
        return [by_id[draft.id] for draft in drafts]

    async def _append(self, drafts: list[Draft]) -> list[Stored | errors.AppError]:
        with self._metrics.batch_seconds.time():
            rows = await APPEND(self._db, *_columns(drafts))
        self._metrics.batch_size.observe(len(drafts))
        answers = [_answer(row) for row in rows]
        for draft, answer in zip(drafts, answers, strict=True):
            if isinstance(answer, Stored):
                self.committed += not answer.duplicate
                self._committed(draft, answer)
        return answers


def _split_repeats(drafts: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    """Hold back duplicates within the batch: the statement must see the first one committed."""
    if len({draft.client_id for draft in drafts}) == len(drafts):
        return drafts, []
    seen: set[tuple[UUID, UUID, str]] = set()
    firsts: list[Draft] = []
    repeats: list[Draft] = []
    for draft in drafts:
        if draft.client_id is None:
            firsts.append(draft)
            continue
        key = (draft.conversation_id, draft.sender.id, draft.client_id)
        (repeats if key in seen else firsts).append(draft)
        seen.add(key)
    return firsts, repeats


def _columns(drafts: list[Draft]) -> list[list[object]]:
    mentions = [(place, user_id) for place, draft in enumerate(drafts, 1) for user_id in draft.mentions]
    return [
        [draft.id for draft in drafts],
        [draft.conversation_id for draft in drafts],
        [draft.sender.id for draft in drafts],
        [draft.client_id for draft in drafts],
        [draft.content if draft.sealed is None else draft.sealed for draft in drafts],
        [draft.reply_to for draft in drafts],
        [place for place, _ in mentions],
        [user_id for _, user_id in mentions],
    ]


def _answer(row: Appended) -> Stored | errors.AppError:
    if row.message_id is None or row.message_seq is None or row.message_version is None:
        return _REFUSALS.get(row.refusal, errors.TABLE[row.refusal or "CONVERSATION_NOT_FOUND"]).error()
    return Stored(row.message_id, row.message_seq, row.message_version, row.sent_at, row.repeated)
