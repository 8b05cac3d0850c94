"""Google, Apple and Facebook for `greenroom dev` and tests: a server of this machine at which everybody is who she says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from cli.login_provider.server import LoginProvider


@asynccontextmanager
async def login_provider() -> AsyncIterator[LoginProvider]:
    """Open it on a free port of this machine; its URL is GREENROOM_OAUTH_LOCAL_URL."""
    provider = LoginProvider()
    app = web.Application()
    app.add_routes(provider.routes())
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        provider.url = f"http://{host}:{port}"
        yield provider
    finally:
        await runner.cleanup()
