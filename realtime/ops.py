"""What operators ask any process: is it alive, is it ready, how does it do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.metrics import Metrics

CHECK_SECONDS = 2.0

Check = Callable[[], Awaitable[object]]
NONE: Mapping[str, Check] = {}


class NotReadyError(Exception):
    """Why a process should get no new clients right now, in words for operators."""


def routes(checks: Mapping[str, Check], metrics: Metrics, optional: Mapping[str, Check] = NONE) -> list[web.RouteDef]:
    """Return `/healthz`, which answers while the process lives, `/readyz` (200, or 503 and what is missing), `/metrics`.

    Without what is optional a process is ready all the same: the rest of it works, and `/readyz` says what does not.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        missing, degraded = await asyncio.gather(_problems(checks), _problems(optional))
        body: dict[str, object] = {"status": "ok", "checks": list(checks)}
        if missing:
            body = {"status": "unavailable", "missing": missing}
        if degraded:
            body["degraded"] = degraded
        return web.Response(
            body=msgspec.json.encode(body), status=503 if missing else 200, content_type="application/json"
        )

    async def scrape(_request: web.Request) -> web.Response:
        missing = await _problems(checks)
        for name in checks:
            metrics.ready.labels(name).set(name not in missing)
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)]


async def _problems(checks: Mapping[str, Check]) -> dict[str, str]:
    problems = await asyncio.gather(*(_problem(check) for check in checks.values()))
    return {name: problem for name, problem in zip(checks, problems, strict=True) if problem}


async def _problem(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except NotReadyError as error:
        return str(error)
    except Exception as error:
        return type(error).__name__
    return ""
