"""The probes of any process: `/healthz`, `/readyz` and `/metrics`."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Generic, TypeVar

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.base.sharing import Shared
from core.platform.observability.metrics import Metrics
from core.work.context import Resources

PROBES = HEALTH, READINESS, METRICS = "/healthz", "/readyz", "/metrics"
CHECK_SECONDS = 2.0
PATHS = frozenset(PROBES)
FRESH_SECONDS = 1.0  # how old an answer may be: probing more often puts no load on the servers behind us

Made = TypeVar("Made")
Check = Callable[[], Awaitable[object]]
NONE: Mapping[str, Check] = {}


class NotReadyError(Exception):
    """Why a process should get no new clients right now, in words for operators."""


class Fresh(Generic[Made]):
    """A value that is made once for all concurrent callers, and kept for FRESH_SECONDS."""

    def __init__(self, make: Callable[[], Coroutine[None, None, Made]]) -> None:
        self._make = make
        self._making = Shared[Made]()
        self._latest: tuple[Made, float] | None = None  # and when making it began

    async def get(self) -> Made:
        """Return the value; raises what making it raises."""
        if self._latest and time.monotonic() - self._latest[1] < FRESH_SECONDS:
            return self._latest[0]
        return await self._making.get("", self._renew)

    async def _renew(self) -> Made:
        begun = time.monotonic()
        made = await self._make()
        self._latest = made, begun
        return made


def usual_checks(resources: Resources) -> dict[str, Check]:
    """Return what every process needs in order to be ready."""
    return {"database": lambda: resources.db.fetchval("select 1"), "redis": resources.redis.ping}


def routes(checks: Mapping[str, Check], metrics: Metrics, optional: Mapping[str, Check] = NONE) -> list[web.RouteDef]:
    """Return `/healthz`, which answers while the process lives, `/readyz` (200, or 503 and what is missing), `/metrics`.

    A process is ready without what is `optional`: the rest of it works, and `/readyz` says what does not. The last two are
    computed once a second, however often they are asked for.
    """

    async def look() -> tuple[dict[str, str], dict[str, str]]:
        return await asyncio.gather(problems(checks), problems(optional))

    async def render() -> bytes:
        missing, _ = await looked.get()
        for name in checks:
            metrics.ready.labels(name).set(name not in missing)
        return generate_latest(metrics.registry)

    looked, rendered = Fresh(look), Fresh(render)

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        missing, degraded = await looked.get()
        body: dict[str, object] = {"status": "ok", "checks": list(checks)}
        if missing:
            body = {"status": "unavailable", "missing": missing}
        if degraded:
            body["degraded"] = degraded
        return web.Response(
            body=msgspec.json.encode(body), status=503 if missing else 200, content_type="application/json"
        )

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=await rendered.get(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get(HEALTH, healthz), web.get(READINESS, readyz), web.get(METRICS, scrape)]


async def problems(checks: Mapping[str, Check]) -> dict[str, str]:
    """Return which checks fail, and why; in two seconds at most."""
    found = await asyncio.gather(*(_problem(check) for check in checks.values()))
    return {name: problem for name, problem in zip(checks, found, strict=True) if problem}


async def _problem(check: Check) -> str:
    # Not asyncio.timeout: a statement that is cancelled while Postgres hangs takes ten seconds more to end.
    task = asyncio.create_task(_outcome(check))
    try:
        done, _ = await asyncio.wait({task}, timeout=CHECK_SECONDS)
    finally:
        task.cancel()
    return task.result() if done else TimeoutError.__name__


async def _outcome(check: Check) -> str:
    try:
        await check()
    except NotReadyError as error:
        return str(error)
    except Exception as error:
        return type(error).__name__
    return ""
