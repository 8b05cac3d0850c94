"""The process that decodes one picture: it limits itself, reads the picture from its standard input, and answers on its output.

It has no settings, opens no file by name, and ends with its parent.
"""

import contextlib
import math
import mmap
import os
import resource
import signal
import sys
from pathlib import Path

import msgspec

from core.pictures.decoding import examine
from core.pictures.limits import ADDRESS_BYTES, MEMORY_BYTES, Picture, RejectedError
from core.pictures.task import Refusal, Task

UNREADABLE = "It cannot be read as an image"
TOO_MUCH_MEMORY = Refusal("It takes too much memory to decode", "memory")


def main() -> None:
    """Decode the picture on standard input."""
    task = msgspec.json.decode(sys.argv[1], type=Task)
    _limit(task)
    sys.stdout.buffer.write(msgspec.msgpack.encode(_examine(task)))


def _examine(task: Task) -> Picture | Refusal:
    try:
        with os.fdopen(task.clean, "w+b") as clean:
            return examine(mmap.mmap(0, 0, access=mmap.ACCESS_READ), clean, task.mime_type, task.limits)
    except RejectedError as error:
        return Refusal(str(error), "structure")
    except MemoryError:
        return TOO_MUCH_MEMORY
    except Exception as error:  # decoders raise many different errors for broken pictures
        if isinstance(error, OSError) and error.errno:
            raise  # such as a full disk, which is not the picture's fault
        return Refusal(UNREADABLE, detail=repr(error)[:200])


def _limit(task: Task) -> None:
    os.nice(5)  # lower priority than other processes
    with contextlib.suppress(OSError):  # when memory runs out, Linux kills this process, not its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    seconds = task.limits.cpu_seconds
    signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process
    _set(
        resource.RLIMIT_CPU, math.ceil(seconds) + 1, math.ceil(seconds) + 2
    )  # whole seconds, but it cannot be raised again
    _set(resource.RLIMIT_DATA, task.memory_bytes)
    _set(resource.RLIMIT_AS, task.memory_bytes + ADDRESS_BYTES - MEMORY_BYTES)
    _set(resource.RLIMIT_FSIZE, task.most_kept)
    _set(resource.RLIMIT_CORE, 0)


def _set(limit: int, value: int, hard: int | None = None) -> None:
    with contextlib.suppress(OSError, ValueError):  # macOS refuses some of them; there the CPU time must suffice
        resource.setrlimit(limit, (value, hard or value))


if __name__ == "__main__":
    main()
