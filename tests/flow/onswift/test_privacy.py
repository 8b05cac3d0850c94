"""Everything that is known of a user can be had, and erased."""

import asyncio
import re
from typing import Any
from uuid import UUID

import pytest
from asyncpg import DivisionByZeroError

from core.accounts.one_time import tokens
from core.base import clock
from core.platform.db import Query, Texts
from core.privacy import exports
from core.work.jobs import FinishErasure
from core.work.kept_answers import DELETED_NAME
from marketplaces.onswift.policy import POLICY
from tests.contract.story.telling import Story
from tests.flow.api.conftest import PASSWORD, Api, Caller
from tests.flow.conftest import Environment
from workers.erasure import finish_erasure

REGISTRY = POLICY.personal_data
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
PROFILE: dict[str, Any] = {
    "professionalTitle": "Zyxwvut Editor", "bio": "Zyxwvut bio", "skills": ["Figma"], "hourlyRate": 75,
    "portfolioLinks": ["https://zyxwvut.com"], "linkedinUrl": "https://linkedin.com/in/zyxwvut",
}  # fmt: skip
# A name that is nowhere else; in what she writes to others stands "said".
NAME = "Zyxwvut Nobody"
TABLES = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'onswift')"


@pytest.fixture
async def story(api: Api, env: Environment) -> Story:
    """Return a story in which Bob has left traces everywhere."""
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", NAME)
    story = Story(api, env, ann, bob, await api.signed_up("talent", "Eve"))
    assert (await bob.put("/users/me", **PROFILE)).status == 200
    pair = (await bob.post("/conversations", participantId=story.ann.id)).body["id"]
    sent = (await bob.post(f"/conversations/{pair}/messages", content="said")).body
    await bob.call("PUT", f"/conversations/{pair}/messages/{sent['id']}/reactions/👍")
    project = (await story.ann.post("/projects", name="Film", description="x", dueDate="2999-12-31")).body["id"]
    await story.ann.post(f"/projects/{project}/team", userId=bob.id)
    task = await story.ann.post(
        f"/projects/{project}/tasks", name="Cut", description="x", assigneeId=bob.id, dueDate="2999-12-31"
    )
    assert task.status == 201, task.body
    sql = """
        insert into reviews (id, subject_id, author_id, rating, text, created_at, updated_at)
        values ($1, $2, $3, 5, $4, now(), now())"""
    for subject, author in ((bob, story.ann), (story.eve, bob)):
        await env.resources.db.execute(sql, UUID(int=int(UUID(subject.id)) ^ 1), subject.id, author.id, "Good Zyxwvut")
    await env.resources.db.execute("insert into ratings values ($1, 5, 1)", bob.id)
    await tokens.INSERT(env.resources.db, b"code", UUID(bob.id), "reset", (await now(env)))
    group = {"title": "Two", "participantIds": [story.eve.id]}
    kept = await bob.call("POST", "/conversations/groups", json=group, headers={"Idempotency-Key": "once"})
    assert kept.status == 201, kept.body
    return story


async def now(env: Environment) -> Any:
    return await env.resources.db.fetchval("select now() + interval '1 hour'")


async def tables_with(env: Environment, text: str) -> set[str]:
    """Return the tables in which a text is found anywhere."""
    db = env.resources.db
    names = [name for (name,) in await db.fetch(TABLES)]
    sql = "select exists (select from {} t where t::text ilike '%' || $1 || '%')"
    return {name.removeprefix("public.") for name in names if await db.fetchval(sql.format(name), text)}


async def delete(env: Environment, caller: Caller) -> None:
    """Delete a caller's account, and do what the worker does then."""
    assert (await caller.delete("/users/me")).status == 204
    await finish_erasure(env.resources, env.publisher, FinishErasure(caller.id))


async def test_an_export_holds_what_is_known_and_nothing_of_others(story: Story) -> None:
    reply = await story.bob.get("/users/me/export")
    assert reply.status == 200
    data = reply.body["data"]
    assert (data["account"][0]["name"], data["account"][0]["email"]) == (NAME, story.bob.email)
    assert data["profile"][0]["bio"] == PROFILE["bio"]
    assert data["profile"][0]["professionalTitle"] == PROFILE["professionalTitle"]
    assert [one["body"] for one in data["messages"]] == ["said"]
    assert {one["ip"] for one in data["sessions"]} == {"127.0.0.1"}
    assert [one["name"] for one in data["tasks"]] == ["Cut"]
    assert len(data["reviews"]) == 2
    assert {one.name for one in REGISTRY if one.export} == data.keys()
    assert story.ann.email not in str(reply.body)
    assert "password" not in str(reply.body).lower()


async def test_an_export_has_names_and_times_as_all_answers_have_them(story: Story) -> None:
    reply = await story.bob.get("/users/me/export")
    rows = [row for part in reply.body["data"].values() for row in part]
    assert [name for row in rows for name in row if not re.fullmatch("[a-z][A-Za-z0-9]*", name)] == []
    times = [value for row in rows for name, value in row.items() if name.endswith("At") and value is not None]
    assert len(times) > len(rows)
    assert [value for value in (*times, reply.body["exportedAt"]) if not re.fullmatch(TIME, value)] == []


async def test_an_export_can_be_asked_for_some_times_an_hour(api: Api) -> None:
    ann = await api.signed_up()
    assert [(await ann.get("/users/me/export")).status for _ in range(6)] == [200] * 5 + [429]


async def test_an_export_of_very_much_is_made_a_little_at_a_time(story: Story, env: Environment) -> None:
    conversation = (await story.bob.get("/conversations")).body["conversations"][0]["id"]
    await env.resources.db.execute(
        """
        insert into messages (conversation_id, seq, version, changed_at, id, sender_id, body, created_at)
        select $1::text::uuid, n, n, now(), gen_random_uuid(), $2::text::uuid, 'said ' || n, now()
        from generate_series(100, 5099) n""",
        conversation, story.bob.id,
    )  # fmt: skip
    turns, done = 0, False

    async def others() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    reply = await story.bob.get("/users/me/export")
    done = True
    await beside
    assert len({one["id"] for one in reply.body["data"]["messages"]}) == 5001
    assert int(reply.headers["Content-Length"]) > 500_000
    assert turns > 5000 / exports.ROWS_AT_ONCE


async def test_few_exports_are_made_at_once_and_others_are_told_to_come_back(
    story: Story, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as busy:
        busy.setattr(exports, "_writing", asyncio.Semaphore(0))
        refused = await story.bob.get("/users/me/export")
        assert (refused.status, refused.code) == (503, "UNAVAILABLE")
    monkeypatch.setattr(exports, "_writing", asyncio.Semaphore(1))
    broken = Texts("select 1 / (random() * 0)::int || $1::uuid::text")
    with pytest.raises(DivisionByZeroError):
        await exports.write_export(env.resources, UUID(story.bob.id), clock.now(), [("broken", broken)])
    Query.declared.remove(broken)
    assert (await story.bob.get("/users/me/export")).status == 200, "what fails gives its place back"


async def test_of_a_deleted_user_nothing_is_left_but_what_others_have(story: Story, env: Environment) -> None:
    bob = story.bob
    traces = {"users", "onswift.profiles", "onswift.talents", "reviews"}
    assert await tables_with(env, "zyxwvut") >= traces, "the test would notice"
    await delete(env, bob)
    reviews_of_others = {"reviews"}  # the text that she wrote about Eve
    assert await tables_with(env, "zyxwvut") <= reviews_of_others
    assert await tables_with(env, bob.email) == set()
    assert await env.resources.db.fetchval("select text from reviews where subject_id = $1", bob.id) == ""
    allowed = {table for one in REGISTRY if one.kept for table in one.tables}
    assert await tables_with(env, bob.id) <= allowed
    assert (
        await env.resources.db.fetchval("select count(*) from audit_log where remote <> '' and actor_id = $1", bob.id)
        == 0
    )


async def test_others_keep_what_they_have_of_a_deleted_user_under_no_name(story: Story) -> None:
    bob, ann = story.bob, story.ann
    await bob.delete("/users/me")
    (conversation,) = (await ann.get("/conversations")).body["conversations"]
    assert conversation["talent"]["name"] == DELETED_NAME
    (message,) = (await ann.get(f"/conversations/{conversation['id']}/messages")).body["messages"]
    assert (message["content"], message["sender"]["name"]) == ("said", DELETED_NAME)
    assert (await ann.get(f"/users/{bob.id}")).code == "USER_NOT_FOUND"
    assert (await ann.get("/users/search", q="Zyxwvut")).body["users"] == []
    (project,) = (await ann.get("/projects")).body["projects"]
    assert project["teamMembers"] == []
    assert (await ann.post("/conversations", participantId=bob.id)).code == "USER_NOT_FOUND"


async def test_a_deleted_creators_projects_are_gone(api: Api, story: Story) -> None:
    assert (await story.ann.delete("/users/me")).status == 204
    assert (await story.bob.get("/projects")).body["projects"] == []


async def test_a_deleted_user_is_out_at_once_everywhere(api: Api, env: Environment, hub: str) -> None:
    chatter = await env.chatter("Ann", hub)
    await chatter.connect()
    ann = api.anyone
    ann.access_token = chatter.token
    assert (await ann.delete("/users/me")).status == 204
    await chatter.heard.next("session:ended")
    await chatter.heard.next("disconnect")
    assert (await ann.get("/users/me")).code == "SESSION_ENDED"


async def test_a_deleted_user_cannot_come_back_but_her_address_can(api: Api) -> None:
    ann = await api.signed_up()
    assert (await ann.delete("/users/me")).status == 204
    assert (await api.log_in(ann.email)).code == "INVALID_CREDENTIALS"
    assert (await api.anyone.post("/auth/refresh", refreshToken=ann.refresh_token)).status == 401
    again = await api.anyone.post("/auth/signup", email=ann.email, password=PASSWORD, name="Ann", userType="talent")
    assert again.status == 201
    assert again.body["user"]["id"] != ann.id


async def test_two_users_without_an_address_are_no_conflict(api: Api) -> None:
    for caller in (await api.signed_up(), await api.signed_up()):
        assert (await caller.delete("/users/me")).status == 204


async def test_who_logs_in_while_the_account_is_deleted_is_out_too(api: Api) -> None:
    ann = await api.signed_up()

    async def log_in() -> Caller | None:
        reply = await api.log_in(ann.email)
        return api.logged_in(reply) if reply.status == 200 else None

    async with asyncio.TaskGroup() as group:
        group.create_task(ann.delete("/users/me"))
        logins = [group.create_task(log_in()) for _ in range(4)]
    opened = [one for one in (task.result() for task in logins) if one]
    assert [(await one.get("/users/me")).status for one in opened] == [401] * len(opened)
