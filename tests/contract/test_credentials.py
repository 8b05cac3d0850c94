"""Whatever opens something is known to what ends it: by the schema and by the code."""

import ast
from pathlib import Path

from core.accounts import credentials
from tests.flow.conftest import Environment

ROOT = Path(__file__).parents[2]
OPENS_SOMETHING = """
select distinct a.attrelid::regclass::text from pg_attribute a
join pg_class c on c.oid = a.attrelid and c.relkind = 'r' join pg_namespace n on n.oid = c.relnamespace
where n.nspname not in ('pg_catalog', 'information_schema') and a.attnum > 0 and not a.attisdropped
    and a.attname ~ '^(token|hash|secret|session_id|.*_(token|hash|secret))$'"""
ENDED_OTHERWISE = {
    "refresh_tokens": "is looked up with its session, which must be live",
    "texts_sent": "the hash of a phone number opens nothing",
    "verifications": "the hash of an id number opens nothing",
    "webhook_endpoints": "signs what is sent, and opens nothing of ours",
}


async def test_every_table_with_a_secret_or_a_session_is_ended_with_the_login_or_the_user(env: Environment) -> None:
    tables = {name for (name,) in await env.resources.db.fetch(OPENS_SOMETHING)}
    statements = " ".join(one.sql for one in (*credentials.OF_SESSIONS, *credentials.OF_USER))
    ended = {table for table in tables if table in statements.split()}
    assert len(ended) == len(credentials.OF_SESSIONS) + len(credentials.OF_USER)
    # Of users the known devices end; the password is what opens new logins: it is replaced, not ended.
    assert tables - ended == set(ENDED_OTHERWISE), (
        "a new one joins core/accounts/credentials.py, or says here why it need not"
    )


def test_sockets_are_closed_by_the_outbox_and_by_nobody_beside_it() -> None:
    callers = [
        f"{path.relative_to(ROOT)}"
        for folder in ("api", "cli", "core", "marketplaces", "realtime", "workers")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "end_sessions"
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "work")
    ]
    assert callers == ["core/work/outbox.py"]
