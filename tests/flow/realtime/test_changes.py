"""What happens to messages and conversations after they are there: edits, reactions, reading, typing, members, presence."""

import asyncio
from uuid import UUID

import pytest

from core.base.ids import uuid7
from core.base.publisher import Draft
from tests.flow.conftest import Chatter, Environment, over_markets

pytestmark = over_markets


@pytest.fixture
async def pair(env: Environment, two_hubs: tuple[str, str]) -> tuple[Chatter, Chatter, UUID]:
    """Ann and Bob, each on a hub of their own, both in one conversation."""
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await (await env.chatter("Bob", two_hubs[1])).connect()
    room = await env.group(ann.user, bob.user)
    await ann.join(room)
    await bob.join(room)
    return ann, bob, room


Pair = tuple[Chatter, Chatter, UUID]


async def test_an_edit_is_delivered_and_its_earlier_text_is_kept(env: Environment, pair: Pair) -> None:
    ann, bob, room = pair
    sent = await ann.send(room, "Helo")
    answer = await ann.call("message:edit", conversationId=str(room), messageId=sent["id"], content="Hello")
    told = (await bob.heard.next("message:edited"))["message"]
    assert told == answer["message"]
    assert (told["content"], told["isEdited"], told["seq"], told["version"]) == ("Hello", True, 1, 2)
    assert await env.resources.db.fetchval("select body from message_edits") == "Helo"


async def test_a_deleted_message_keeps_its_place_and_loses_its_text(env: Environment, pair: Pair) -> None:
    ann, bob, room = pair
    sent = await ann.send(room, "Oops")
    answer = await ann.call("message:delete", conversationId=str(room), messageId=sent["id"])
    assert await bob.heard.next("message:deleted") == answer
    assert (answer["seq"], answer["version"]) == (1, 2)
    joined = await bob.join(room, limit=10)
    assert [(one["content"], one["deletedAt"] is not None) for one in joined["messages"]] == [("", True)]
    again = await ann.call("message:delete", conversationId=str(room), messageId=sent["id"])
    assert again == answer, "deleting again changes nothing"


async def test_only_the_author_changes_a_message(pair: Pair) -> None:
    ann, bob, room = pair
    sent = await ann.send(room, "Mine")
    about = {"conversationId": str(room), "messageId": sent["id"]}
    assert (await bob.call("message:edit", **about, content="Yours"))["error"]["code"] == "FORBIDDEN"
    assert (await bob.call("message:delete", **about))["error"]["code"] == "FORBIDDEN"
    assert (await bob.join(room, limit=1))["messages"][0]["content"] == "Mine"


async def test_reactions_are_counted_once_per_person_and_can_be_taken_back(pair: Pair) -> None:
    ann, bob, room = pair
    sent = await ann.send(room, "Party?")
    about = {"conversationId": str(room), "messageId": sent["id"], "emoji": "🎉"}
    for who in (bob, bob, ann):
        answer = await who.call("message:react", **about)
    assert answer["reactions"] == [{"emoji": "🎉", "count": 2, "userIds": [str(bob.user.id), str(ann.user.id)]}]
    assert (await ann.heard.next("message:reacted"))["userId"] == str(bob.user.id)
    answer = await bob.call("message:react", **about, added=False)
    assert answer["reactions"] == [{"emoji": "🎉", "count": 1, "userIds": [str(ann.user.id)]}]
    for bad in ("", "   ", "x", "ok", "1", "🎉🎉", "\u200b", "🏽", "\n"):
        refused = await bob.call("message:react", **{**about, "emoji": bad})
        assert refused["error"]["code"] == "VALIDATION_ERROR"


async def test_a_reaction_is_one_emoji_however_it_is_spelled(env: Environment, pair: Pair) -> None:
    ann, bob, room = pair
    sent = await ann.send(room, "Party?")
    about = {"conversationId": str(room), "messageId": sent["id"]}
    await ann.call("message:react", **about, emoji="\u2764")
    answer = await bob.call("message:react", **about, emoji="\u2764\ufe0f")
    people = [str(ann.user.id), str(bob.user.id)]
    assert answer["reactions"] == [{"emoji": "\u2764\ufe0f", "count": 2, "userIds": people}]
    assert {one["emoji"] for one in await bob.heard.until("message:reacted", 2)} == {"\u2764\ufe0f"}
    # As an earlier version has stored them: both spellings of one user, and what is no emoji.
    for emoji in ("\u2764", "ok"):
        await env.resources.db.execute(
            "insert into reactions (conversation_id, seq, emoji, user_id) values ($1, 1, $2, $3)",
            room,
            emoji,
            ann.user.id,
        )
    shown = (await bob.join(room, limit=1))["messages"][0]["reactions"]
    assert [(one["emoji"], one["count"]) for one in shown] == [("\u2764\ufe0f", 2), ("ok", 1)]
    for emoji in ("\u2764\ufe0e", "ok"):
        answer = await ann.call("message:react", **about, emoji=emoji, added=False)
    assert answer["reactions"] == [{"emoji": "\u2764\ufe0f", "count": 1, "userIds": people[1:]}]


async def test_replies_and_mentions_travel_with_the_message(pair: Pair) -> None:
    ann, bob, room = pair
    first = await ann.send(room, "Who?")
    await bob.send(room, "@Ann you", replyTo=first["id"], mentions=[str(ann.user.id)])
    told = (await ann.heard.until("message:received", 2))[1]["message"]
    assert (told["replyTo"], told["mentions"]) == (first["id"], [str(ann.user.id)])
    assert (await ann.join(room, limit=1))["messages"][0]["mentions"] == [str(ann.user.id)]


async def test_mentions_that_an_edit_changes_travel_with_the_event_the_history_and_sync(pair: Pair) -> None:
    ann, bob, room = pair
    sent = await ann.send(room, "who can?")
    cursor = (await bob.call("sync"))["cursor"]
    at = {"conversationId": str(room), "messageId": sent["id"]}
    answer = await ann.call("message:edit", **at, content="Bob?", mentions=[str(bob.user.id)])
    assert answer["message"]["mentions"] == [str(bob.user.id)]
    assert (await bob.heard.next("message:edited"))["message"] == answer["message"]
    kept = await ann.call("message:edit", **at, content="Bob!")
    assert kept["message"]["mentions"] == [str(bob.user.id)]
    (synced,) = (await bob.call("sync", cursor=cursor))["conversations"]
    assert synced["messages"][-1]["mentions"] == [str(bob.user.id)]
    assert (await bob.join(room, since=sent["version"]))["messages"] == [kept["message"]]
    none = await ann.call("message:edit", **at, content="Bob!", mentions=[])
    assert (await bob.join(room, limit=1))["messages"][0] == none["message"]
    assert none["message"]["mentions"] == []
    outside = await ann.call("message:edit", **at, content="?", mentions=["00000000-0000-7000-8000-000000000000"])
    assert [one["field"] for one in outside["error"]["details"]] == ["mentions"]


async def test_read_positions_move_forward_only_and_are_delivered_to_the_others(pair: Pair) -> None:
    ann, bob, room = pair
    sent = [await ann.send(room, str(i)) for i in range(3)]
    await bob.heard.until("message:received", 3)
    assert (await bob.join(room))["unreadCount"] == 3
    read = {"conversationId": str(room)}
    assert await bob.call("conversation:read", **read, messageId=sent[1]["id"]) == {"lastReadSeq": 2}
    told = await ann.heard.next("conversation:read")
    assert (told["userId"], told["messageId"], told["lastReadSeq"]) == (str(bob.user.id), sent[1]["id"], 2)
    assert await bob.call("conversation:read", **read, messageId=sent[0]["id"]) == {"lastReadSeq": 2}
    joined = await bob.join(room)
    assert (joined["unreadCount"], joined["lastReadSeq"]) == (1, 2)
    assert {one["userId"]: one["lastReadSeq"] for one in joined["positions"]} == {
        str(ann.user.id): 3,
        str(bob.user.id): 2,
    }
    assert (await bob.call("conversation:read", **read, messageId=str(uuid7())))["error"]["code"] == "MESSAGE_NOT_FOUND"


async def test_typing_is_delivered_to_the_others_only(pair: Pair) -> None:
    ann, bob, room = pair
    await ann.call("conversation:typing", conversationId=str(room), isTyping=True)
    told = await bob.heard.next("conversation:typing")
    assert told == {"conversationId": str(room), "userId": str(ann.user.id), "isTyping": True}
    await ann.send(room, "Done")
    await ann.heard.next("message:received")
    assert not ann.heard.all("conversation:typing")


async def test_added_members_receive_messages_and_removed_ones_do_not(
    env: Environment, pair: Pair, two_hubs: tuple[str, str]
) -> None:
    ann, bob, room = pair
    eve = await (await env.chatter("Eve", two_hubs[1])).connect()
    await env.group(eve.user, ann.user)
    about, eve_id = {"conversationId": str(room)}, str(eve.user.id)
    assert await ann.call("conversation:add", **about, userIds=[eve_id]) == {"added": [eve_id], "invited": []}
    told = await eve.heard.next("conversation:members")
    assert (told["userId"], told["isMember"]) == (str(eve.user.id), True)
    notice = (await bob.heard.next("message:received"))["message"]
    assert (notice["kind"], notice["content"]) == ("system", "Ann added Eve")
    assert (await eve.join(room))["lastSeq"] == 1

    assert (await bob.call("conversation:remove", **about, userId=str(eve.user.id)))["error"]["code"] == "FORBIDDEN"
    assert await ann.call("conversation:remove", **about, userId=str(eve.user.id)) == {}
    while (await eve.heard.next("conversation:members"))["isMember"]:
        pass
    assert (await eve.send(room, "Still here?"))["error"]["code"] == "NOT_A_MEMBER"
    await ann.send(room, "Without Eve")
    await bob.heard.until("message:received", 3)
    assert "Without Eve" not in {one["message"]["content"] for one in eve.heard.all("message:received")}


async def test_presence_is_delivered_to_people_who_share_a_conversation(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    ann = await (await env.chatter("Ann", two_hubs[0])).connect()
    bob = await env.chatter("Bob", two_hubs[1])
    stranger = await (await env.chatter("Eve", two_hubs[0])).connect()
    room = await env.group(ann.user, bob.user)
    assert (await ann.join(room))["online"] == [str(ann.user.id)]

    await bob.connect()
    assert (await ann.heard.next("user:online"))["userId"] == str(bob.user.id)
    assert set((await ann.join(room))["online"]) == {str(ann.user.id), str(bob.user.id)}
    await bob.socket.disconnect()
    told = await ann.heard.next("user:offline")
    assert (told["userId"], bool(told["lastSeenAt"])) == (str(bob.user.id), True)
    assert not stranger.heard.all("user:online")


async def test_two_users_who_connect_to_two_hubs_at_once_see_each_other_online(
    env: Environment, two_hubs: tuple[str, str]
) -> None:
    async def come(who: Chatter, room: UUID) -> set[str]:
        await who.connect()
        return set((await who.join(room))["online"])

    for _ in range(5):
        ann, bob = await env.chatter("Ann", two_hubs[0]), await env.chatter("Bob", two_hubs[1])
        room = await env.group(ann.user, bob.user)
        found = await asyncio.gather(come(ann, room), come(bob, room))
        for who, other, online in zip((ann, bob), (bob, ann), found, strict=True):
            if str(other.user.id) not in online:
                assert (await who.heard.next("user:online"))["userId"] == str(other.user.id)


async def test_a_message_from_another_process_is_heard_like_any_other(env: Environment, pair: Pair) -> None:
    ann, bob, room = pair
    stored = await env.publisher.append(Draft(env.resources.ids.of(env.market), room, ann.user.person, "By REST"))
    for who in (ann, bob):
        told = (await who.heard.next("message:received"))["message"]
        assert (told["id"], told["content"], told["seq"]) == (str(stored.id), "By REST", 1)


async def test_two_edits_at_once_both_happen_and_keep_every_earlier_text(env: Environment, pair: Pair) -> None:
    ann, bob, room = pair
    sent = await ann.send(room, "0")
    about = {"conversationId": str(room), "messageId": sent["id"]}
    answers = await asyncio.gather(*(ann.call("message:edit", **about, content=str(i)) for i in range(1, 9)))
    assert all("message" in answer for answer in answers)
    kept = [row["body"] for row in await env.resources.db.fetch("select body from message_edits order by version")]
    last = (await bob.join(room, limit=1))["messages"][0]
    assert sorted([*kept, last["content"]]) == [str(i) for i in range(9)]
    assert last["version"] == 9


async def test_a_change_without_effect_is_answered_and_published_to_nobody(pair: Pair) -> None:
    ann, bob, room = pair
    sent = [await ann.send(room, text) for text in ("one", "two")]
    for place in (1, 0, 1):
        answer = await bob.call("conversation:read", conversationId=str(room), messageId=sent[place]["id"])
        assert answer == {"lastReadSeq": 2}
        await bob.call("conversation:typing", conversationId=str(room), isTyping=True)
        await ann.heard.next("conversation:typing")  # which positions do not come after
    assert len(ann.heard.all("conversation:read")) == 1
    for added in (True, True, False, False):
        about = {"conversationId": str(room), "messageId": sent[0]["id"], "emoji": "🎉"}
        await bob.call("message:react", **about, added=added)
    assert (await bob.send(room, "three"))["version"] == 5, "two messages, a reaction, its end, a message"
    await ann.heard.until("message:received", 3)
    assert [one["added"] for one in ann.heard.all("message:reacted")] == [True, False]
