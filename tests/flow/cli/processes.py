"""Waiting for the end of processes that are not ours, without polling."""

import os
import select

END_SECONDS = 15


def wait_for_end(pid: int) -> None:
    """Return when the process has ended; fail after END_SECONDS."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], END_SECONDS)[0], f"process {pid} is still there"
    finally:
        os.close(handle)
