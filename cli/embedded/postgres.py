"""A Postgres in a folder, reached through a Unix socket only."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from cli.embedded import ctype
from cli.embedded.binaries import postgres_binaries
from cli.embedded.process import Account, Report, Server, running, silent, socket_folder, wait_until
from cli.embedded.stale_servers import end_stale_server
from cli.errors import CommandError

SOCKET_NAME = ".s.PGSQL.5432"
OPTIONS = ("shared_buffers=128MB", "max_connections=100", "max_wal_size=1GB", "checkpoint_timeout=15min", "jit=off")
BUILTIN_LOCALE_SINCE = 17
FAST_SHUTDOWN = signal.SIGINT


@contextmanager
def embedded_postgres(folder: Path, *, fsync: bool = True, report: Report = silent) -> Iterator[Server]:
    """Run Postgres on `folder`, created if missing, with a database `greenroom`. fsync=False: the data may be lost."""
    folder = folder.resolve()
    binaries, version = postgres_binaries(_major(folder))
    account = _account(folder)
    if not folder.exists():
        with report("Preparing a database"):
            _create(folder, binaries, int(version.partition(".")[0]), account)
    elif account.user is not None:
        _chown(folder, binaries, account)
    end_stale_server(folder, folder / "postmaster.pid", binaries / "postgres", FAST_SHUTDOWN, report)
    _fix_ctype(folder, binaries, int(version.partition(".")[0]), account, report)
    log = folder.with_name(f"{folder.name}.log")
    with socket_folder(folder, SOCKET_NAME, account) as sockets:
        command: list[str | Path] = [binaries / "postgres", "-D", folder, *_options(sockets, fsync)]
        with running(command, folder=folder, log=log, stop=FAST_SHUTDOWN, account=account) as process:
            with report(f"Starting Postgres {version}"):
                wait_until(lambda: _is_ready(folder, process.pid), process, f"Postgres {version}", log)
            url = f"postgresql://greenroom@/greenroom?host={quote(str(sockets))}&port=5432"
            yield Server(f"Postgres {version}", url, process)


def _options(sockets: Path, fsync: bool) -> list[str]:
    here = ("listen_addresses=", f"unix_socket_directories={sockets}", f"fsync={'on' if fsync else 'off'}")
    return [part for option in (*here, *OPTIONS) for part in ("-c", option)]


def _major(folder: Path) -> int | None:
    """Return the major version of Postgres that created this data, if there is any."""
    return int((folder / "PG_VERSION").read_text()) if folder.exists() else None


def _account(folder: Path) -> Account:
    """Return the account to run Postgres as, which refuses root: a user namespace in which root has another name, else nobody."""
    if os.geteuid() != 0:
        return Account()
    if folder.exists() and (owner := folder.stat()).st_uid != 0:
        return Account(user=owner.st_uid, group=owner.st_gid)
    nobody = pwd.getpwnam("nobody")  # initdb looks up the name of its user, so the user must have one
    renamed = ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", "--")
    if shutil.which("unshare") and subprocess.run([*renamed, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return Account(prefix=renamed)
    return Account(user=nobody.pw_uid, group=nobody.pw_gid)


def _create(folder: Path, binaries: Path, major: int, account: Account) -> None:
    """Create the data under another name first, so that a folder of the final name is always complete."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if account.user is not None:
        _chown(unfinished, binaries, account)
    letters = None
    locale: tuple[str, ...] = ("--locale=C.UTF-8",)
    if major >= BUILTIN_LOCALE_SINCE:
        letters = ctype.known_ctype()
        locale = (
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *((f"--lc-ctype={letters}",) if letters else ()),
        )
    _run(
        [binaries / "initdb", "-D", unfinished, "-U", "greenroom", "-A", "trust", "-E", "UTF8", "--no-sync", *locale],
        account,
    )
    _run(
        [binaries / "postgres", "--single", "-F", "-D", unfinished, "postgres"], account, b"create database greenroom\n"
    )
    if letters:
        ctype.mark(unfinished, letters)
    unfinished.rename(folder)


def _fix_ctype(folder: Path, binaries: Path, major: int, account: Account, report: Report) -> None:
    """Change the LC_CTYPE of older databases to one that knows the letters of all scripts."""
    if major < BUILTIN_LOCALE_SINCE or ctype.is_marked(folder) or not (known := ctype.known_ctype()):
        return
    with report("Telling the database of letters beyond ASCII"):
        for step in ctype.steps(known):
            _run([binaries / "postgres", "--single", "-D", folder, "greenroom"], account, step)
        ctype.mark(folder, known)


def _chown(folder: Path, binaries: Path, account: Account) -> None:
    """Give the data to the user that runs Postgres, which must also have access to its parent folders and the binaries."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.user or 0, account.group or 0)
    folder.parent.chmod(folder.parent.stat().st_mode | 0o011)
    may = ["test", "-w", str(folder), "-a", "-x", str(binaries / "postgres")]
    if subprocess.run(may, user=account.user, group=account.group, extra_groups=[], check=False).returncode != 0:  # noqa: S603
        raise CommandError(
            f"Postgres refuses to run as root, and as the user nobody it cannot enter {folder.parent} or {binaries}:"
            " run as an ordinary user, or move both out of private folders"
        )


def _run(command: Sequence[str | Path], account: Account, stdin: bytes = b"") -> None:
    done = subprocess.run(  # noqa: S603
        [*account.prefix, *command],
        input=stdin,
        capture_output=True,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        user=account.user,
        group=account.group,
        extra_groups=None if account.user is None else [],
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(f"{Path(command[0]).name} failed: {done.stderr.decode(errors='replace').strip()}")


def _is_ready(folder: Path, pid: int) -> bool:
    """Return whether postmaster.pid reports it: line 1 is the process, line 8 its state; a replica has a state of its own."""
    try:
        lines = [line.strip() for line in (folder / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7] in ("ready", "standby")
