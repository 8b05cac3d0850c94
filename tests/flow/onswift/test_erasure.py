"""What follows when an account is deleted: others see no name, nothing comes in behind it, and all of it may be done again."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from core.base import clock, errors
from core.base.ids import uuid7
from core.base.people import Person
from core.chat import invitations
from core.files import checking
from core.notifications.notifications import notify_members
from core.platform.db import transaction
from core.platform.storage import Storage
from core.privacy import erasure
from core.privacy.erasure import LOCK_OUT
from core.work import dead_jobs, notices
from core.work.context import User
from core.work.jobs import FinishErasure, MailAlert, MailUser
from core.work.kept_answers import DELETED_NAME
from marketplaces.onswift.notices import REVIEW_RECEIVED
from realtime.dialect.encoder import CORE
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import PATIENCE, Chatter, Environment
from tests.flow.onswift.conftest import People
from tests.flow.onswift.delivering import desk_of
from tests.flow.onswift.uploading import announce, check, file_of, get, image, upload
from workers.erasure import finish_erasure
from workers.mail import mail_user

pytestmark = pytest.mark.usefixtures("all_acquainted")
BLOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


async def finish(env: Environment, caller: Caller) -> None:
    """Do what the worker does once an account is deleted."""
    await finish_erasure(env.resources, env.publisher, FinishErasure(caller.id))


async def delete(env: Environment, caller: Caller) -> None:
    assert (await caller.delete("/users/me")).status == 204
    await finish(env, caller)


async def connected(env: Environment, caller: Caller, hub: str) -> Chatter:
    (user, _) = await env.person("nobody")
    chatter = Chatter(user, caller.access_token, hub)
    env.stack.push_async_callback(chatter.socket.disconnect)
    return await chatter.connect()


async def group_of(caller: Caller, *others: Caller) -> str:
    body = {"title": "Group", "participantIds": [other.id for other in others]}
    id: str = (await caller.post("/conversations/groups", **body)).body["id"]
    return id


async def contents(caller: Caller, group: str) -> list[str]:
    return [one["content"] for one in (await caller.get(f"/conversations/{group}/messages")).body["messages"]]


async def test_who_is_erased_leaves_groups_and_has_no_name_in_their_log(api: Api, env: Environment, hub: str) -> None:
    ann, bob, eve = await api.signed_up(), await api.signed_up("talent", "Bob"), await api.signed_up("talent", "Eve")
    group = await group_of(bob, ann)
    chatter = await connected(env, ann, hub)
    await chatter.join(UUID(group))
    await bob.post(f"/conversations/{group}/members", userIds=[eve.id])
    await bob.delete(f"/conversations/{group}/members/{eve.id}")
    await bob.post(f"/conversations/{group}/messages", content="Hello")
    await chatter.heard.until("message:received", 3)
    assert await contents(ann, group) == ["Bob added Eve", "Bob removed Eve", "Hello"]
    await delete(env, bob)
    last = (await chatter.heard.until("message:received", 4))[-1]["message"]
    assert (last["kind"], last["content"], last["sender"]["name"]) == ("system", f"{DELETED_NAME} left", DELETED_NAME)
    now = [f"{DELETED_NAME} added Eve", f"{DELETED_NAME} removed Eve", "Hello", f"{DELETED_NAME} left"]
    assert await contents(ann, group) == now
    (shown,) = (await ann.get("/conversations")).body["conversations"]
    assert shown["lastMessage"]["content"] == now[-1]
    assert [(member["id"], member["role"]) for member in shown["members"]] == [(ann.id, "owner")], "ownership passes on"
    await delete(env, eve)
    assert (await contents(ann, group))[:2] == [f"{DELETED_NAME} {did} {DELETED_NAME}" for did in ("added", "removed")]


async def test_hubs_forget_what_was_said_under_a_name_that_is_gone(api: Api, env: Environment, hub: str) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent", "Bob")
    pair = (await bob.post("/conversations", participantId=ann.id)).body["id"]
    chatter = await connected(env, ann, hub)
    await chatter.join(UUID(pair))
    await bob.post(f"/conversations/{pair}/messages", content="Hello")
    await chatter.heard.next("message:received")

    async def name() -> str:
        (message,) = (await chatter.join(UUID(pair), since=0))["messages"]
        assert message["content"] == "Hello"
        shown: str = message["sender"]["name"]
        return shown

    assert (await name(), env.hubs[0]._rooms._log.recent.since(UUID(pair).bytes, 0, 1, CORE) is None) == ("Bob", False)
    await delete(env, bob)
    async with asyncio.timeout(PATIENCE):
        while await name() != DELETED_NAME:
            pass


async def test_texts_name_people_as_they_are_called_now(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent", "Bob")
    group = await group_of(bob, ann)
    await bob.delete(f"/conversations/{group}/members/{bob.id}")
    await notice_of(env, ann, bob)
    await bob.put("/users/me", name="Robert {0}")
    assert await contents(ann, group) == ["Robert {0} left"]
    (one,) = (await ann.get("/notifications")).body["notifications"]
    assert one["message"] == "Robert {0} gave you 5 of 5 stars"


async def notice_of(env: Environment, to: Caller, about: Caller) -> None:
    values = {"creator": Person(UUID(about.id), "old name"), "rating": 5}
    async with transaction(env.resources.db) as db:
        await notices.insert(db, uuid7, REVIEW_RECEIVED, [UUID(to.id)], None, values)


async def blocked(env: Environment, statements: int = 1) -> None:
    """Return when so many statements wait for another transaction."""
    async with asyncio.timeout(PATIENCE):
        while await env.resources.db.fetchval(BLOCKED) < statements:  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(0.01)


async def test_a_notification_that_is_being_stored_is_erased_with_its_user(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    async with asyncio.TaskGroup() as group, transaction(env.resources.db) as db:
        await notices.insert(db, uuid7, REVIEW_RECEIVED, [UUID(ann.id)], None, {"creator": "Bob", "rating": 5})
        deleting = group.create_task(ann.delete("/users/me"))
        await blocked(env)
    assert deleting.result().status == 204
    await finish(env, ann)
    assert await env.resources.db.fetchval("select count(*) from notifications") == 0


async def test_an_invitation_that_is_being_made_is_erased_with_its_user_and_holds_up_nobody(
    api: Api, env: Environment
) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent", "Bob")
    group, ids = UUID(await group_of(ann, await api.signed_up())), [UUID(bob.id)]
    await invitations.INVITE(env.resources.db, [uuid7()], ids, group, UUID(ann.id), clock.now())
    await env.resources.db.execute("update invitations set answer = 'declined', answered_at = now()")
    async with asyncio.TaskGroup() as tasks, transaction(env.resources.db) as db:
        await db.execute("select from users where id = $1 for key share", UUID(bob.id))  # as INVITE begins
        deleting = tasks.create_task(bob.delete("/users/me"))
        await blocked(env)
        assert len(await invitations.INVITE(db, [uuid7()], ids, group, UUID(ann.id), clock.now())) == 1
    assert deleting.result().status == 204
    assert await env.resources.db.fetchval("select count(*) from invitations") == 0


async def test_no_notification_is_stored_for_a_user_during_erasure(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    group = await group_of(await api.signed_up("talent", "Bob"), ann)

    async def insert() -> notices.Stored:
        async with transaction(env.resources.db) as db:
            return await notices.insert(
                db, uuid7, REVIEW_RECEIVED, [UUID(ann.id)], None, {"creator": "Bob", "rating": 5}
            )

    async with asyncio.TaskGroup() as tasks, transaction(env.resources.db) as db:
        await LOCK_OUT(db, UUID(ann.id))
        await db.execute("update users set deleted_at = now() where id = $1", UUID(ann.id))
        storing = tasks.create_task(insert())
        await blocked(env)
    assert storing.result() == notices.Stored([], [])
    assert group
    assert await env.resources.db.fetchval("select count(*) from notifications") == 0


async def test_an_erased_user_is_not_notified_of_messages(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent", "Bob")
    pair = (await bob.post("/conversations", participantId=ann.id)).body["id"]
    await delete(env, ann)
    assert (await bob.post(f"/conversations/{pair}/messages", content="Are you there?")).status == 201
    await notify_members(env.resources, env.publisher, [UUID(pair)])
    assert await env.resources.db.fetchval("select count(*) from notifications where user_id = $1", ann.id) == 0


async def test_what_nobody_can_read_any_more_is_erased_too(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("talent", "Bob")
    rooms = [(await bob.post("/conversations", participantId=ann.id)).body["id"], await group_of(bob, ann)]
    for who, room in ((ann, rooms[0]), (bob, rooms[0]), (bob, rooms[1])):
        await who.post(f"/conversations/{room}/messages", content="Hello")
    db, said = env.resources.db, "select count(*) from messages where body = 'Hello'"
    await delete(env, bob)
    assert await db.fetchval(said) == 3
    assert await db.fetchval("select title from conversations where id = $1", rooms[1]) == "Group"
    await delete(env, ann)
    assert await db.fetchval(said) == 0
    assert await db.fetchval("select title from conversations where id = $1", rooms[1]) == ""


async def test_much_is_erased_a_little_at_a_time(api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "BATCH", 2)
    monkeypatch.setattr(erasure, "GROUPS", 1)
    monkeypatch.setattr(erasure, "SECONDS", 0.0)
    ann, bob = await api.signed_up(), await api.signed_up("talent", "Bob")
    groups = [await group_of(bob, ann) for _ in range(3)]
    for number in range(5):
        said = await bob.post(f"/conversations/{groups[0]}/messages", content="first", clientId=f"c{number}")
        await bob.put(f"/conversations/{groups[0]}/messages/{said.body['id']}", content="second")
    await bob.delete("/users/me")
    ctx, runs = env.ctx(user_of(bob)), 0
    while not await erasure.finish(ctx, UUID(bob.id)):
        runs += 1
    db = env.resources.db
    assert runs > 3
    assert await db.fetchval("select count(*) from message_edits") == 0
    assert await db.fetchval("select count(*) from messages where client_id is not null") == 0
    assert await db.fetchval("select count(*) from members where user_id = $1 and left_at is null", bob.id) == 0
    assert [await contents(ann, group) for group in groups[1:]] == [[f"{DELETED_NAME} left"]] * 2


def user_of(caller: Caller) -> User:
    return User(UUID(caller.id), "onswift", "talent", "", uuid7(), Person(UUID(caller.id), ""))


async def test_a_user_who_is_there_is_not_erased(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await finish(env, ann)
    assert (await ann.get("/users/me")).body["name"] == "Ann Example"


async def test_what_was_stored_behind_an_erasure_is_erased_within_the_hour(api: Api, env: Environment) -> None:
    ann, db = await api.signed_up(), env.resources.db
    await delete(env, ann)
    await db.execute("insert into notification_preferences (user_id, type) values ($1, 'mentioned')", UUID(ann.id))
    await erasure.again(env.resources)
    assert await env.resources.jobs.waiting() >= 1
    await finish(env, ann)
    assert await db.fetchval("select count(*) from notification_preferences") == 0


async def test_texts_stored_by_the_previous_version_lose_their_names(api: Api, env: Environment) -> None:
    ann, bob, db = await api.signed_up(), await api.signed_up("talent", "Bob"), env.resources.db
    group = await group_of(bob, ann)
    await bob.delete(f"/conversations/{group}/members/{bob.id}")
    await db.execute("update messages set body = 'Bob left', wording = null, people = null")
    await db.execute(
        """
        insert into notifications (id, user_id, type, title, message, fold_key)
        values ($1, $2, 'message_received', 'New message', 'Bob: hi', $3)""",
        uuid7(), UUID(ann.id), UUID(group),
    )  # fmt: skip
    assert await contents(ann, group) == ["Bob left"]
    await delete(env, bob)
    assert await contents(ann, group) == ["Members changed"]
    assert await db.fetchval("select message from notifications") == "New message"


async def test_answers_that_the_version_before_has_kept_lose_their_names(api: Api, env: Environment) -> None:
    ann, bob, db = await api.signed_up(), await api.signed_up("talent", "Bob"), env.resources.db
    for key in ("ours", "of the version before"):
        group = {"title": "Group", "participantIds": [bob.id]}
        made = await ann.call("POST", "/conversations/groups", json=group, headers={"Idempotency-Key": key})
        assert "Bob" in str(made.body)
    await db.execute("update idempotency_keys set named = null where key <> 'ours'")
    await delete(env, bob)
    bodies = [bytes(body) for (body,) in await db.fetch("select body from idempotency_keys")]
    assert [(b"Bob" in body, DELETED_NAME.encode() in body) for body in bodies] == [(False, True)] * 2


async def test_a_mail_about_a_login_that_could_not_be_sent_is_exported_and_goes_with_its_user(
    api: Api, env: Environment
) -> None:
    ann, bob, db = await api.signed_up(), await api.signed_up("talent", "Bob"), env.resources.db
    for caller in (ann, bob):
        alert = MailAlert(caller.id, "login", clock.now(), f"phone of {caller.id}", "192.0.2.0/24")
        await dead_jobs.mark_dead(db, "MailAlert", msgspec.json.encode(alert).decode(), "ConnectionError", 5, "")
    await dead_jobs.mark_dead(db, "FinishErasure", msgspec.json.encode(FinishErasure(bob.id)).decode(), "no", 5, "")
    ((job,),) = [(await bob.get("/users/me/export")).body["data"]["dead jobs"]]
    assert f"phone of {bob.id}" in job["arguments"]
    await delete(env, bob)
    kept = [(one.name, ann.id in (one.arguments or "")) for one in await dead_jobs.ALL(db)]
    assert kept == [("MailAlert", True), ("FinishErasure", False)]


async def test_the_ids_that_clients_have_chosen_for_their_calls_leave_the_dead_jobs_with_any_account(
    api: Api, env: Environment
) -> None:
    ann, ours = await api.signed_up(), str(uuid7())
    for id in ("ann-example-7", "", ours):
        await dead_jobs.mark_dead(env.resources.db, "MailUser", None, "refused", 1, id)
    await delete(env, ann)
    kept = await env.resources.db.fetch("select request_id from dead_jobs order by id")
    assert [row["request_id"] for row in kept] == ["", "", ours]


async def test_notifications_of_comments_by_the_previous_version_lose_their_names(
    people: People, env: Environment
) -> None:
    db, creator = env.resources.db, people.creator
    old = ("Bob commented on 'Cut' in Film project", "Bob submitted 'Cut' in Film project")
    for type, message in zip(("task_commented", "deliverable_submitted"), old, strict=True):
        sql = "insert into notifications (id, user_id, type, title, message) values ($1, $2, $3, 'x', $4)"
        await db.execute(sql, uuid7(), UUID(creator.id), type, message)
    await delete(env, people.talent)
    shown = {one["message"] for one in (await creator.get("/notifications")).body["notifications"]}
    assert shown == {text.replace("Bob", "Someone") for text in old}


# files


async def delivered(env: Environment, people: People) -> tuple[str, str]:
    """Return the path of something that was handed in, and its file."""
    desk = await desk_of(people)
    file = await upload(people.talent, image(), fileName="bob-smith.png", uploadType="deliverable")
    path = f"/deliverables/{(await desk.submit(fileUrls=[file['fileUrl']])).body['id']}"
    await check(env, file["fileId"])
    return path, file["fileId"]


async def objects(env: Environment) -> list[str]:
    async with env.resources.storage._client() as s3:
        pages = [page async for page in s3.get_paginator("list_objects_v2").paginate(Bucket=env.settings.s3_bucket)]
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


async def test_what_others_have_can_be_read_under_a_name_that_tells_its_type_only(
    people: People, env: Environment
) -> None:
    path, id = await delivered(env, people)
    await delete(env, people.talent)
    (shown,) = (await people.creator.get(path)).body["files"]
    assert shown["fileName"] == "file.png"
    link = (await people.creator.get(f"/files/{id}/download-url")).body["downloadUrl"]
    status, _, headers = await get(people.creator, link)
    assert status in (200, 302)
    file = await file_of(env, id)
    assert file.key == file.place
    assert file.key.endswith(f"/{id}.png")
    left = [key for key in await objects(env) if file.key.rpartition("/")[0] in key]
    assert sorted(left) == [file.key, f"{file.key}.thumbnail.jpg"]
    assert "bob-smith" not in str(headers)


async def test_of_an_upload_that_nothing_uses_neither_name_nor_content_is_left(api: Api, env: Environment) -> None:
    ann = await api.signed_up("talent")
    names = {"fileName": "ann-example.png"}
    announced = (await announce(ann, image(), **names)).body["fileId"]
    put, named_like_an_emptied_one = [
        (await upload(ann, image(), **name))["fileId"] for name in (names, {"fileName": "file.png"})
    ]
    assert {f"quarantine/{put}", f"quarantine/{named_like_an_emptied_one}"} <= set(await objects(env))
    await delete(env, ann)
    left = await env.resources.db.fetch("select file_name, session_id, deleted_at is null as is_live from files")
    assert [tuple(row) for row in left] == [("file.png", None, False)] * 3
    assert not any(id in key for key in await objects(env) for id in (announced, put, named_like_an_emptied_one))


async def test_a_check_that_began_before_the_erasure_brings_no_name_back(people: People, env: Environment) -> None:
    _, id = await delivered(env, people)
    before = await file_of(env, id)
    await delete(env, people.talent)
    assert before.place
    late = msgspec.structs.replace(before, key=(await file_of(env, id)).key)
    await checking._move(env.ctx(user_of(people.talent)), late, before.place)
    assert not any("bob-smith" in key for key in await objects(env))
    assert (await file_of(env, id)).key in await objects(env)


async def test_files_are_renamed_although_the_storage_was_away_in_between(
    people: People, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, id = await delivered(env, people)
    real = Storage.delete

    async def half(self: Storage, keys: Sequence[str]) -> None:
        await real(self, keys[:1])
        raise errors.UNAVAILABLE.error()

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "delete", half)
        with pytest.raises(errors.AppError):
            await delete(env, people.talent)
    await finish(env, people.talent)
    file = await file_of(env, id)
    assert file.key in await objects(env)
    assert not any("bob-smith" in key for key in await objects(env))


async def test_a_delayed_mail_is_not_sent_to_an_erased_user(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def send(_settings: object, mail: Any) -> None:
        sent.append(mail.to)

    monkeypatch.setattr("workers.mail.send_mail", send)
    ann = await api.signed_up()
    mail = MailUser(ann.id, "Hello", "a code")
    await mail_user(env.settings, env.resources, mail)
    await delete(env, ann)
    await mail_user(env.settings, env.resources, mail)
    assert sent == [ann.email]


async def test_of_what_users_choose_no_path_in_the_log_tells(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "api.access")
    ann, nowhere = await api.signed_up(), uuid7()
    await ann.put(f"/conversations/{nowhere}/messages/{nowhere}/reactions/secret")
    await ann.get(f"/files/{nowhere}/secret.png")
    said = [record.getMessage() for record in caplog.records if record.name == "api.access"]
    assert any(f"/conversations/{nowhere}/messages/{nowhere}/reactions/{{emoji}} " in line for line in said)
    assert any(f"/files/{nowhere}/{{fileName}} " in line for line in said)
    assert "secret" not in str(said)
