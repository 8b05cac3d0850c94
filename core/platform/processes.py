"""Processes that we start: they end with us, whatever ends us."""

import shutil
import signal


def dying_with_us(stop: signal.Signals) -> tuple[str, ...]:
    """Return what to put before a command, so that its process gets a signal when ours is gone (Linux only)."""
    return ("setpriv", "--pdeathsig", stop.name.removeprefix("SIG")) if shutil.which("setpriv") else ()
