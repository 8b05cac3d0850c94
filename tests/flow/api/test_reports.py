"""Reports reach the operators, with what was said, and nobody else."""

from datetime import timedelta
from uuid import UUID

import pytest

from core import reports
from core.base import clock
from core.limits.budget import Rate
from tests.flow.api.conftest import SECRET, Api, Caller, audited
from tests.flow.conftest import Environment


async def talk(api: Api) -> tuple[Caller, Caller, str, str]:
    """Return Ann, Bob, the path of their messages and one of Bob's."""
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    path = f"/conversations/{(await ann.post('/conversations', participantId=bob.id)).body['id']}/messages"
    return ann, bob, path, (await bob.post(path, content="Buy cheap watches")).body["id"]


async def test_operators_see_what_a_message_said_though_it_is_edited_or_deleted(
    api: Api, env: Environment, operator: Caller
) -> None:
    ann, bob, path, said = await talk(api)
    made = await ann.post(f"{path}/{said}/report", reason="spam", text="Again!")
    assert (made.status, made.body["userId"], made.body["messageId"]) == (201, bob.id, said)
    await bob.put(f"{path}/{said}", content="Good morning")
    gone = (await bob.post(path, content="Watches, and a secret")).body["id"]
    await bob.delete(f"{path}/{gone}")
    assert (await ann.post(f"{path}/{gone}/report", reason="scam")).status == 201
    assert (await ann.post(f"/users/{bob.id}/report", reason="impersonation")).status == 201
    page = (await operator.get("/reports")).body
    assert page["total"] == 3
    seen = [(one["reason"], one["text"], one["evidence"]) for one in page["reports"]]
    assert seen == [
        ("impersonation", "", None),
        ("scam", "", "Watches, and a secret"),
        ("spam", "Again!", "Buy cheap watches"),
    ]
    assert {(one["reporterName"], one["userName"]) for one in page["reports"]} == {("Ann", "Bob")}
    looks = [facts for action, _, facts in await audited(env) if action == "report.look"]
    assert [len(one["reports"]) for one in looks] == [3]
    older = (await operator.get("/reports", before=page["reports"][0]["id"], limit=1)).body["reports"]
    assert [one["reason"] for one in older] == ["scam"]
    assert (await operator.get("/reports", userId=ann.id)).body == {"reports": [], "total": 0}
    assert (await bob.get("/notifications")).body["notifications"] == []
    assert made.body["id"] not in str((await bob.get("/users/me/export")).body)


async def test_a_repeat_changes_what_is_said_of_it_and_keeps_the_evidence(
    api: Api, env: Environment, operator: Caller
) -> None:
    ann, bob, path, said = await talk(api)
    first = await ann.post(f"{path}/{said}/report", reason="spam")
    await bob.put(f"{path}/{said}", content="Good morning")
    again = await ann.post(f"{path}/{said}/report", reason="scam", text="It is a fraud")
    assert again.body["id"] == first.body["id"]
    (one,) = (await operator.get("/reports")).body["reports"]
    assert (one["reason"], one["text"], one["evidence"]) == ("scam", "It is a fraud", "Buy cheap watches")


async def test_only_what_others_say_where_one_can_read_it_can_be_reported(api: Api) -> None:
    ann, bob, path, said = await talk(api)
    eve = await api.signed_up("talent", "Eve")
    assert (await eve.post(f"{path}/{said}/report", reason="spam")).code == "NOT_A_MEMBER"
    assert (await bob.post(f"{path}/{said}/report", reason="spam")).fields == ["messageId"]
    assert (await bob.post(f"/users/{bob.id}/report", reason="spam")).fields == ["userId"]
    assert (await ann.post(f"{path}/{UUID(int=1)}/report", reason="spam")).code == "MESSAGE_NOT_FOUND"
    assert (await ann.post(f"/users/{UUID(int=1)}/report", reason="spam")).code == "USER_NOT_FOUND"
    assert (await ann.post(f"/users/{bob.id}/report", reason="boring")).fields == ["reason"]
    group = (await ann.post("/conversations/groups", title="All", participantIds=[bob.id])).body["id"]
    note = (await ann.get(f"/conversations/{group}/messages")).body["messages"]
    for one in note:
        reply = await bob.post(f"/conversations/{group}/messages/{one['id']}/report", reason="spam")
        assert reply.fields == ["messageId"]


async def test_reports_are_limited_and_forgotten_after_a_year(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "REPORTS", Rate("reports", 2, 60))
    ann, _bob, path, said = await talk(api)
    replies = [await ann.post(f"{path}/{said}/report", reason="spam") for _ in range(3)]
    assert [reply.status for reply in replies] == [201, 201, 429]
    db = env.resources.db
    assert await reports.FORGET(db, clock.now() - reports.KEPT, 10) == 0
    await db.execute("update reports set created_at = created_at - $1::interval", reports.KEPT + timedelta(days=1))
    assert await reports.FORGET(db, clock.now() - reports.KEPT, 10) == 1


async def test_what_a_reporter_wrote_goes_with_her_account_and_the_evidence_stays(api: Api, operator: Caller) -> None:
    ann, bob, path, said = await talk(api)
    await ann.post(f"{path}/{said}/report", reason="spam", text="Ann's own words")
    for who in (ann, bob):
        assert (await who.delete("/users/me")).status == 204
    (one,) = (await operator.get("/reports")).body["reports"]
    assert (one["reason"], one["text"], one["evidence"]) == ("spam", "", "Buy cheap watches")
    assert {one["reporterName"], one["userName"]} == {"Deleted user"}


async def test_a_report_is_open_until_an_operator_resolves_it_once(
    api: Api, env: Environment, operator: Caller
) -> None:
    ann, bob, path, said = await talk(api)
    await ann.post(f"{path}/{said}/report", reason="spam")
    report = (await ann.post(f"/users/{bob.id}/report", reason="scam")).body["id"]
    assert (await operator.get("/reports", status="open")).body["total"] == 2
    done = await operator.post(f"/reports/{report}/resolve", note="Sessions ended")
    assert (done.status, done.body["resolvedBy"], done.body["note"]) == (200, "olga", "Sessions ended")
    other = Caller(operator.client, "/ops", access_token=SECRET[::-1])
    again = await other.post(f"/reports/{report}/resolve", note="Nothing")
    assert again.body == done.body
    for status, reasons in {"open": ["spam"], "resolved": ["scam"]}.items():
        page = (await operator.get("/reports", status=status)).body
        assert ([one["reason"] for one in page["reports"]], page["total"]) == (reasons, 1)
    assert (await operator.get("/reports")).body["total"] == 2
    resolved = [(id_, facts) for action, id_, facts in await audited(env) if action == "report.resolve"]
    assert resolved == [(UUID(report), {"operator": "olga"})]
    assert (await operator.post(f"/reports/{UUID(int=1)}/resolve")).code == "REPORT_NOT_FOUND"
    assert (await operator.get("/reports", status="boring")).fields == ["status"]


async def test_a_report_that_is_made_again_is_open_again(api: Api, operator: Caller) -> None:
    ann, bob, _path, _said = await talk(api)
    report = (await ann.post(f"/users/{bob.id}/report", reason="spam")).body["id"]
    await operator.post(f"/reports/{report}/resolve", note="Warned")
    assert (await ann.post(f"/users/{bob.id}/report", reason="spam")).body["id"] == report
    (one,) = (await operator.get("/reports", status="open")).body["reports"]
    assert (one["id"], one["resolvedAt"], one["resolvedBy"], one["note"]) == (report, None, None, "")


async def test_what_an_operator_noted_goes_with_the_account_that_it_is_about(api: Api, operator: Caller) -> None:
    ann, bob, _path, _said = await talk(api)
    report = (await ann.post(f"/users/{bob.id}/report", reason="spam")).body["id"]
    await operator.post(f"/reports/{report}/resolve", note="Bob was warned")
    assert (await bob.delete("/users/me")).status == 204
    (one,) = (await operator.get("/reports", status="resolved")).body["reports"]
    assert (one["resolvedBy"], one["note"]) == ("olga", "")
