"""`greenroom hub --processes N`: hubs on consecutive ports, each restarted when it dies.

They do not share a port: the kernel would spread the requests of one polling client over all hubs, and only one of them
knows its session. nginx spreads clients over the ports, as it does over machines; Prometheus scrapes each.
"""

import asyncio
import logging
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress

from cli.checks import check_settings
from cli.errors import CommandError
from cli.lifetime import run, until
from cli.serve.listening import check_free
from config.settings import Settings
from core.platform.processes import dying_with_us

PAUSE_SECONDS = 1.0  # before a restart: the cause of the crash may persist

log = logging.getLogger(__name__)


def run_hubs(settings: Settings, count: int) -> None:
    """Run this many hubs until a signal."""
    ports = range(settings.port, settings.port + count)
    if settings.port == 0 or ports[-1] > 65535:
        raise CommandError(
            f"{count} hubs need as many ports from GREENROOM_PORT={settings.port} on: choose another one"
        )

    async def main(stop: asyncio.Event) -> None:
        await check_settings(settings)
        for port in ports:
            check_free(settings.host, port)
        await until(stop, *(_keep_up(settings.host, port) for port in ports))

    run(main)


async def _keep_up(host: str, port: int) -> None:
    """Keep one hub running; when cancelled, shut it down gracefully and return when it has ended."""
    while True:
        process = await _start(host, port)
        log.info("hub on port %d is process %d", port, process.pid)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        log.error("hub on port %d has ended (exit code %d): starting it again", port, code)
        await asyncio.sleep(PAUSE_SECONDS)


async def _start(host: str, port: int) -> Process:
    # In its own session, so that Ctrl-C reaches it once, through us; and it ends with us, however we end.
    command = [*dying_with_us(signal.SIGTERM), sys.executable, "-m", "cli", "hub", "--host", host, "--port", str(port)]
    return await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, start_new_session=True)


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    await process.wait()
