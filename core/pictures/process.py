"""Decodes a picture in a separate process with limited time and memory.

One process per picture (it starts in some 50 ms): nothing of one picture remains when the next is decoded, a compromised
decoder finds no settings, connections or other files, and it can be killed at any time.
"""

import asyncio
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import IO

import msgspec

from core.pictures.limits import CONVERTERS, MAX_DRAWN, MB, ImageLimits, Picture, RejectedError
from core.pictures.task import Refusal, Task
from core.platform.processes import dying_with_us

# Many times the limit of CPU seconds: only a stalled machine takes this long.
WALL_SECONDS = 20.0
MAX_ANSWER = 512 * 1024
# The result is the input, plus an end, an orientation, and zeros for the decoder; or it is redrawn.
MAX_GROWTH, MAX_CONVERTED = 4096, 64 * MB
KILLED_FOR_TIME = (-signal.SIGPROF, -signal.SIGXCPU)
CRASHED = (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGFPE, -signal.SIGILL, -signal.SIGXFSZ)

log = logging.getLogger(__name__)


class RefusedError(RejectedError):
    """A picture that was not accepted; `limit` is the exceeded one: structure, cpu, memory, crash, or "" for unreadable."""

    def __init__(self, reason: str, limit: str = "") -> None:
        super().__init__(reason)
        self.limit = limit


class DecoderLostError(Exception):
    """The decoding process was ended by something other than the picture, or stalled: retry."""


async def examine(content: IO[bytes], clean: IO[bytes], task: Task) -> Picture:
    """Decode a picture from a file, and write the data to keep to another one; raises RefusedError, DecoderLostError."""
    process = await _start(content, clean, task)
    try:
        async with asyncio.timeout(WALL_SECONDS):
            answer = await _read(process)
            code = await process.wait()
    except TimeoutError as error:
        raise DecoderLostError("the decoder did not end in time") from error
    finally:
        await _end(process)
    result = _result(answer, code)
    if isinstance(result, Refusal):
        log.info("a picture is refused: %s (%s)", result.reason, result.detail or result.limit)
        raise RefusedError(result.reason, result.limit)
    _check(result, clean, task)
    return result


def task_of(mime_type: str, size: int, clean: IO[bytes], limits: ImageLimits) -> Task:
    """Return the task for a picture of this size."""
    most_kept = MAX_CONVERTED if mime_type in CONVERTERS else MAX_DRAWN * size + MAX_GROWTH
    return Task(mime_type, size, most_kept, clean.fileno(), limits)


async def _start(content: IO[bytes], clean: IO[bytes], task: Task) -> Process:
    # -B: the process has a limit of written bytes, so it must not write bytecode.
    command = [*dying_with_us(signal.SIGKILL), sys.executable, "-B", "-P", "-s", "-m", "core.pictures.child"]
    root = Path(__file__).parents[2]
    return await asyncio.create_subprocess_exec(
        *command,
        msgspec.json.encode(task).decode(),
        stdin=content,
        stdout=PIPE,
        stderr=DEVNULL,
        pass_fds=(clean.fileno(),),
        env={"PATH": os.defpath, "PYTHONPATH": str(root), "LC_ALL": "C.UTF-8"},  # none of our secrets
        start_new_session=True,  # Ctrl-C must reach our process only
    )


async def _read(process: Process) -> bytes:
    assert process.stdout  # noqa: S101 - it was asked for
    answer = b""
    while piece := await process.stdout.read(MAX_ANSWER):
        answer += piece
        if len(answer) > MAX_ANSWER:
            return b""
    return answer


async def _end(process: Process) -> None:
    """Kill the process unless it has ended, and wait for it, also if cancelled, so that no zombie remains."""
    if process.returncode is None:
        process.kill()
        await asyncio.shield(process.wait())


def _result(answer: bytes, code: int) -> Picture | Refusal:
    if code in KILLED_FOR_TIME:
        return Refusal("It takes too long to decode", "cpu")
    if code in CRASHED:
        return Refusal("It cannot be decoded", "crash", f"signal {-code}")
    if code != 0:
        raise DecoderLostError(f"the decoder ended with {code}")
    try:
        return msgspec.msgpack.decode(answer, type=Picture | Refusal)
    except msgspec.DecodeError:
        return Refusal("It cannot be decoded", "crash", "an answer that is none")


def _check(picture: Picture, clean: IO[bytes], task: Task) -> None:
    """Validate the answer of a decoder, which the picture may have compromised."""
    limits, sides = task.limits, (picture.width, picture.height)
    size = os.fstat(clean.fileno()).st_size
    fits = limits.min_side <= min(sides) and max(sides) <= limits.max_side and 0 < size <= task.most_kept
    if not fits or not picture.thumbnail.startswith(b"\xff\xd8\xff"):
        raise RefusedError("It cannot be decoded", "crash")
