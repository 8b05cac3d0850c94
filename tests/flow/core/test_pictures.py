"""Pictures are decoded by a process that has its limits, is always reaped, and knows nothing of ours."""

import asyncio
import io
import os
import select
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import msgspec
import pytest
from PIL import Image

from core.pictures import process
from core.pictures.limits import ImageLimits, Picture
from core.pictures.process import DecoderLostError, RefusedError, examine, task_of
from core.pictures.task import Task
from tests.flow.conftest import PATIENCE


def picture(kind: str = "PNG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "teal").save(content, kind, **options)
    return content.getvalue()


def children() -> set[int]:
    """Return the processes that are ours, those included that nobody has waited for."""
    pids: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # the thread has ended meanwhile
            pids |= {int(pid) for pid in (task / "children").read_text().split()}
    return pids


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


async def examined(data: bytes, mime_type: str = "image/png", **task: Any) -> tuple[Picture, bytes]:
    """Return what is known of a picture, and what is kept of it."""
    with TemporaryFile() as content, TemporaryFile() as clean:
        content.write(data)
        content.flush()
        asked = task_of(mime_type, len(data), clean, task.pop("limits", ImageLimits()))
        found = await examine(content, clean, msgspec.structs.replace(asked, **task))
        clean.seek(0)
        return found, clean.read()


async def test_a_picture_is_decoded_and_cleaned_by_a_process_of_its_own() -> None:
    found, clean = await examined(picture(size=(1000, 500)) + b"behind the end")
    assert (found.width, found.height) == (1000, 500)
    assert clean == picture(size=(1000, 500))
    with Image.open(io.BytesIO(found.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (320, 160))


@pytest.mark.parametrize("progressive", [False, True])
async def test_a_jpeg_is_made_smaller_as_it_is_decoded_but_known_to_be_whole(progressive: bool) -> None:
    content = io.BytesIO()
    Image.effect_noise((2000, 1500), 60).convert("RGB").save(content, "JPEG", progressive=progressive)
    whole = content.getvalue()
    found, clean = await examined(whole, "image/jpeg")
    assert ((found.width, found.height), clean) == ((2000, 1500), whole)
    with pytest.raises(RefusedError, match="cannot be read as an image"):
        await examined(whole[: len(whole) // 2], "image/jpeg")


@pytest.mark.parametrize("side", [(9000, 3), (3, 9000), (1281, 900), (641, 1)])
@pytest.mark.parametrize("mode", ["RGBA", "P", "1", "I;16"])
async def test_the_thumbnail_of_any_picture_has_its_colours_and_shape(side: tuple[int, int], mode: str) -> None:
    content = io.BytesIO()
    Image.new(mode, side).save(content, "PNG")
    found, _ = await examined(content.getvalue())
    with Image.open(io.BytesIO(found.thumbnail)) as thumbnail:
        assert max(thumbnail.size) == 320
        assert (side[0] > side[1]) == (thumbnail.size[0] > thumbnail.size[1])
        assert thumbnail.getpixel((0, 0)) == ((255, 255, 255) if mode == "RGBA" else (0, 0, 0))


async def test_what_takes_too_long_is_ended_and_refused() -> None:
    large = picture("JPEG", (3000, 2000), progressive=True)
    with pytest.raises(RefusedError, match="too long") as refused:
        await examined(large, "image/jpeg", limits=ImageLimits(cpu_seconds=0.01))
    assert refused.value.limit == "cpu"
    await examined(large, "image/jpeg")


async def test_what_takes_too_much_memory_is_refused() -> None:
    large = picture(size=(4000, 3000))
    with pytest.raises(RefusedError, match="too much memory") as refused:
        await examined(large, memory_bytes=40 * 1024 * 1024)
    assert refused.value.limit == "memory"
    await examined(large)


async def test_what_its_structure_forbids_is_refused_without_being_decoded() -> None:
    undecodable = picture()[:37] + b"IDAT\0\0\0" + picture()[44:]
    with pytest.raises(RefusedError, match="cannot be read"):
        await examined(undecodable)
    with pytest.raises(RefusedError, match="64 x 48 pixels") as refused:
        await examined(undecodable, limits=ImageLimits(max_side=50))
    assert refused.value.limit == "structure"


async def test_a_decoder_that_stands_still_is_ended_and_the_picture_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "WALL_SECONDS", 0)
    with pytest.raises(DecoderLostError):
        await examined(picture())


async def test_a_full_disk_says_nothing_of_the_picture() -> None:
    data = picture()
    with TemporaryFile() as content, Path("/dev/full").open("r+b", buffering=0) as full:  # noqa: ASYNC230
        content.write(data)
        content.flush()
        with pytest.raises(DecoderLostError):
            await examine(content, full, task_of("image/png", len(data), full, ImageLimits()))


async def started(monkeypatch: pytest.MonkeyPatch) -> asyncio.Future[Process]:
    """Return what will be the next process that decodes; it is stopped."""
    usual, start = asyncio.get_running_loop().create_future(), process._start

    async def start_and_stop(content: IO[bytes], clean: IO[bytes], task: Task) -> Process:
        child = await start(content, clean, task)
        child.send_signal(signal.SIGSTOP)
        usual.set_result(child)
        return child

    monkeypatch.setattr(process, "_start", start_and_stop)
    return usual


async def test_a_decoder_that_something_else_kills_says_nothing_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    child = await started(monkeypatch)
    running = asyncio.create_task(examined(picture()))
    (await child).kill()
    with pytest.raises(DecoderLostError, match="-9"):
        await running


async def test_who_is_cancelled_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    child = await started(monkeypatch)
    running = asyncio.create_task(examined(picture()))
    pid = (await child).pid
    assert pid in children()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert pid not in children()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program that stands in for the decoder: it tells its environment, and stays."""
    program = tmp_path / "decoder"
    program.write_text("#!/bin/sh\nenv\necho\nexec sleep 600\n")
    program.chmod(0o700)
    return program


async def lines(output: asyncio.StreamReader | None) -> list[str]:
    """Return what a process says, up to an empty line."""
    assert output
    said = []
    while line := (await asyncio.wait_for(output.readline(), PATIENCE)).decode().strip():
        said.append(line)
    return said


async def test_a_decoder_knows_no_settings(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_JWT_KEYS", "k:secret")
    monkeypatch.setattr(sys, "executable", str(stand_in))
    with TemporaryFile() as content, TemporaryFile() as clean:
        child = await process._start(content, clean, task_of("image/png", 1, clean, ImageLimits()))
        names = {line.partition("=")[0] for line in await lines(child.stdout)}
        await process._end(child)
    assert names - {"PWD", "_", "SHLVL", "OLDPWD"} == {"PATH", "PYTHONPATH", "LC_ALL"}, (
        "the first ones are the shell's own"
    )


PARENT = """
import asyncio, sys, tempfile
from core.pictures import process
from core.pictures.limits import ImageLimits

async def main():
    sys.executable = sys.argv[1]
    with tempfile.TemporaryFile() as content, tempfile.TemporaryFile() as clean:
        child = await process._start(content, clean, process.task_of("image/png", 1, clean, ImageLimits()))
        while (await child.stdout.readline()).strip():
            pass
        print(child.pid, flush=True)
        await child.wait()

asyncio.run(main())
"""


async def test_a_decoder_ends_with_the_process_that_started_it(stand_in: Path) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(stand_in), stdout=PIPE)
    assert parent.stdout
    pid = int(await asyncio.wait_for(parent.stdout.readline(), PATIENCE))
    handle = os.pidfd_open(pid)
    try:
        parent.kill()
        await parent.wait()
        ended, _, _ = await asyncio.to_thread(select.select, [handle], [], [], PATIENCE)
        assert ended == [handle]
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    ("answer", "code", "limit"),
    [
        (b"", 0, "crash"), (b"\xc1", 0, "crash"), (b"\x80", 0, "crash"), (b"", -signal.SIGSEGV, "crash"),
        (b"", -signal.SIGXCPU, "cpu"), (b"", -signal.SIGXFSZ, "crash"),
    ],
)  # fmt: skip
def test_what_a_decoder_answers_is_not_believed(answer: bytes, code: int, limit: str) -> None:
    result = process._result(answer, code)
    assert getattr(result, "limit", None) == limit


@pytest.mark.parametrize(
    "found", [Picture(0, 5, b"\xff\xd8\xff"), Picture(5, 99_999, b"\xff\xd8\xff"), Picture(5, 5, b"<svg>")]
)
def test_a_picture_that_a_decoder_cannot_have_found_is_refused(found: Picture) -> None:
    with TemporaryFile() as clean:
        clean.write(b"x" * 10)
        clean.flush()
        task = task_of("image/png", 10, clean, ImageLimits())
        process._check(Picture(5, 5, b"\xff\xd8\xff"), clean, task)
        with pytest.raises(RefusedError):
            process._check(found, clean, task)
        clean.write(b"x" * task.most_kept)
        clean.flush()
        with pytest.raises(RefusedError):
            process._check(Picture(5, 5, b"\xff\xd8\xff"), clean, task)
