"""Idempotency keys: a call that creates, repeated with its key, creates nothing again."""

import asyncio
import json

import pytest

from core.base import errors
from tests.flow.api.conftest import Api, Caller, Reply
from tests.flow.conftest import Environment

PROJECT = {"name": "Film", "description": "A short one", "dueDate": "2999-12-31"}


async def create(caller: Caller, key: str, **change: str) -> Reply:
    return await caller.call("POST", "/projects", json=PROJECT | change, headers={"Idempotency-Key": key})


async def count(env: Environment) -> int:
    return int(await env.resources.db.fetchval("select count(*) from onswift.projects"))


async def test_a_repeat_gets_the_first_answer_and_creates_nothing(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    first, second = await create(ann, "1"), await create(ann, "1")
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert ("Idempotency-Replayed" in first.headers, second.headers["Idempotency-Replayed"]) == (False, "true")
    assert await count(env) == 1


async def test_of_many_with_one_key_at_once_one_creates(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    replies = await asyncio.gather(*(create(ann, "1") for _ in range(8)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["id"] for reply in replies}) == 1
    assert await count(env) == 1


async def test_another_key_creates_another_and_so_does_the_same_key_of_someone_else(api: Api, env: Environment) -> None:
    ann, bob = await api.signed_up(), await api.signed_up()
    ids = {(await create(caller, key)).body["id"] for caller, key in ((ann, "1"), (ann, "2"), (bob, "1"))}
    assert len(ids) == await count(env) == 3


async def test_a_key_is_for_one_call_only(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    await create(ann, "1")
    other = await create(ann, "1", name="Another")
    assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert await count(env) == 1


async def test_a_repeat_is_one_whatever_the_order_of_its_fields_and_its_blanks(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    first = await create(ann, "1")
    text = json.dumps(dict(reversed(PROJECT.items())), indent=2)
    headers = {"Idempotency-Key": "1", "Content-Type": "application/json"}
    second = await ann.call("POST", "/projects", data=text, headers=headers)
    assert (second.status, second.body) == (201, first.body)
    assert await count(env) == 1


async def test_a_refused_call_can_be_corrected_and_repeated_with_its_key(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    assert (await create(ann, "1", dueDate="1999-12-31")).status == 400
    assert (await create(ann, "1")).status == 201


async def test_a_call_that_dies_in_the_middle_is_done_by_its_repeat(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(*_: object) -> None:
        raise errors.UNAVAILABLE.error()

    ann = await api.signed_up()
    with monkeypatch.context() as patch:
        patch.setattr("core.work.idempotency.KEEP", dies)
        assert (await create(ann, "1")).status == 503
    assert await count(env) == 0
    assert (await create(ann, "1")).status == 201
    assert await count(env) == 1


async def test_a_key_that_is_too_long_is_refused(api: Api, env: Environment) -> None:
    ann = await api.signed_up()
    refused = await create(ann, "x" * 129)
    assert (refused.status, refused.fields) == (400, ["Idempotency-Key"])
    assert await count(env) == 0


async def test_a_message_is_sent_once_for_its_key(api: Api) -> None:
    ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
    id = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    path, headers = f"/conversations/{id}/messages", {"Idempotency-Key": "1"}
    replies = [await ann.call("POST", path, json={"content": "hello"}, headers=headers) for _ in range(2)]
    assert [reply.status for reply in replies] == [201, 200]
    assert replies[0].body["id"] == replies[1].body["id"]
    group = await ann.post("/conversations/groups", title="Film", participantIds=[bob.id])
    elsewhere = f"/conversations/{group.body['id']}/messages"
    for where, content in (
        (path, {"content": "bye"}),
        (path, {"content": "hello", "clientId": "a"}),
        (elsewhere, {"content": "hello"}),
    ):
        other = await ann.call("POST", where, json=content, headers=headers)
        assert (other.status, other.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (await create(ann, "1")).code == "IDEMPOTENCY_KEY_REUSED"


async def test_a_key_whose_message_was_refused_can_be_used_for_another(api: Api) -> None:
    ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
    id = (await ann.post("/conversations", participantId=bob.id)).body["id"]
    path, headers = f"/conversations/{id}/messages", {"Idempotency-Key": "1"}
    lost = {"content": "hello", "replyTo": id}
    assert (await ann.call("POST", path, json=lost, headers=headers)).code == "MESSAGE_NOT_FOUND"
    assert (await ann.call("POST", path, json={"content": "hello"}, headers=headers)).status == 201
