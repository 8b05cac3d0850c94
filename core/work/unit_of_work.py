"""A unit of work: one transaction and its effects (events, jobs), which are stored with it and performed after its commit."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

from core.base.events import Event
from core.limits.outage import REDIS_ERRORS
from core.platform.db import UNAVAILABLE_ERRORS, Connection, transaction
from core.work import audit, notices, outbox
from core.work.context import Ctx
from core.work.jobs import Job, SendOut
from core.work.notices import Notice
from core.work.outbox import Effect

log = logging.getLogger(__name__)


class UnitOfWork:
    """One transaction, on `db`, of one request or job."""

    def __init__(self, ctx: Ctx, db: Connection) -> None:
        self.db = db
        self._ctx = ctx
        self._effects: list[Effect] = []
        self._changes: list[tuple[UUID, int, Event]] = []
        self._kept: UUID | None = None

    @property
    def ctx(self) -> Ctx:
        """The context in which functions that have units of their own become a part of this one."""
        return replace(self._ctx, work=self)

    def new_id(self) -> UUID:
        """Return an id for what clients see; raises UNAVAILABLE."""
        return self._ctx.new_id()

    def emit(self, user_ids: Sequence[UUID], event: Event) -> None:
        """Tell all sockets of these users, after the commit."""
        self._effects.append(outbox.event_effect(self._ctx.policy.name, user_ids, event))

    def enqueue(self, job: Job) -> None:
        """Queue a job, after the commit."""
        self._effects.append(outbox.job_effect(job))

    def end_sessions(self, session_ids: Sequence[UUID]) -> None:
        """Close the sockets of sessions that this unit ends, after the commit."""
        # First: if a job cannot be queued, all effects after it wait for the workers.
        if session_ids:
            self._effects.insert(0, outbox.EndSessions(list(session_ids)))

    def drop(self, *tags: str) -> None:
        """Drop the answers that are cached with these tags, after the commit."""
        # Before jobs, which may not be queued, but sockets are closed first.
        place = sum(isinstance(effect, outbox.EndSessions) for effect in self._effects)
        self._effects.insert(place, outbox.Drop(self._ctx.policy.name, list(tags)))

    def changed(self, conversation_id: UUID, version: int, event: Event) -> None:
        """Publish a change of a conversation, after the commit. Not in the outbox: hubs read lost changes from the log."""
        self._changes.append((conversation_id, version, event))

    async def notify(self, notice: Notice, user_ids: Sequence[UUID], entity_id: UUID | None, **values: object) -> None:
        """Notify these users, except the caller; `values` fill the notice's templates."""
        others = [id for id in user_ids if self._ctx.caller is None or id != self._ctx.caller.id]
        stored = await notices.insert(self.db, self.new_id, notice, others, entity_id, values)
        for user_id, event in stored.events:
            self.emit([user_id], event)
        if stored.going_out:
            self.enqueue(SendOut([str(id) for id in stored.going_out], notice.email, notice.push))

    async def record(self, action: str, entity_id: UUID | None, by: UUID | None = None, **facts: object) -> None:
        """Write to the audit log that the caller, or `by` where there is none, did `action` ("project.delete") to an entity."""
        await audit.record(self._ctx, self.db, action, entity_id, facts, by)

    async def keep(self) -> None:
        """Store the effects in the outbox, within the transaction."""
        if self._effects:
            self._kept = await outbox.store(self.db, self._effects, self._ctx)

    async def perform(self) -> None:
        """Perform the effects after the commit. Workers perform later what fails now."""
        ctx = self._ctx
        for change in self._changes:
            ctx.publisher.changed(*change)
        if self._kept is None:
            return
        try:
            await outbox.perform(self._effects, ctx.publisher, ctx.resources.jobs, ctx.resources.redis)
            await outbox.forget(ctx.resources.db, self._kept)
        except (*REDIS_ERRORS, *UNAVAILABLE_ERRORS) as error:
            log.warning("effects of a committed transaction are performed later: %r", error)


@asynccontextmanager
async def unit_of_work(ctx: Ctx) -> AsyncIterator[UnitOfWork]:
    """Run a block in one transaction; inside another unit of the same ctx, as a part of that one."""
    if isinstance(ctx.work, UnitOfWork):
        async with transaction(ctx.work.db):
            yield ctx.work
        return
    async with transaction(ctx.resources.db) as db:
        work = UnitOfWork(ctx, db)
        yield work
        await work.keep()
    await work.perform()
