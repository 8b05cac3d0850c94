"""Idempotency keys: a call that is repeated with its key has no further effect and gets the first answer.

The key is claimed and the answer stored in the transaction of the call, so that neither exists without the other. A repeat
that arrives while the first call is running waits for it. A failed call stores nothing, so its repeat runs again.
"""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import msgspec

from core.base import clock, errors
from core.base.answers import Answer
from core.platform.db import One, Run, Scalar, found
from core.work.context import Ctx
from core.work.kept_answers import named_in
from core.work.personal_data import PersonalData, rows_of
from core.work.unit_of_work import unit_of_work

KEPT = timedelta(hours=24)
MAX_KEY = 128


class KeptAnswer(msgspec.Struct, frozen=True):
    fingerprint: bytes
    meaning: bytes | None
    status: int
    body: str
    etag: str


CLAIM = Scalar(
    str,
    """
    insert into idempotency_keys (user_id, key, fingerprint, meaning, created_at) values ($1, $2, $3, $4, $5)
    on conflict do nothing returning key""",
)
KEEP = Run("update idempotency_keys set status = $3, body = $4, etag = $5, named = $6 where user_id = $1 and key = $2")
RELEASE = Run(
    """
    delete from idempotency_keys
    where user_id = $1 and key = $2 and (fingerprint = $3 or meaning = $4) and status = 0"""
)
KEPT_ANSWER = One(
    KeptAnswer,
    """
    select fingerprint, meaning, status,
        placed(convert_from(body, 'UTF8'), 'idempotency_keys.body ' || user_id || ' ' || key) as body, etag
    from idempotency_keys where user_id = $1 and key = $2""",
)
FORGET = Run(
    """
    delete from idempotency_keys where (user_id, key) in (
        select user_id, key from idempotency_keys where created_at < $1 order by created_at limit $2
    )"""
)
PERSONAL_DATA = PersonalData(
    "repeatable calls",
    frozenset({"idempotency_keys"}),
    rows_of(
        """
        select key, status, created_at, case
                when is_sealed(text) then to_json(placed(text, 'idempotency_keys.body ' || user_id || ' ' || key))
                when text <> '' then text::json
            end as answer
        from (select *, convert_from(body, 'UTF8') as text from idempotency_keys where user_id = $1) k order by created_at"""
    ),
    (Run("delete from idempotency_keys where user_id = $1"),),
)


async def claim(ctx: Ctx, call: tuple[bytes, ...]) -> None:
    """Claim a user's key for a call that is idempotent by itself; raises IDEMPOTENCY_KEY_REUSED if another call used it.

    The claim is committed before the call runs: `release` the key if the call fails.
    """
    fingerprints = _fingerprints(ctx, call)
    if not await CLAIM(ctx.db, ctx.user.id, _key(ctx), *fingerprints, clock.now()):
        await _kept(ctx, *fingerprints)


async def release(ctx: Ctx, call: tuple[bytes, ...]) -> None:
    """Release a key whose call has failed, so that the next call with it runs."""
    await RELEASE(ctx.db, ctx.user.id, ctx.idempotency_key, *_fingerprints(ctx, call))


async def once(
    ctx: Ctx, call: tuple[bytes, ...], do: Callable[[Ctx], Awaitable[Answer[bytes]]]
) -> tuple[Answer[bytes], bool]:
    """Do a user's call at most once for its key; return the answer, and whether it is that of an earlier call.

    `call` identifies the call; its last item is the body.
    Raises IDEMPOTENCY_KEY_REUSED for another call with the same key.
    """
    key, fingerprints = _key(ctx), _fingerprints(ctx, call)
    async with unit_of_work(ctx) as work:
        if await CLAIM(work.db, ctx.user.id, key, *fingerprints, clock.now()):
            answer = await do(work.ctx)
            body = ctx.sealed("idempotency_keys.body", f"{ctx.user.id} {key}", answer.body.decode()).encode()
            await KEEP(work.db, ctx.user.id, key, answer.status, body, answer.etag, named_in(answer.body))
            return answer, False
    kept = await _kept(ctx, *fingerprints)
    return Answer(kept.status, ctx.resources.sealing.open(kept.body).encode(), kept.etag), True


def _key(ctx: Ctx) -> str:
    key = ctx.idempotency_key
    if not 1 <= len(key) <= MAX_KEY or "\0" in key:
        raise errors.invalid("Idempotency-Key", f"Must have 1 to {MAX_KEY} characters")
    return key


async def _kept(ctx: Ctx, fingerprint: bytes, meaning: bytes) -> KeptAnswer:
    """Return what is stored for the caller's key; raises IDEMPOTENCY_KEY_REUSED if another call used it."""
    kept = found(await KEPT_ANSWER(ctx.db, ctx.user.id, ctx.idempotency_key), errors.UNAVAILABLE.error())
    if kept.fingerprint != fingerprint and kept.meaning != meaning:
        raise errors.IDEMPOTENCY_KEY_REUSED.error()
    return kept


def _fingerprints(ctx: Ctx, call: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """Return the fingerprint and the meaning of a call, with a key where anything is sealed: a short text is soon guessed."""
    both = _fingerprint(call), _meaning(call)
    if not ctx.policy.seals:
        return both
    sealing, market = ctx.resources.sealing, ctx.policy.name
    first, second = (bytes.fromhex(sealing.index(market, "idempotency_keys", one.hex())) for one in both)
    return first, second


def _fingerprint(call: tuple[bytes, ...]) -> bytes:
    digest = hashlib.sha256()
    for part in call:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def _meaning(call: tuple[bytes, ...]) -> bytes:
    """The fingerprint of a call. It ignores the order of JSON fields, which some clients vary from call to call."""
    *where, body = call
    with suppress(msgspec.DecodeError, RecursionError):  # the body of an upload is a digest
        body = msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    return _fingerprint((*where, body))
