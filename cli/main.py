"""The `greenroom` command: its arguments, and the function for each subcommand."""

import asyncio
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

from cli.errors import CommandError
from config.settings import PREFIX, Settings, SettingsError, load, markdown, masked
from core.platform.observability import logs

# Each command does its own imports, so that `greenroom version` does not load a web server.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 after an error that was printed as one line, 130 after Ctrl-C."""
    args = parser().parse_args(arguments)
    try:
        args.command(args)
    except (CommandError, SettingsError) as error:
        print(f"greenroom: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    whole = ArgumentParser(
        prog="greenroom", description="The backend for marketplaces in which people meet, work and chat."
    )
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listens = ArgumentParser(add_help=False)
    listens.add_argument("--host", help="address to listen on (GREENROOM_HOST, 127.0.0.1)")
    listens.add_argument("--port", help="port to listen on (GREENROOM_PORT, 8000)")

    def command(name: str, function: object, text: str, *parents: ArgumentParser) -> ArgumentParser:
        added = commands.add_parser(name, help=text, description=text, parents=parents)
        added.set_defaults(command=function)
        return added

    command("dev", _dev, "run everything on one port, with its own Postgres, Redis and S3", listens)
    hub = command("hub", _hub, "run a hub: the process that sockets are connected to", listens)
    hub.add_argument("--processes", type=int, default=1, metavar="N", help="number of hubs, on consecutive ports (1)")
    command("api", _api, "run a REST server", listens)
    command("worker", _worker, "run a worker: mails and notifications", listens)
    command("migrate", _migrate, "migrate the database")
    _jobs_options(command("jobs", _jobs, "list, retry or drop jobs that failed in all their tries"))
    _seal_options(command("seal", _seal, "make keys of encryption at rest, and seal what is stored with the first one"))
    ledger = command("ledger", _ledger, "check the books")
    ledger.add_argument("action", choices=["check"], help="compute all balances anew, and name what does not fit")
    _seed_options(command("seed", _seed, "fill the database with users and conversations, for load tests"))
    config = command("config", _config, "print the effective settings without their secrets")
    config.add_argument("--markdown", action="store_true", help="print the reference of all settings instead")
    command("version", _version, "print the version")
    return whole


def _jobs_options(jobs: ArgumentParser) -> None:
    actions = jobs.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="list dead jobs")
    for name, text in (("retry", "let workers retry them"), ("drop", "delete them")):
        action = actions.add_parser(name, help=text, description=text)
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("ids", nargs="*", type=UUID, default=[], metavar="ID", help="ids of jobs")
        which.add_argument("--all", action="store_true", help="all dead jobs")


def _seal_options(seal: ArgumentParser) -> None:
    actions = seal.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("key", help="print a new key, wrapped if there is a master key")
    actions.add_parser("rotate", help="seal with the first key what is sealed with another one, or should be sealed")
    actions.add_parser("status", help="count what `rotate` would seal")


def _seed_options(seed: ArgumentParser) -> None:
    seed.add_argument("--market", required=True, help="marketplace that the users belong to")
    seed.add_argument("--users", required=True, type=int, metavar="N", help="number of users")
    seed.add_argument(
        "--conversations",
        required=True,
        type=int,
        metavar="G",
        help="number of groups; user i is a member of group i mod G",
    )
    seed.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="folder for tokens.txt and conversations.txt"
    )


def _dev(args: Namespace) -> None:
    settings = _settings(args)
    from cli.serve.dev import run_dev

    run_dev(settings)


def _hub(args: Namespace) -> None:
    settings = _settings(args, "database_url", "redis_urls", "jwt_keys")
    if args.processes < 1:
        raise CommandError(f"--processes {args.processes} is not accepted. Expected: 1 or more")
    if args.processes > 1:
        from cli.serve.hubs import run_hubs

        return run_hubs(settings, args.processes)
    from cli.serve.hub import run_hub

    return run_hub(settings)


def _api(args: Namespace) -> None:
    settings = _settings(args, "database_url", "redis_urls", "jwt_keys")
    from cli.serve.api import run_api

    run_api(settings)


def _worker(args: Namespace) -> None:
    settings = _settings(args, "database_url", "redis_urls", "jwt_keys")
    from cli.serve.worker import run_worker

    run_worker(settings)


def _migrate(args: Namespace) -> None:
    from cli.migrate import migrate_database

    with _database(_settings(args), "database_url") as settings:
        applied = asyncio.run(migrate_database(settings))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to do: the database is up to date")


def _jobs(args: Namespace) -> None:
    from cli import jobs

    with _database(_settings(args), "database_url") as settings:
        if args.action == "list":
            asyncio.run(jobs.list_dead(settings))
        else:
            asyncio.run((jobs.retry_dead if args.action == "retry" else jobs.drop_dead)(settings, args.ids))


def _seal(args: Namespace) -> None:
    from cli import seal

    if args.action == "key":
        return asyncio.run(seal.print_key(_settings(args)))
    with _database(_settings(args, "seal_keys"), "database_url") as settings:
        return asyncio.run(seal.rotate(settings) if args.action == "rotate" else seal.status(settings))


def _ledger(args: Namespace) -> None:
    from cli.ledger import check_books

    with _database(_settings(args), "database_url") as settings:
        asyncio.run(check_books(settings))


def _seed(args: Namespace) -> None:
    from cli.migrate import migrate_database
    from cli.seed import seed

    given = _settings(args)
    with _database(given, "database_url", "jwt_keys") as settings:
        if not given.database_url:  # the key in the data folder, which may be new
            asyncio.run(migrate_database(settings))
        asyncio.run(seed(settings, args.market, args.users, args.conversations, args.out))


def _config(args: Namespace) -> None:
    if args.markdown:
        print(markdown(), end="")
        return
    settings = _settings(args)
    print("\n".join(f"{name}={value}" for name, value in masked(settings).items()))
    if not settings.clamd_url:
        print("GREENROOM_CLAMD_URL is not set: files are not scanned for viruses", file=sys.stderr)


def _version(_args: Namespace) -> None:
    print(f"greenroom {version('greenroom')}")


def _settings(args: Namespace, *needed: str) -> Settings:
    """Read the settings; options of the command line take precedence over the environment."""
    options = {
        PREFIX + name.upper(): str(getattr(args, name)) for name in ("host", "port") if getattr(args, name, None)
    }
    settings = load({**os.environ, **options})
    for name in needed:
        if not getattr(settings, name):
            raise CommandError(f"{PREFIX}{name.upper()} is not set: only `greenroom dev` can do without it")
    logs.configure(settings.log_level, settings.log_format)
    return settings


def _database(settings: Settings, *needed: str) -> AbstractContextManager[Settings]:
    """Run a command that only needs the database with the configured one, that of a running `dev`, or a temporary one."""
    from cli.embedded.servers import any_database
    from cli.progress import step

    given = all(getattr(settings, name) for name in needed)
    return nullcontext(settings) if given else any_database(settings, step)
