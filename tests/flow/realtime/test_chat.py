"""Two people talk, through real hubs, with every message in Postgres."""

import asyncio
from datetime import datetime

import pytest

from tests.flow.conftest import Environment, over_markets, without_limits

pytestmark = over_markets


async def test_a_message_is_acked_after_its_commit_and_delivered_on_every_hub(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await (await env.chatter("Bob", two_hubs[1], "talent")).connect(("polling",))
    room = await env.group(ann.user, bob.user)
    assert (await ann.join(room))["lastSeq"] == 0
    await bob.join(room)

    ack = await ann.send(room, "Hello!", clientId="one")

    assert (ack["seq"], ack["version"], ack["duplicate"]) == (1, 1, False)
    assert datetime.fromisoformat(ack["sentAt"]).tzinfo
    stored = await env.resources.db.fetchrow("select id, body, sender_id from messages")
    assert (str(stored["id"]), stored["body"], stored["sender_id"]) == (ack["id"], "Hello!", ann.user.id)
    for someone in (ann, bob):
        told = await someone.heard.next("message:received")
        assert told["conversationId"] == str(room)
        assert told["message"]["id"] == ack["id"]
        assert told["message"]["content"] == "Hello!"
        assert told["message"]["sender"] == {"id": str(ann.user.id), "name": "Ann", "avatarUrl": None}


async def test_two_hubs_deliver_the_same_messages_in_the_same_order(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    hubs = [await env.hub(without_limits(env.settings)) for _ in range(2)]
    people = [await (await env.chatter(f"P{i}", hubs[i % 2])).connect() for i in range(4)]
    room = await env.group(*[person.user for person in people])
    for person in people:
        await person.join(room)

    async def talk(number: int) -> None:
        for i in range(40):
            await people[number].send(room, f"{number}-{i}")

    await asyncio.gather(*(talk(number) for number in range(4)))

    expected = [tuple(row) for row in await env.resources.db.fetch("select seq, body from messages order by seq")]
    assert [seq for seq, _ in expected] == list(range(1, 161))
    for person in people:
        told = await person.heard.until("message:received", 160)
        assert [(one["message"]["seq"], one["message"]["content"]) for one in told] == expected


async def test_a_repeated_send_gets_the_first_answer_and_stores_nothing(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    elsewhere = await (await env.chatter("Ann elsewhere", two_hubs[1])).connect()
    elsewhere.token, elsewhere.user = ann.token, ann.user
    await elsewhere.socket.disconnect()
    await elsewhere.connect()
    room = await env.group(ann.user)

    answers = await asyncio.gather(*(who.send(room, "Once", clientId="same") for who in (ann, elsewhere) * 5))

    assert len({(one["id"], one["seq"], one["sentAt"]) for one in answers}) == 1
    assert sorted(one["duplicate"] for one in answers) == [False] + [True] * 9
    assert await env.resources.db.fetchval("select count(*) from messages") == 1


@pytest.mark.parametrize("other", ["content", "replyTo", "mentions"])
async def test_a_client_id_with_another_content_is_refused_and_stores_nothing(
    env: Environment, two_hubs: tuple[str, str], other: str
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    room = await env.group(ann.user)
    first = await ann.send(room, "First")
    mine = await ann.send(room, "Once", clientId="one")
    changed = {"content": "Twice", "replyTo": first["id"], "mentions": [str(ann.user.id)]}[other]
    refused = await ann.call(
        "message:send", **{"conversationId": str(room), "content": "Once", "clientId": "one", other: changed}
    )
    assert refused["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    at_once = await asyncio.gather(*(ann.send(room, f"At once {text}", clientId="two") for text in "abab"))
    assert sorted("error" in one for one in at_once) == [False, False, True, True]
    assert len({one["id"] for one in at_once if "id" in one}) == 1
    assert (await ann.send(room, "Once", clientId="one"))["id"] == mine["id"]
    assert await env.resources.db.fetchval("select count(*) from messages") == 3


async def test_a_repeat_is_one_also_once_its_message_is_changed(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)
    sent = await ann.send(room, "Once", clientId="one")
    about = {"conversationId": str(room), "messageId": sent["id"]}
    for change, more in (("edit", {"content": "Twice"}), ("delete", {})):
        await ann.call(f"message:{change}", **about, **more)
        assert (await ann.send(room, "Once", clientId="one"))["duplicate"] is True
        assert (await ann.send(room, "Twice", clientId="one"))["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"content": ""}, "EMPTY_MESSAGE"),
        ({"content": " \n "}, "EMPTY_MESSAGE"),
        ({"content": "x" * 10_001}, "MESSAGE_TOO_LONG"),
        ({"content": 5}, "VALIDATION_ERROR"),
        ({}, "VALIDATION_ERROR"),
        ({"content": "a\0b"}, "VALIDATION_ERROR"),
        ({"content": "\u200b\u3164\u2800\u202e\n"}, "EMPTY_MESSAGE"),
        ({"content": "x", "clientId": 5}, "VALIDATION_ERROR"),
        ({"content": "x", "conversationId": "nonsense"}, "VALIDATION_ERROR"),
        ({"content": "x", "conversationId": "00000000-0000-7000-8000-000000000000"}, "CONVERSATION_NOT_FOUND"),
        ({"content": "x", "replyTo": "00000000-0000-7000-8000-000000000000"}, "MESSAGE_NOT_FOUND"),
        ({"content": "x", "mentions": ["00000000-0000-7000-8000-000000000000"]}, "VALIDATION_ERROR"),
    ],
)
async def test_a_bad_send_gets_an_error_in_its_ack_and_changes_nothing(
    env: Environment, hub: str, payload: dict[str, object], code: str
) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)

    answer = await ann.call("message:send", **{"conversationId": str(room), **payload})

    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert await env.resources.db.fetchval("select count(*) from messages") == 0
    assert (await ann.send(room, "Still here"))["seq"] == 1


async def test_who_is_not_a_member_can_neither_send_nor_join_nor_read_nor_type(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    eve = await (await env.chatter("Eve", hub)).connect()
    room = await env.group(ann.user)
    sent = await ann.send(room, "Private")

    answers = [
        await eve.send(room, "Let me in"),
        await eve.join(room),
        await eve.call("conversation:read", conversationId=str(room), messageId=sent["id"]),
        await eve.call("conversation:typing", conversationId=str(room), isTyping=True),
        await eve.call("message:edit", conversationId=str(room), messageId=sent["id"], content="Mine"),
        await eve.call("message:react", conversationId=str(room), messageId=sent["id"], emoji="👍"),
        await eve.call("conversation:add", conversationId=str(room), userIds=[str(eve.user.id)]),
    ]

    assert [answer["error"]["code"] for answer in answers] == ["NOT_A_MEMBER"] * 7
    await ann.send(room, "Nobody else hears this")
    assert not eve.heard.all("message:received")


async def test_a_sender_over_the_limit_gets_an_error_and_stays_connected(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    room = await env.group(ann.user)

    answers = [await ann.send(room, str(i)) for i in range(40)]

    refused = [answer for answer in answers if "error" in answer]
    assert {answer["error"]["code"] for answer in refused} == {"RATE_LIMITED"}
    assert await env.resources.db.fetchval("select count(*) from messages") == 40 - len(refused)
    assert ann.socket.connected


async def test_an_unknown_event_is_answered_and_harmless(env: Environment, hub: str) -> None:
    ann = await (await env.chatter("Ann", hub)).connect()
    assert (await ann.call("no:such"))["error"]["code"] == "UNKNOWN_EVENT"
    await ann.emit("no:such", {})
    told = await ann.heard.next("error")
    assert (told["event"], told["error"]["code"]) == ("no:such", "UNKNOWN_EVENT")
