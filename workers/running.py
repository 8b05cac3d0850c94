"""Runs jobs: retries failures for a while, and keeps dead jobs for operators."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

import msgspec
from arq import Retry, func
from arq.constants import retry_key_prefix
from arq.cron import CronJob
from arq.typing import WorkerCoroutine
from arq.worker import Function

from core.base.ids import uuid7
from core.platform.db import UNAVAILABLE_ERRORS
from core.platform.observability import logs, tracing
from core.platform.observability.logs import Origin
from core.work import dead_jobs
from core.work.context import Resources
from core.work.jobs import BusyError, Job, PermanentError
from workers.suspects import ArqContext, Suspects

# Also how long a job of a killed worker stays locked.
JOB_SECONDS = 30
# One wait after each try except the last: a restarted service is back within minutes.
RETRY_SECONDS = (5, 30, 120, 600)
# During a rollout, old workers receive jobs of the new version, and leave them to new workers.
UNKNOWN_SECONDS = 15
UNKNOWN_TRIES = 40

J = TypeVar("J", bound=Job)
Run: TypeAlias = Callable[[object], Awaitable[None]]

log = logging.getLogger(__name__)


class Functions(dict[str, Function | CronJob]):
    """arq's table of functions; a job without a function is put back instead of lost."""

    def __init__(self, resources: Resources, of_time: dict[str, Function | CronJob]) -> None:
        super().__init__(of_time)
        self._resources = resources
        self._suspects = Suspects()

    def add(self, kind: type[J], run: Callable[[J], Awaitable[None]]) -> None:
        """Register the function for a type of job."""

        async def decode_and_run(arguments: object) -> None:
            await run(msgspec.convert(arguments, kind))

        self[kind.__name__] = self._function(kind.__name__, decode_and_run, is_secret=kind.is_secret)

    def __missing__(self, name: str) -> Function:
        return self._function(name, _unknown, is_secret=False)

    def _function(self, name: str, run: Run, *, is_secret: bool) -> Function:
        return func(_attempts(self._resources, self._suspects, name, run, is_secret=is_secret), name=name)


def periodic(resources: Resources, name: str, run: Callable[[], Awaitable[None]]) -> WorkerCoroutine:
    """Wrap a periodic task for arq: a failure is logged, and the next run does the work."""

    async def attempt(ctx: ArqContext, *_: object, **__: object) -> None:  # noqa: ARG001 - arq names it
        outcome, id = "failed", str(uuid7())
        with logs.on_behalf(Origin(id)), tracing.span(name, "job", greenroom__request_id=id):
            try:
                await run()
                outcome = "done"
            finally:
                resources.metrics.jobs.labels(name, outcome).inc()

    _count_from_zero(resources, name, "done", "failed")
    return attempt


class UnknownJobError(Exception):
    """This version has no function for the job."""


async def _unknown(_arguments: object) -> None:
    raise UnknownJobError("this worker does not know the job")


def _attempts(resources: Resources, suspects: Suspects, name: str, run: Run, *, is_secret: bool) -> WorkerCoroutine:
    async def attempt(
        ctx: ArqContext, arguments: object, request_id: str = "", traceparent: str = "", **_: object
    ) -> None:
        tries, outcome = ctx["job_try"], "failed"
        with (
            logs.on_behalf(Origin(request_id or f"job-{ctx['job_id']}")),
            tracing.span(name, "job", traceparent, greenroom__request_id=request_id, greenroom__try=tries) as span,
        ):
            try:
                async with suspects.watch(ctx):
                    await _try(run, arguments)
                outcome = "done"
            except BusyError as busy:
                outcome = "postponed"
                await ctx["redis"].decr(retry_key_prefix + ctx["job_id"])
                raise Retry(defer=busy.seconds) from busy
            except Exception as error:
                wait = _wait(error, tries)
                span.failed()
                if wait is None:
                    kept = None if is_secret else msgspec.json.encode(arguments).decode()
                    await _mark_dead(resources, name, kept, error, tries, request_id)
                    return
                outcome = "retried"
                log.warning("%s failed and is tried again in %s s: %s", name, wait, told(error))
                raise Retry(defer=wait) from error
            finally:
                resources.metrics.jobs.labels(name, outcome).inc()

    _count_from_zero(resources, name, "done", "retried", "postponed", "failed")
    return attempt


def _count_from_zero(resources: Resources, name: str, *outcomes: str) -> None:
    # If a counter first appears with a failure, Prometheus sees no increase.
    for outcome in outcomes:
        resources.metrics.jobs.labels(name, outcome)


async def _try(run: Run, arguments: object) -> None:
    # arq's own limit would end the job before it could be retried.
    async with asyncio.timeout(JOB_SECONDS):
        await run(arguments)


def _wait(error: Exception, tries: int) -> float | None:
    """Return the seconds until the next try; None: none."""
    if isinstance(error, PermanentError):
        return None
    if isinstance(error, UnknownJobError):
        return UNKNOWN_SECONDS if tries < UNKNOWN_TRIES else None
    return RETRY_SECONDS[tries - 1] if tries <= len(RETRY_SECONDS) else None


async def _mark_dead(
    resources: Resources, name: str, arguments: str | None, error: Exception, tries: int, request_id: str
) -> None:
    reason = logs.masked(told(error))
    try:
        await dead_jobs.mark_dead(resources.db, name, arguments, reason, tries, request_id)
    except UNAVAILABLE_ERRORS as away:
        raise Retry(defer=RETRY_SECONDS[-1]) from away
    log.error("%s is dead after %d tries: %s", name, tries, reason, exc_info=error)


def told(error: Exception) -> str:
    """Describe an error together with its cause."""
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    cause = error.__cause__
    return f"{said} ({type(cause).__name__})" if cause and str(cause) not in said else said
