"""Deliverables: handed in by talents, approved by creators or sent back, three times at most."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import FormData

from config.settings import Settings
from core.base import clock
from core.base.people import Person
from core.files import checking, links
from core.work.context import User
from tests.flow.api.conftest import Caller, Reply
from tests.flow.conftest import Chatter, Environment, Heard, without_limits
from tests.flow.onswift.conftest import NOWHERE, People
from tests.flow.onswift.delivering import NEW_TASK, Desk, desk_of, uploaded
from tests.flow.onswift.uploading import check, file_of, get, image, unlinked, upload


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that let a test upload as often as it likes."""
    return without_limits(settings)


@pytest.fixture
async def desk(people: People) -> Desk:
    return await desk_of(people)


async def notices_of(caller: Caller, type: str) -> list[Any]:
    page = (await caller.get("/notifications", limit=100)).body
    return [one for one in page["notifications"] if one["type"] == type]


async def test_a_deliverable_begins_as_pending_with_its_files(desk: Desk) -> None:
    url = await uploaded(desk.talent)
    reply = await desk.submit(fileUrls=[url])
    assert reply.status == 201
    made = reply.body
    assert (made["status"], made["revisionCount"], made["feedback"]) == ("pending", 0, None)
    assert made["submittedBy"] == {"id": desk.talent.id, "name": "Bob", "avatarUrl": None}
    assert (made["projectName"], made["taskName"]) == ("Film", "Poster")
    assert (made["title"], made["description"]) == ("First draft", "@Ann look")
    (file,) = made["files"]
    assert (file["fileName"], file["fileUrl"], file["fileSize"], file["mimeType"]) == (
        "poster.png", url, len(image()), "image/png",
    )  # fmt: skip
    for caller in (desk.creator, desk.talent):
        assert unlinked((await caller.get(f"/deliverables/{made['id']}")).body) == unlinked(made)


async def test_a_deliverable_as_a_form_with_two_files(desk: Desk) -> None:
    form = FormData()
    for name, value in {
        "projectId": desk.people.project,
        "taskId": desk.task,
        "title": "Form",
        "description": "",
    }.items():
        form.add_field(name, value)
    for name in ("a.png", "b.png"):
        form.add_field("files[]", image(), filename=name, content_type="image/png")
    reply = await desk.talent.call("POST", "/deliverables", data=form)
    assert reply.status == 201, reply
    assert [file["fileName"] for file in reply.body["files"]] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": " "}, "title"), ({"title": "x" * 256}, "title"), ({"title": "a\0b"}, "title"), ({"title": None}, "title"),
        ({"description": "x" * 10_001}, "description"), ({"fileUrls": []}, "fileUrls"), ({"fileUrls": None}, "fileUrls"),
        ({"fileUrls": ["https://example.com/a.png"]}, "fileUrls"), ({"taskId": NOWHERE}, "taskId"), ({"taskId": "1"}, "taskId"),
    ],
)  # fmt: skip
async def test_a_deliverable_that_lacks_something_is_not_stored(desk: Desk, change: dict[str, Any], field: str) -> None:
    refused = await desk.submit(**change)
    assert (refused.status, refused.code, refused.fields) == (400, "VALIDATION_ERROR", [field])
    assert (await desk.creator.get("/deliverables")).body["pagination"]["total"] == 0


async def test_files_are_the_submitters_own_for_this_purpose_and_used_once(desk: Desk) -> None:
    strange = await uploaded(desk.people.other_talent)
    assert (await desk.submit(fileUrls=[strange])).fields == ["fileUrls"]
    sample = await uploaded(desk.talent, "sample")
    assert (await desk.submit(fileUrls=[sample])).fields == ["fileUrls"]
    url = await uploaded(desk.talent)
    assert (await desk.submit(fileUrls=[url])).status == 201
    assert (await desk.submit(fileUrls=[url])).fields == ["fileUrls"]


async def test_only_who_is_in_the_team_submits_and_only_for_own_tasks_of_the_project(
    desk: Desk, new_project: Any
) -> None:
    people, other = desk.people, desk.people.other_talent
    url = await uploaded(other)
    body = {"projectId": people.project, "taskId": desk.task, "title": "Mine", "fileUrls": [url]}
    assert (await other.post("/deliverables", **body)).status == 403, "not in the team"
    assert (await people.creator.post("/deliverables", **body)).status == 403, "creators submit nothing"
    await people.creator.post(f"{people.path}/team", userId=other.id)
    refused = await other.post("/deliverables", **body)
    assert (refused.status, refused.fields) == (400, ["taskId"]), "not her task"
    elsewhere = await new_project(people.creator)
    await people.creator.post(f"/projects/{elsewhere}/team", userId=people.talent.id)
    assert (await desk.submit(projectId=elsewhere)).fields == ["taskId"], "a task of another project"
    assert (await desk.submit(projectId=NOWHERE)).code == "PROJECT_NOT_FOUND"


async def test_lists_show_creators_all_of_their_projects_and_talents_their_own(desk: Desk) -> None:
    people = desk.people
    await people.creator.post(f"{people.path}/team", userId=people.other_talent.id)
    path = await desk.submitted()
    first, second = path.rpartition("/")[2], (await desk.submitted()).rpartition("/")[2]
    await desk.approve(path)
    for caller in (people.creator, people.talent):
        page = (await caller.get("/deliverables")).body
        assert [one["id"] for one in page["deliverables"]] == [second, first]
        assert [len(one["files"]) for one in page["deliverables"]] == [1, 1]
        assert page["pagination"]["total"] == 2
        approved = (await caller.get("/deliverables", status="approved", projectId=people.project)).body
        assert [one["id"] for one in approved["deliverables"]] == [first]
        paged = (await caller.get("/deliverables", page=2, limit=1)).body
        assert [one["id"] for one in paged["deliverables"]] == [first]
        assert (await caller.get("/deliverables", projectId=NOWHERE)).body["deliverables"] == []
        assert (await caller.get("/deliverables", status="rejected")).fields == ["status"]
    for caller in people.strangers:
        page = (await caller.get("/deliverables")).body
        assert (page["deliverables"], page["pagination"]["total"]) == ([], 0)


async def test_an_approval_says_who_and_when_and_is_final(desk: Desk) -> None:
    path = await desk.submitted()
    approved = await desk.approve(path)
    assert (approved.status, approved.body["status"], approved.body["feedback"]) == (200, "approved", None)
    assert approved.body["approvedBy"]["id"] == desk.creator.id
    assert approved.body["approvedAt"] <= approved.body["updatedAt"]
    for reply in (await desk.approve(path), await desk.revise(path), await desk.resubmit(path)):
        assert (reply.status, reply.code) == (400, "WRONG_STATUS")
    assert (await desk.creator.get(path)).body == approved.body


async def test_a_revision_can_be_requested_three_times(desk: Desk) -> None:
    path = await desk.submitted()
    for count in (1, 2, 3):
        revised = await desk.revise(path)
        assert (revised.status, revised.body["status"]) == (200, "revision")
        assert (revised.body["revisionCount"], revised.body["feedback"]) == (count, "Warmer, please")
        assert (await desk.approve(path)).code == "WRONG_STATUS", "it is with the talent"
        again = await desk.resubmit(path, title=f"Draft {count + 1}")
        assert (again.status, again.body["status"], again.body["revisionCount"]) == (200, "pending", count)
    refused = await desk.revise(path)
    assert (refused.status, refused.code) == (400, "MAX_REVISIONS")
    assert refused.body["error"]["message"] == "Max revision count reached (3)"
    approved = (await desk.approve(path)).body
    assert (approved["status"], approved["title"], approved["feedback"]) == ("approved", "Draft 4", None)


@pytest.mark.parametrize("feedback", [{}, {"feedback": " "}, {"feedback": None}, {"feedback": "a\0"}])
async def test_a_revision_needs_feedback(desk: Desk, feedback: dict[str, Any]) -> None:
    path = await desk.submitted()
    refused = await desk.creator.put(path, action="request_revision", **feedback)
    assert (refused.status, refused.fields) == (400, ["feedback"])
    assert (await desk.creator.get(path)).body["revisionCount"] == 0


async def test_an_unknown_action_is_refused(desk: Desk) -> None:
    path = await desk.submitted()
    refused = await desk.creator.put(path, action="reject")
    assert (refused.status, refused.code) == (400, "INVALID_ACTION")
    assert (await desk.creator.put(path, feedback="x")).fields == ["action"]


async def test_what_is_resubmitted_keeps_what_it_does_not_name_and_new_files_replace_the_old(desk: Desk) -> None:
    path = await desk.submitted()
    before = unlinked((await desk.revise(path)).body)
    kept = unlinked((await desk.talent.call("POST", f"{path}/resubmit")).body)  # nothing has to be said
    assert {name for name in before if kept[name] != before[name]} == {"status", "version", "updatedAt"}
    await desk.revise(path)
    url = await uploaded(desk.talent)
    put = await desk.talent.put(path, action="resubmit", description="", fileUrls=[url])
    assert (put.status, put.body["description"], put.body["title"]) == (200, "", "First draft")
    assert [file["fileUrl"] for file in put.body["files"]] == [url]
    old = before["files"][0]["id"]
    assert (await desk.creator.get(f"/files/{old}/download-url")).code == "FILE_NOT_FOUND"
    await desk.revise(path)
    form = FormData()
    form.add_field("title", "By form")
    form.add_field("files[]", image(), filename="c.png", content_type="image/png")
    sent = await desk.talent.call("POST", f"{path}/resubmit", data=form)
    assert (sent.status, sent.body["title"]) == (200, "By form")
    assert [file["fileName"] for file in sent.body["files"]] == ["c.png"]


async def test_a_resubmission_that_is_not_valid_changes_nothing(desk: Desk) -> None:
    path = await desk.submitted()
    assert (await desk.resubmit(path)).code == "WRONG_STATUS", "nobody asked for it"
    before = (await desk.revise(path)).body
    changes: tuple[dict[str, Any], ...] = ({"title": " "}, {"fileUrls": []}, {"fileUrls": ["/api/files/x/y"]})
    for change in changes:
        assert (await desk.resubmit(path, **change)).fields == list(change)
    assert (await desk.creator.get(path)).body == before


async def test_nobody_else_sees_decides_resubmits_or_deletes(desk: Desk) -> None:
    people = desk.people
    await people.creator.post(f"{people.path}/team", userId=people.other_talent.id)
    path = await desk.submitted()
    await desk.revise(path)
    before = (await desk.creator.get(path)).body
    for caller in (*people.strangers, people.talent):
        for action in ({"action": "approve"}, {"action": "request_revision", "feedback": "x"}):
            assert (await caller.put(path, **action)).status == 403
    for caller in (*people.strangers, people.creator):
        assert (await caller.put(path, action="resubmit")).status == 403
        assert (await caller.post(f"{path}/resubmit", title="Mine")).status == 403
    for caller in people.strangers:
        assert (await caller.get(path)).status == 403, "also of others in the team"
        assert (await caller.delete(path)).status == 403
    refused = await people.talent.put(path, action="approve")
    assert refused.body["error"]["message"] == "Only project creator can approve/request revision"
    nowhere = f"/deliverables/{NOWHERE}"
    for reply in (
        await people.creator.get(nowhere), await people.creator.put(nowhere, action="approve"),
        await people.talent.delete(nowhere),
        await people.talent.post(f"{nowhere}/resubmit", title="x"),
    ):  # fmt: skip
        assert (reply.status, reply.code) == (404, "DELIVERABLE_NOT_FOUND")
    assert (await desk.creator.get(path)).body == before


async def test_a_deleted_deliverable_is_gone_with_its_files(desk: Desk, env: Environment) -> None:
    for caller in (desk.talent, desk.creator):
        path = await desk.submitted()
        (file,) = (await desk.creator.get(path)).body["files"]
        assert (await caller.delete(path)).status == 204
        assert (await desk.creator.get(path)).status == (await caller.delete(path)).status == 404
        assert (await desk.creator.get(f"/files/{file['id']}/download-url")).code == "FILE_NOT_FOUND"
    assert (await desk.creator.get("/deliverables")).body["pagination"]["total"] == 0


async def test_what_is_approved_only_the_creator_deletes(desk: Desk) -> None:
    path = await desk.submitted()
    await desk.approve(path)
    assert (await desk.talent.delete(path)).status == 403
    assert (await desk.creator.delete(path)).status == 204


async def test_with_its_task_a_deliverable_and_its_files_go(desk: Desk) -> None:
    path = await desk.submitted()
    (file,) = (await desk.creator.get(path)).body["files"]
    assert (await desk.creator.delete(f"{desk.people.path}/tasks/{desk.task}")).status == 204
    assert (await desk.creator.get(path)).code == "DELIVERABLE_NOT_FOUND"
    assert (await desk.creator.get(f"/files/{file['id']}/download-url")).code == "FILE_NOT_FOUND"


async def test_with_its_project_a_deliverable_is_gone(desk: Desk) -> None:
    path = await desk.submitted()
    (file,) = (await desk.creator.get(path)).body["files"]
    assert (await desk.creator.delete(desk.people.path)).status == 204
    for caller in (desk.creator, desk.talent):
        assert (await caller.get(path)).code == "DELIVERABLE_NOT_FOUND"
        assert (await caller.get("/deliverables")).body["pagination"]["total"] == 0
    assert (await desk.creator.get(f"/files/{file['id']}/download-url")).status == 403


async def test_who_was_removed_from_the_team_loses_it_until_added_again(desk: Desk) -> None:
    people, path = desk.people, await desk.submitted()
    await desk.revise(path)
    (file,) = (await desk.creator.get(path)).body["files"]
    download = f"/files/{file['id']}/download-url"
    assert (await people.talent.get(download)).code == "FILE_NOT_READY", "he may, once it is checked"
    assert (await people.creator.delete(f"{people.path}/team/{people.talent.id}")).status == 200
    url = await uploaded(people.talent)
    for reply in (
        await people.talent.get(path), await people.talent.delete(path), await desk.resubmit(path, title="x"),
        await desk.submit(fileUrls=[url]), await people.talent.get(download),
    ):  # fmt: skip
        assert (reply.status, reply.code) == (403, "FORBIDDEN")
    assert (await people.talent.get("/deliverables")).body["pagination"]["total"] == 0
    assert (await people.creator.get(path)).status == 200
    assert (await people.creator.get(download)).code == "FILE_NOT_READY"
    told = len(await notices_of(people.talent, "revision_requested"))
    await people.creator.post(f"{people.path}/team", userId=people.talent.id)
    assert (await desk.resubmit(path)).status == 200
    await people.creator.delete(f"{people.path}/team/{people.talent.id}")
    assert (await desk.revise(path)).status == 200
    assert len(await notices_of(people.talent, "revision_requested")) == told, "he is not told of it any more"


async def test_a_change_of_another_version_than_the_one_that_was_read_is_refused(desk: Desk) -> None:
    path = await desk.submitted()
    read = await desk.creator.get(path)
    assert read.headers["ETag"] == f'"{read.body["version"]}"' == '"1"'
    revised = await desk.revise(path, **{"If-Match": '"1"'})
    assert (revised.status, revised.headers["ETag"]) == (200, '"2"')
    headers = {"If-Match": '"1"'}
    for reply in (
        await desk.talent.call("POST", f"{path}/resubmit", json={}, headers=headers),
        await desk.talent.call("DELETE", path, headers=headers),
        await desk.approve(path, **headers),
    ):
        assert (reply.status, reply.code) == (412, "PRECONDITION_FAILED")
    assert (await desk.creator.get(path)).body == revised.body
    again = await desk.talent.call("POST", f"{path}/resubmit", json={}, headers={"If-Match": '"2"'})
    assert (again.status, again.headers["ETag"]) == (200, '"3"')


async def test_who_has_read_a_version_still_learns_what_becomes_of_its_files(desk: Desk, env: Environment) -> None:
    path = await desk.submitted()
    await env.resources.db.execute("update files set status = 'released'")
    again = await desk.talent.call("GET", path, headers={"If-None-Match": '"1"'})
    assert (again.status, [file["status"] for file in again.body["files"]]) == (200, ["released"])


async def test_an_approval_and_a_revision_at_once_cannot_both_win(desk: Desk, env: Environment) -> None:
    for _ in range(12):
        path = await desk.submitted()
        replies = await asyncio.gather(desk.approve(path), desk.revise(path), desk.approve(path), desk.revise(path))
        await one_has_won(desk, path, replies, "WRONG_STATUS")


async def test_nor_can_they_when_both_have_read_the_same_version(desk: Desk) -> None:
    for _ in range(12):
        path = await desk.submitted()
        headers = {"If-Match": '"1"'}
        replies = await asyncio.gather(*(act(path, **headers) for act in (desk.approve, desk.revise) * 2))
        await one_has_won(desk, path, replies, "PRECONDITION_FAILED")


async def one_has_won(desk: Desk, path: str, replies: Sequence[Reply], code: str) -> None:
    (won,) = [reply for reply in replies if reply.status == 200]
    assert {reply.code for reply in replies if reply is not won} == {code}
    now = (await desk.creator.get(path)).body
    assert now == won.body
    assert now["version"] == 2
    assert now["revisionCount"] == (1 if now["status"] == "revision" else 0)


async def test_of_two_resubmissions_at_once_one_wins(desk: Desk) -> None:
    for _ in range(6):
        path = await desk.submitted()
        await desk.revise(path)
        before = len(await notices_of(desk.creator, "deliverable_submitted"))
        replies = await asyncio.gather(*(desk.resubmit(path, title=title) for title in ("A", "B", "C")))
        assert sorted(reply.status for reply in replies) == [200, 400, 400]
        (won,) = [reply.body for reply in replies if reply.status == 200]
        assert unlinked((await desk.creator.get(path)).body) == unlinked(won)
        assert len(await notices_of(desk.creator, "deliverable_submitted")) == before + 1


async def test_two_submissions_at_once_cannot_share_a_file(desk: Desk) -> None:
    url = await uploaded(desk.talent)
    replies = await asyncio.gather(*(desk.submit(fileUrls=[url]) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [201, 400, 400, 400]
    assert (await desk.creator.get("/deliverables")).body["pagination"]["total"] == 1


async def test_who_is_removed_while_submitting_has_submitted_before_or_not_at_all(desk: Desk) -> None:
    people = desk.people
    for _ in range(12):
        before = (await people.creator.get("/deliverables")).body["pagination"]["total"]
        url = await uploaded(people.talent)
        removed, submitted = await asyncio.gather(
            people.creator.delete(f"{people.path}/team/{people.talent.id}"), desk.submit(fileUrls=[url])
        )
        assert removed.status == 200
        assert submitted.status in (201, 403), submitted
        after = (await people.creator.get("/deliverables")).body["pagination"]["total"]
        assert after - before == (submitted.status == 201)
        late = await desk.submit(fileUrls=[url])
        assert late.status == 403, "the removal holds"
        assert (await people.creator.post(f"{people.path}/team", userId=people.talent.id)).status == 201
        for task in removed.body["unassignedTasks"]:
            assert (
                await people.creator.put(f"{people.path}/tasks/{task['id']}", assigneeId=people.talent.id)
            ).status == 200


async def test_a_submission_waits_for_a_removal_that_has_begun_and_then_sees_it(desk: Desk, env: Environment) -> None:
    url, project, talent = await uploaded(desk.talent), desk.people.project, desk.talent.id
    async with env.resources.db.acquire() as db:
        removal = db.transaction()
        await removal.start()
        await db.execute("select from onswift.projects where id = $1 for update", project)
        submitting = asyncio.create_task(desk.submit(fileUrls=[url]))
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        while not await env.resources.db.fetchval(waiting):  # noqa: ASYNC110 - Postgres tells nobody of it
            await asyncio.sleep(0.01)
        sql = "update onswift.project_team set removed_at = now() where project_id = $1 and user_id = $2"
        await db.execute(sql, project, talent)
        await removal.commit()
    assert (await submitting).status == 403


async def test_a_submission_repeated_with_its_key_is_made_once(desk: Desk) -> None:
    body = {
        "projectId": desk.people.project, "taskId": desk.task, "title": "Once", "fileUrls": [await uploaded(desk.talent)],
    }  # fmt: skip
    headers = {"Idempotency-Key": "1"}
    replies = await asyncio.gather(
        *(desk.talent.call("POST", "/deliverables", json=body, headers=headers) for _ in range(3))
    )
    assert [reply.status for reply in replies] == [201, 201, 201]
    assert len({reply.body["id"] for reply in replies}) == 1


async def test_the_creator_hears_of_submissions_and_the_submitter_of_decisions(
    desk: Desk, env: Environment, hub: str
) -> None:
    ann, bob = [await listen(env, hub, caller) for caller in (desk.creator, desk.talent)]
    path = await desk.submitted()
    id = path.rpartition("/")[2]
    told = await ann.next("deliverable:submitted")
    seen = unlinked((await desk.creator.get(path)).body)
    assert (told["projectId"], unlinked(told["deliverable"])) == (desk.people.project, seen)
    assert told["deliverable"]["files"][0]["viewUrl"] is None, "links are for who asks, not for who is told"
    await desk.revise(path)
    revision = await bob.next("deliverable:revision_requested")
    assert (revision["deliverableId"], revision["feedback"]) == (id, "Warmer, please")
    assert revision["requestedBy"] == {"id": desk.creator.id, "name": "Ann", "avatarUrl": None}
    await desk.resubmit(path)
    assert (await ann.next("deliverable:submitted"))["deliverable"]["status"] == "pending"
    await desk.approve(path)
    approved = await bob.next("deliverable:approved")
    assert (approved["deliverableId"], approved["approvedBy"]["id"]) == (id, desk.creator.id)
    for caller, types in (
        (desk.creator, ["deliverable_submitted", "deliverable_submitted"]),
        (desk.talent, ["deliverable_approved", "revision_requested"]),
    ):
        page = (await caller.get("/notifications")).body["notifications"]
        mine = [one for one in page if one["entityType"] == "deliverable"]
        assert [one["type"] for one in mine] == types
        assert {one["entityId"] for one in mine} == {id}
    actions = await env.resources.db.fetch("select action from audit_log where entity_id = $1 order by id", id)
    assert [action for (action,) in actions] == ["deliverable.request_revision", "deliverable.approve"]


async def listen(env: Environment, hub: str, caller: Caller) -> Heard:
    """Return what a caller hears from now on."""
    person = Person(UUID(caller.id), "someone")
    user = User(person.id, "onswift", "", caller.email, person.id, person)
    chatter = Chatter(user, caller.access_token, hub)
    env.stack.push_async_callback(chatter.socket.disconnect)
    return (await chatter.connect()).heard


async def test_a_task_takes_several_deliverables(desk: Desk) -> None:
    assert await desk.submitted() != await desk.submitted()
    other = await desk.creator.post(f"{desk.people.path}/tasks", **NEW_TASK, assigneeId=desk.talent.id)
    assert (await desk.submit(taskId=other.body["id"])).body["taskId"] == other.body["id"]


async def submitted_broken(desk: Desk, env: Environment) -> tuple[str, str]:
    """Submit a deliverable with a good file and one that is no picture; return its path and the id of the bad file."""
    good = await uploaded(desk.talent)
    bad = await upload(desk.talent, b"no picture at all", fileName="b.png", uploadType="deliverable")
    reply = await desk.submit(fileUrls=[good, bad["fileUrl"]])
    assert reply.status == 201, reply
    return f"/deliverables/{reply.body['id']}", bad["fileId"]


async def test_both_sides_hear_of_a_file_that_was_rejected(desk: Desk, env: Environment, hub: str) -> None:
    for caller in (desk.creator, desk.talent):
        await caller.want("file_rejected", "deliverable_file_rejected")
    ann, bob = [await listen(env, hub, caller) for caller in (desk.creator, desk.talent)]
    path, bad = await submitted_broken(desk, env)
    await check(env, bad)
    told = await ann.next("deliverable:file_rejected")
    assert told == await bob.next("deliverable:file_rejected")
    assert (told["deliverableId"], told["projectId"], told["fileId"]) == (path[14:], desk.people.project, bad)
    assert (told["status"], told["version"], told["fileName"]) == ("pending", 1, "b.png")
    assert told["reason"] == "It is no PNG"
    (notice,) = await notices_of(desk.creator, "deliverable_file_rejected")
    assert (notice["entityType"], notice["entityId"]) == ("deliverable", told["deliverableId"])
    assert notice["message"] == "b.png of 'First draft' in Film project was not accepted: It is no PNG"
    (own,) = await notices_of(desk.talent, "file_rejected")
    assert own["message"] == "b.png was not accepted: It is no PNG"
    for caller in (desk.creator, desk.talent):
        files = (await caller.get(path)).body["files"]
        assert {file["fileName"]: file["status"] for file in files} == {"poster.png": "uploaded", "b.png": "rejected"}


async def test_what_has_a_rejected_file_cannot_be_approved_until_it_is_submitted_again(
    desk: Desk, env: Environment
) -> None:
    path, bad = await submitted_broken(desk, env)
    assert (await desk.resubmit(path, fileUrls=[await uploaded(desk.talent)])).code == "WRONG_STATUS", "not yet"
    await check(env, bad)
    refused = await desk.approve(path)
    assert (refused.status, refused.code) == (409, "DELIVERABLE_FILE_REJECTED")
    assert (await desk.creator.get(path)).body["status"] == "pending"
    assert (await desk.resubmit(path, title="Better")).code == "WRONG_STATUS", "the bad file is still there"
    mended = await desk.resubmit(path, fileUrls=[await uploaded(desk.talent)])
    assert (mended.status, mended.body["status"], mended.body["revisionCount"]) == (200, "pending", 0)
    assert (await desk.approve(path)).status == 200


async def test_it_can_be_sent_back_too(desk: Desk, env: Environment) -> None:
    path, bad = await submitted_broken(desk, env)
    await check(env, bad)
    assert (await desk.revise(path)).body["status"] == "revision"
    assert (await desk.resubmit(path, fileUrls=[await uploaded(desk.talent)])).status == 200
    assert (await desk.approve(path)).status == 200


async def test_an_approval_that_was_faster_than_the_check_is_taken_back(desk: Desk, env: Environment, hub: str) -> None:
    ann = await listen(env, hub, desk.creator)
    path, bad = await submitted_broken(desk, env)
    approved = (await desk.approve(path)).body
    assert approved["status"] == "approved"
    await check(env, bad)
    told = await ann.next("deliverable:file_rejected")
    assert (told["status"], told["version"]) == ("pending", approved["version"] + 1)
    now = (await desk.creator.get(path)).body
    assert (now["status"], now["approvedBy"], now["approvedAt"]) == ("pending", None, None)
    assert now["version"] == told["version"]


async def test_a_file_that_is_attached_while_it_is_checked_is_rejected_where_it_is(
    desk: Desk, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.creator.want("deliverable_file_rejected")
    bad = await upload(desk.talent, b"no picture at all", fileName="b.png", uploadType="deliverable")
    await desk.talent.post(f"/files/{bad['fileId']}/complete")
    path, reject = "", checking._reject

    async def attach_first(*arguments: Any) -> None:
        nonlocal path
        path = f"/deliverables/{(await desk.submit(fileUrls=[bad['fileUrl']])).body['id']}"
        await reject(*arguments)

    monkeypatch.setattr(checking, "_reject", attach_first)
    await check(env, bad["fileId"])
    assert (await file_of(env, bad["fileId"])).status == "rejected"
    assert len(await notices_of(desk.creator, "deliverable_file_rejected")) == 1
    assert (await desk.approve(path)).code == "DELIVERABLE_FILE_REJECTED"


async def test_resubmissions_and_rejections_at_once_do_not_wait_for_each_other(desk: Desk, env: Environment) -> None:
    for _ in range(5):
        path, bad = await submitted_broken(desk, env)
        await desk.revise(path)
        url = await uploaded(desk.talent)
        reply, _ = await asyncio.gather(desk.resubmit(path, fileUrls=[url]), check(env, bad))
        assert reply.status == 200
        assert (await desk.approve(path)).status == 200


async def test_a_picture_of_a_deliverable_can_be_shown_in_a_page_of_both_sides(desk: Desk, env: Environment) -> None:
    path = await desk.submitted()
    (file,) = (await desk.creator.get(path)).body["files"]
    await check(env, file["id"])
    for caller in (desk.creator, desk.talent):
        (file,) = (await caller.get(path)).body["files"]
        assert (await get(desk.people.other_talent, file["viewUrl"]))[:2] == (200, image()), "without a header"
        assert (await get(desk.people.other_talent, file["thumbnailUrl"]))[2]["Content-Type"] == "image/jpeg"


async def test_nobody_is_told_that_nothing_has_changed_whose_links_are_about_to_end(
    desk: Desk, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await desk.submitted()
    (file,) = (await desk.creator.get(path)).body["files"]
    await check(env, file["id"])
    window = timedelta(seconds=links.SHOWN_SECONDS)
    beginning = datetime.fromtimestamp((clock.now().timestamp() // links.SHOWN_SECONDS + 1) * links.SHOWN_SECONDS, UTC)
    for asked in ("/deliverables", path):
        monkeypatch.setattr(clock, "now", lambda: beginning)
        first = await desk.creator.get(asked)
        tag = {"If-None-Match": first.headers["ETag"]}
        monkeypatch.setattr(clock, "now", lambda: beginning + window - timedelta(seconds=1))
        same = await desk.creator.call("GET", asked, headers=tag)
        assert same.status == 304 or same.body == first.body, asked
        monkeypatch.setattr(clock, "now", lambda: beginning + window)
        later = await desk.creator.call("GET", asked, headers=tag)
        assert later.status == 200, asked
        assert later.body != first.body, asked
        monkeypatch.setattr(clock, "now", lambda: beginning + 3 * window - timedelta(seconds=1))
        assert (await get(desk.creator, url_in(first)))[0] == 200, (
            "a link that a 304 stands for is good for two windows more"
        )
        monkeypatch.setattr(clock, "now", lambda: beginning + 3 * window + timedelta(seconds=1))
        assert (await get(desk.creator, url_in(first)))[0] == 403


def url_in(reply: Reply) -> str:
    """Return the link to the only file in an answer."""
    deliverables = reply.body.get("deliverables", [reply.body])
    url: str = deliverables[0]["files"][0]["viewUrl"]
    return url
