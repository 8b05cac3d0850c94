"""What operators ask any process: is it alive, is it ready, how does it do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from core.metrics import Metrics

CHECK_SECONDS = 2.0

Check = Callable[[], Awaitable[object]]


def routes(checks: Mapping[str, Check], metrics: Metrics) -> list[web.RouteDef]:
    """Return `/healthz`, which answers while the process lives, `/readyz` (200, or 503 and what is missing), `/metrics`."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        problems = await asyncio.gather(*(_problem(check) for check in checks.values()))
        answers = dict(zip(checks, problems, strict=True))
        missing = {name: problem for name, problem in answers.items() if problem}
        body = {"status": "unavailable", "missing": missing} if missing else {"status": "ok", "checks": list(checks)}
        return web.Response(
            body=msgspec.json.encode(body), status=503 if missing else 200, content_type="application/json"
        )

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)]


async def _problem(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as error:
        return type(error).__name__
    return ""
