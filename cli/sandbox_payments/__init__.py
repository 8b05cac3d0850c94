"""A payment provider that moves no money, for `greenroom dev` and tests, with a page to pay on and the faults of real ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientTimeout, web

from cli.sandbox_payments.faults import Faults
from cli.sandbox_payments.server import SandboxPayments

HOOK_SECONDS = 5.0


@asynccontextmanager
async def sandbox_payments(faults: Faults | None = None, port: int = 0) -> AsyncIterator[SandboxPayments]:
    """Open it on a port of this machine, any free one by default; its URL is GREENROOM_PAYMENTS_SANDBOX_URL."""
    async with ClientSession(timeout=ClientTimeout(total=HOOK_SECONDS)) as http:
        sandbox = SandboxPayments(http, faults or Faults())
        app = web.Application()
        app.add_routes(sandbox.routes())
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            host, port = runner.addresses[0][:2]
            sandbox.url = f"http://{host}:{port}"
            yield sandbox
        finally:
            await runner.cleanup()
            await sandbox.stop()
