"""Actions made offline: each once for its client id, in the order of its subject, each answered for itself."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from core.base.clock import now
from core.limits.budget import Rate
from core.work import idempotency
from tests.bazaar.capabilities import sync_actions as capability
from tests.bazaar.people import BazaarApi
from tests.flow.api.conftest import Caller
from tests.flow.conftest import Environment
from tests.policies import ChangePolicy


def create(client_id: str, title: str = "Lamp", **more: Any) -> dict[str, Any]:
    return {"client_id": client_id, "type": "listing.create", "payload": {"title": title, "price_cents": 100}} | more


def change(client_id: str, subject: str, based_on: str = '"100"', **payload: Any) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "type": "listing.change",
        "subject": subject,
        "based_on": based_on,
        "payload": payload,
    }


async def sent(caller: Caller, *actions: dict[str, Any]) -> list[dict[str, Any]]:
    reply = await caller.post("/sync/actions", actions=list(actions))
    assert reply.status == 200, reply
    results: list[dict[str, Any]] = reply.body["data"]["results"]
    assert [one["client_id"] for one in results] == [one["client_id"] for one in actions]
    return results


async def listings(caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await caller.get("/listings")).body["data"]
    return found


def states(results: list[dict[str, Any]]) -> list[str]:
    return [one["state"] for one in results]


async def test_an_action_is_done_once_however_often_it_is_sent(api: BazaarApi) -> None:
    ann = await api.signed_up()
    first = await sent(ann, create("a"))
    assert await sent(ann, create("a")) == first
    assert states(first) == ["done"]
    (listing,) = await listings(ann)
    assert first[0]["result"]["id"] == listing["id"]
    assert first[0]["result"]["price_cents"] == 100


async def test_an_action_is_done_once_also_when_it_is_sent_by_many_calls_at_once(api: BazaarApi) -> None:
    ann = await api.signed_up()
    results = await asyncio.gather(*(sent(ann, create("a"), create("b")) for _ in range(5)))
    assert all(one == results[0] for one in results)
    assert len(await listings(ann)) == 2


async def test_an_action_is_not_done_again_when_its_answer_is_forgotten(api: BazaarApi, env: Environment) -> None:
    ann = await api.signed_up()
    await sent(ann, create("a"))
    await idempotency.FORGET(env.resources.db, now() + timedelta(days=2), 10)
    (again,) = await sent(ann, create("a"))
    assert (again["state"], again["result"]) == ("done", None)
    assert len(await listings(ann)) == 1


async def test_another_action_with_the_same_client_id_is_refused(api: BazaarApi) -> None:
    ann = await api.signed_up()
    await sent(ann, create("a"))
    (other,) = await sent(ann, create("a", title="Vase"))
    assert (other["state"], other["error"]["code"]) == ("refused", "IDEMPOTENCY_KEY_REUSED")


async def test_what_fails_stops_the_later_ones_of_its_subject_and_no_others(api: BazaarApi) -> None:
    ann = await api.signed_up()
    made = await sent(ann, create("a"), create("b", title="Vase"))
    lamp, vase = (one["result"]["id"] for one in made)
    results = await sent(
        ann,
        change("c", lamp, based_on='"99"', price_cents=1),
        change("d", vase, price_cents=200),
        change("e", lamp, title="Torch"),
        create("f", title=""),
        create("g", title="Chair"),
    )
    assert states(results) == ["conflict", "done", "skipped", "refused", "done"]
    assert results[0]["error"]["code"] == "PRECONDITION_FAILED"
    assert (results[0]["current"]["id"], results[0]["current"]["price_cents"]) == (lamp, 100)
    assert results[3]["error"]["code"] == "INPUT_001"
    assert {one["title"] for one in await listings(ann)} == {"Lamp", "Vase", "Chair"}
    again = await sent(ann, change("c", lamp, price_cents=1), change("e", lamp, based_on='"1"', title="Torch"))
    assert states(again) == ["done", "done"]


async def test_what_is_made_offline_is_changed_offline_by_the_name_that_the_client_gave_it(api: BazaarApi) -> None:
    ann = await api.signed_up()
    actions = create("a", subject="mine-1"), change("b", "mine-1", title="Torch")
    first = await sent(ann, *actions)
    assert states(first) == ["done", "done"]
    assert [one["title"] for one in await listings(ann)] == ["Torch"]
    assert await sent(ann, *actions) == first


async def test_a_repeat_after_a_crash_between_two_actions_goes_on_where_it_ended(
    api: BazaarApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await api.signed_up()
    lock = capability.LOCK.sql
    monkeypatch.setattr(capability.LOCK, "sql", "select pg_terminate_backend(pg_backend_pid())::text::uuid, $1::uuid")
    actions = create("a", subject="mine-1"), change("b", "mine-1", title="Torch")
    reply = await ann.post("/sync/actions", actions=list(actions))
    assert reply.status == 503
    monkeypatch.setattr(capability.LOCK, "sql", lock)
    assert [one["title"] for one in await listings(ann)] == ["Lamp"]
    assert states(await sent(ann, *actions)) == ["done", "done"]
    assert [one["title"] for one in await listings(ann)] == ["Torch"]


async def test_each_action_needs_the_role_that_its_call_needs_and_a_known_type(api: BazaarApi) -> None:
    bob = await api.signed_up("buyer", "Bob")
    results = await sent(bob, create("a"), {"client_id": "b", "type": "listing.burn"})
    assert states(results) == ["refused", "refused"]
    assert [one["error"]["code"] for one in results] == ["FORBIDDEN", "INPUT_001"]


async def test_nobody_changes_what_belongs_to_others(api: BazaarApi) -> None:
    ann, eve = await api.signed_up(), await api.signed_up(name="Eve")
    (made,) = await sent(ann, create("a"))
    (result,) = await sent(eve, change("a", made["result"]["id"], title="Mine"))
    assert (result["state"], result["error"]["code"]) == ("refused", "FORBIDDEN")


async def test_client_ids_are_of_one_user(api: BazaarApi) -> None:
    ann, eve = await api.signed_up(), await api.signed_up(name="Eve")
    await sent(ann, create("a"))
    (result,) = await sent(eve, create("a", title="Vase"))
    assert result["result"]["title"] == "Vase"


async def test_actions_count_as_calls_and_messages_as_messages(
    api: BazaarApi, env: Environment, change_policy: ChangePolicy
) -> None:
    change_policy(per_user=Rate("user", 10, 3600))
    ann = await api.signed_up()
    await sent(ann, *(create(str(number)) for number in range(9)))
    reply = None
    for _ in range(3):
        reply = await ann.post("/sync/actions", actions=[create("again")])
    assert reply is not None
    assert reply.status == 429


async def test_a_message_that_was_written_offline_is_sent_and_weighs_what_it_weighs(
    api: BazaarApi, change_policy: ChangePolicy
) -> None:
    ann, bob = await api.signed_up(), await api.signed_up("buyer", "Bob")
    id = (await bob.post("/conversations", participant_id=ann.id)).body["data"]["id"]
    change_policy(messages=Rate("messages", 4, 3600))
    messages = [
        {"client_id": str(number), "type": "message.send", "subject": id, "payload": {"content": "Hi"}}
        for number in range(6)
    ]
    (first,), (again,) = await sent(bob, messages[0]), await sent(bob, messages[0])
    assert first["state"] == "done", first
    assert again["result"]["id"] == first["result"]["id"]
    results = await sent(bob, *messages[1:])
    assert results[0]["state"] == "done", results
    assert "RATE_LIMITED" in [one["error"]["code"] for one in results if one["error"]]
    assert results[-1]["state"] == "skipped"


@pytest.mark.parametrize(
    "actions",
    [
        [],
        [create(str(number)) for number in range(51)],
        [{"client_id": "", "type": "listing.create"}],
        [create("a", payload={"a": {"b": {"c": 1}}})],
        [create("a", payload={str(number): 1 for number in range(101)})],
    ],
    ids=["none", "too many", "no id", "too deep", "too wide"],
)
async def test_a_queue_is_bounded(api: BazaarApi, actions: list[dict[str, Any]]) -> None:
    ann = await api.signed_up()
    assert (await ann.post("/sync/actions", actions=actions)).code == "INPUT_001"


async def test_what_was_not_done_is_listed_until_it_is(api: BazaarApi) -> None:
    ann = await api.signed_up()
    assert (await ann.get("/sync/last-sync-time")).body["data"] == {"last_sync_time": None}
    (made,) = await sent(ann, create("a"))
    await sent(ann, change("b", made["result"]["id"], based_on='"1"'))
    (failed,) = (await ann.get("/sync/queue")).body["data"]["actions"]
    assert (failed["client_id"], failed["state"], failed["code"]) == ("b", "conflict", "PRECONDITION_FAILED")
    await sent(ann, change("b", made["result"]["id"]))
    assert (await ann.get("/sync/queue")).body["data"]["actions"] == []
    assert (await ann.get("/sync/last-sync-time")).body["data"]["last_sync_time"]
