"""The servers of one data folder: one process at a time runs them, and other commands find and use them."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from cli.embedded.postgres import embedded_postgres
from cli.embedded.process import START_SECONDS, Report, Server
from cli.embedded.redis import embedded_redis
from cli.embedded.s3 import embedded_s3, with_s3
from cli.embedded.secret_files import OPERATOR_TOKEN, SIGNING_KEY, stored_secret
from cli.errors import CommandError
from config.settings import Settings


class Addresses(msgspec.Struct, frozen=True):
    """Content of servers.json while its owner, which holds the lock, is alive."""

    process: int
    database_url: str
    redis_urls: tuple[str, ...]
    s3: tuple[str, str, str] | None = None  # address, key, secret


@contextmanager
def embedded_servers(settings: Settings, report: Report) -> Iterator[tuple[Settings, list[Server]]]:
    """Start the servers that the settings do not name, and yield the settings with them.

    Raises CommandError if another process owns the data folder.
    """
    with _servers_file(settings) as file:
        if not _lock(file):
            raise CommandError(
                f"Another greenroom{_owner(file)} is using {Path(settings.data_dir).resolve()}:"
                " stop it, or set GREENROOM_DATA_DIR to another folder"
            )
        with _started(settings, file, report, only_database=False) as started:
            yield started


@contextmanager
def any_database(settings: Settings, report: Report) -> Iterator[Settings]:
    """Yield the settings with the database of the process that owns the data folder, or with a temporary one."""
    with _servers_file(settings) as file:
        if _lock(file):
            with _started(settings, file, report, only_database=True) as (completed, _):
                yield completed
        else:
            yield _completed(settings, _wait_for_addresses(file))


@contextmanager
def _servers_file(settings: Settings) -> Iterator[BinaryIO]:
    folder = Path(settings.data_dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / "servers.json", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CommandError(f"GREENROOM_DATA_DIR={folder} cannot be used: {error.strerror}") from None
    with os.fdopen(descriptor, "r+b") as file:
        yield file


def _lock(file: BinaryIO) -> bool:
    """Try to become the owner; the kernel releases the lock when the process ends, however it dies."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    file.truncate(0)
    return True


@contextmanager
def _started(
    settings: Settings, file: BinaryIO, report: Report, *, only_database: bool
) -> Iterator[tuple[Settings, list[Server]]]:
    folder = Path(settings.data_dir)
    for name in (SIGNING_KEY, OPERATOR_TOKEN):
        stored_secret(folder, name)
    with ExitStack() as stack:
        start = stack.enter_context
        database = None if settings.database_url else start(embedded_postgres(folder / "postgres", report=report))
        redis = s3 = None
        if not (only_database or settings.redis_urls):
            redis = start(embedded_redis(folder / "redis", report=report))
        if not (only_database or settings.s3_url):
            s3 = start(embedded_s3(folder / "files", settings.s3_bucket, report=report))
        addresses = Addresses(
            process=os.getpid(),
            database_url=database.url if database else settings.database_url,
            redis_urls=(redis.url,) if redis else settings.redis_urls,
            s3=(s3.url, s3.key, s3.secret) if s3 else None,
        )
        file.write(msgspec.json.encode(addresses))
        file.flush()
        stack.callback(file.truncate, 0)
        yield _completed(settings, addresses), [server for server in (database, redis, s3) if server]


def _completed(settings: Settings, addresses: Addresses) -> Settings:
    """Fill empty settings with the servers that are running here."""
    folder = Path(settings.data_dir)
    completed = with_s3(settings, *addresses.s3) if addresses.s3 and not settings.s3_url else settings
    return msgspec.structs.replace(
        completed,
        database_url=settings.database_url or addresses.database_url,
        redis_urls=settings.redis_urls or addresses.redis_urls,
        jwt_keys=settings.jwt_keys or (stored_secret(folder, SIGNING_KEY),),
        operator_tokens=settings.operator_tokens or (stored_secret(folder, OPERATOR_TOKEN),),
    )


def _wait_for_addresses(file: BinaryIO) -> Addresses:
    """Read the owner's addresses, waiting until its servers are up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (addresses := _read(file)) is not None:
            return addresses
        time.sleep(0.05)
    raise CommandError(f"Another greenroom is starting on {file.name}, but makes no progress")


def _read(file: BinaryIO) -> Addresses | None:
    file.seek(0)
    try:
        return msgspec.json.decode(file.read(), type=Addresses)
    except msgspec.DecodeError:
        return None


def _owner(file: BinaryIO) -> str:
    addresses = _read(file)
    return f" (process {addresses.process})" if addresses else ""
