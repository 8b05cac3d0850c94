"""Child processes that end with ours, however ours ends."""

import shutil
import signal


def dying_with_us(stop: signal.Signals) -> tuple[str, ...]:
    """Return a command prefix, so that its process gets a signal when ours ends (Linux only)."""
    return ("setpriv", "--pdeathsig", stop.name.removeprefix("SIG")) if shutil.which("setpriv") else ()
