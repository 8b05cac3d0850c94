"""What operators ask any process: is it alive, is it ready, how does it do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.context import Resources
from core.metrics import Metrics

CHECK_SECONDS = 2.0

Check = Callable[[], Awaitable[object]]
NONE: Mapping[str, Check] = {}


class NotReadyError(Exception):
    """Why a process should get no new clients right now, in words for operators."""


def usual_checks(resources: Resources) -> dict[str, Check]:
    """Return what every process needs in order to be ready."""
    return {"database": lambda: resources.db.fetchval("select 1"), "redis": resources.redis.ping}


def routes(checks: Mapping[str, Check], metrics: Metrics, optional: Mapping[str, Check] = NONE) -> list[web.RouteDef]:
    """Return `/healthz`, which answers while the process lives, `/readyz` (200, or 503 and what is missing), `/metrics`.

    Without what is optional a process is ready all the same: the rest of it works, and `/readyz` says what does not.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        missing, degraded = await asyncio.gather(problems(checks), problems(optional))
        body: dict[str, object] = {"status": "ok", "checks": list(checks)}
        if missing:
            body = {"status": "unavailable", "missing": missing}
        if degraded:
            body["degraded"] = degraded
        return web.Response(
            body=msgspec.json.encode(body), status=503 if missing else 200, content_type="application/json"
        )

    async def scrape(_request: web.Request) -> web.Response:
        missing = await problems(checks)
        for name in checks:
            metrics.ready.labels(name).set(name not in missing)
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)]


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
