"""An S3 server (rclone's) over a folder, on a local port, with credentials that live as long as it does."""

import re
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cli.embedded.binaries import s3_binary
from cli.embedded.process import Report, Server, running, silent, wait_until
from cli.embedded.stale_servers import end_stale_server
from config.settings import Settings

_SERVING = re.compile(r"http://127\.0\.0\.1:\d+")


@dataclass(frozen=True)
class S3Server(Server):
    """A server with its access key and secret."""

    key: str
    secret: str


@contextmanager
def embedded_s3(folder: Path, bucket: str, *, report: Report = silent) -> Iterator[S3Server]:
    """Run an S3 server whose buckets are the folders in this one; the folder and the bucket are created if missing."""
    folder = folder.resolve()
    for needed in (folder, folder / bucket):
        needed.mkdir(mode=0o700, exist_ok=True)
    binary, title = s3_binary()
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    # Not in the arguments, which every user of the machine can read; quoted, because a comma separates pairs.
    environment = {"RCLONE_AUTH_KEY": f'"{key},{secret}"', "RCLONE_CONFIG": "/dev/null"}
    log = folder.with_name(f"{folder.name}.log")
    end_stale_server(folder, folder.with_name(f"{folder.name}.pid"), binary, signal.SIGTERM, report)
    command: list[str | Path] = [binary, "serve", "s3", "--addr", "127.0.0.1:0", folder]
    with running(command, folder=folder, log=log, stop=signal.SIGTERM, environment=environment) as process:
        with report(f"Starting {title}"):
            wait_until(lambda: bool(_address(log)), process, title, log)
        yield S3Server(title, _address(log), process, key, secret)


def with_s3(settings: Settings, url: str, key: str, secret: str) -> Settings:
    """Put an embedded server into the settings. Web pages cannot call it directly: it answers no preflights."""
    return msgspec.structs.replace(settings, s3_url=url, s3_key=key, s3_secret=secret, s3_links="proxied")


def _address(log: Path) -> str:
    """Return the address that the server has logged, once it has."""
    found = _SERVING.search(log.read_text(errors="replace"))
    return found[0] if found else ""
