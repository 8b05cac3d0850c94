"""`greenroom seed`: what it stores, and the files that load clients read."""

import json
from pathlib import Path

import asyncpg
import msgspec
import pytest

import marketplaces
from cli.errors import CommandError
from cli.seed import seed
from config.settings import Settings
from core.platform.tokens import KeyRing
from tests import bazaar
from tests.bazaar.people import FIRST_ID, with_bazaar
from tests.flow.cli.commands import greenroom

USERS, GROUPS = 7, 3


async def test_user_i_has_the_token_of_line_i_and_is_in_conversation_i_mod_g(
    settings: Settings, tmp_path: Path
) -> None:
    await seed(settings, "onswift", USERS, GROUPS, tmp_path / "out")
    tokens = (tmp_path / "out" / "tokens.txt").read_text().splitlines()
    conversations = (tmp_path / "out" / "conversations.txt").read_text().splitlines()
    assert len(tokens) == USERS
    assert len(conversations) == GROUPS
    connection = await asyncpg.connect(settings.database_url)
    keys = KeyRing(settings)
    for i, line in enumerate(tokens):
        assert line == json.dumps({"token": json.loads(line)["token"]}, separators=(",", ":"))
        access = keys.access(json.loads(line)["token"])
        assert access.user_type == ("creator", "talent")[i % 2]
        assert access.exp - access.iat == 24 * 3600
        row = await connection.fetchrow(
            "select u.market, u.role, u.email, m.conversation_id::text, c.kind, c.market as c_market, s.ended_at"
            " from users u join members m on m.user_id = u.id join conversations c on c.id = m.conversation_id"
            " join sessions s on s.user_id = u.id where u.id = $1 and s.id = $2",
            access.user_id,
            access.session_id,
        )
        assert tuple(row) == (
            "onswift", access.user_type, access.email, conversations[i % GROUPS], "group", "onswift", None
        )  # fmt: skip
    owners = await connection.fetchval("select count(distinct conversation_id) from members where role = 'owner'")
    assert owners == GROUPS
    await connection.close()


async def test_a_second_run_adds_other_users(settings: Settings, tmp_path: Path) -> None:
    await seed(settings, "onswift", USERS, GROUPS, tmp_path)
    await seed(settings, "onswift", USERS, GROUPS, tmp_path)
    connection = await asyncpg.connect(settings.database_url)
    assert await connection.fetchval("select count(distinct email) from users") == 2 * USERS
    await connection.close()


async def test_a_marketplace_with_bigints_has_those(
    settings: Settings, fresh_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = msgspec.structs.replace(settings, database_url=fresh_database_url)
    monkeypatch.setitem(marketplaces.ALL, "bazaar", bazaar.MARKETPLACE)
    await with_bazaar(settings)
    await seed(settings, "bazaar", USERS, GROUPS, tmp_path)
    conversations = (tmp_path / "conversations.txt").read_text().splitlines()
    first = FIRST_ID + 2 * USERS  # after those of the users and their sessions
    assert conversations == [str(first + place) for place in range(GROUPS)]


@pytest.mark.parametrize(("users", "groups"), [(0, 1), (5, 0), (5, 6), (-1, -1)])
async def test_numbers_that_make_no_sense_are_refused(
    users: int, groups: int, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="--conversations from 1 to"):
        await seed(settings, "onswift", users, groups, tmp_path)
    assert not list(tmp_path.iterdir())


async def test_nothing_is_stored_when_the_files_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "tokens.txt").mkdir()
    with pytest.raises(CommandError, match=r"tokens\.txt cannot be written: Is a directory"):
        await seed(settings, "onswift", USERS, GROUPS, tmp_path)
    connection = await asyncpg.connect(settings.database_url)
    assert await connection.fetchval("select count(*) from users") == 0
    await connection.close()


def test_the_command_without_a_running_dev_prepares_the_database_itself(folder: Path) -> None:
    out = folder / "out"
    arguments = ("--market", "onswift", "--users", "4", "--conversations", "2", "--out", str(out))
    done = greenroom("seed", *arguments, DATA_DIR=str(folder / "data"))
    assert done.returncode == 0, done.stderr
    assert len((out / "tokens.txt").read_text().splitlines()) == 4


def test_an_unknown_marketplace_is_refused(folder: Path) -> None:
    arguments = ("--market", "nowhere", "--users", "4", "--conversations", "2", "--out", str(folder))
    done = greenroom("seed", *arguments, DATA_DIR=str(folder / "data"))
    assert done.returncode == 1
    assert "'nowhere'" in done.stderr
