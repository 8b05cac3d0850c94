"""Conversations over REST: of a creator and a talent, and groups."""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.flow.api.conftest import Api, Caller

NOWHERE = "01890000-0000-7000-8000-000000000000"


@dataclass
class Pair:
    """A creator and a talent with a conversation, and someone who is not in it."""

    creator: Caller
    talent: Caller
    stranger: Caller
    id: str

    @property
    def path(self) -> str:
        return f"/conversations/{self.id}"

    async def say(self, who: Caller, content: str) -> str:
        """Send a message and return its id."""
        reply = await who.post(f"{self.path}/messages", content=content)
        assert reply.status == 201
        id: str = reply.body["id"]
        return id


@pytest.fixture
async def pair(api: Api) -> Pair:
    creator, talent = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    reply = await creator.post("/conversations", participantId=talent.id)
    return Pair(creator, talent, await api.signed_up("talent", "Eve"), reply.body["id"])


async def test_a_pair_has_one_conversation_whichever_user_creates_it(api: Api) -> None:
    ann, bob = await api.signed_up("creator", "Ann"), await api.signed_up("talent", "Bob")
    created = await ann.post("/conversations", participantId=bob.id)
    assert created.status == 201
    assert created.body["creator"] == {"id": ann.id, "name": "Ann", "avatarUrl": None}
    assert created.body["talent"] == {"id": bob.id, "name": "Bob", "avatarUrl": None}
    assert (created.body["lastMessageAt"], created.body["unreadCount"]) == (None, 0)
    for caller, other in ((ann, bob), (bob, ann)):
        again = await caller.post("/conversations", participantId=other.id)
        assert (again.status, again.body["id"]) == (200, created.body["id"])


async def test_of_many_creations_at_once_one_makes_it(api: Api) -> None:
    ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
    replies = await asyncio.gather(
        *(caller.post("/conversations", participantId=other.id) for caller, other in ((ann, bob), (bob, ann)) * 4)
    )
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({reply.body["id"] for reply in replies}) == 1


async def test_two_of_one_type_have_no_conversation_of_two(api: Api) -> None:
    ann, eve = await api.signed_up("creator"), await api.signed_up("creator")
    for id in (eve.id, ann.id):
        reply = await ann.post("/conversations", participantId=id)
        assert (reply.status, reply.code) == (400, "SAME_USER_TYPE")
    nobody = await ann.post("/conversations", participantId=NOWHERE)
    assert (nobody.status, nobody.code) == (404, "USER_NOT_FOUND")


async def test_the_list_shows_the_last_message_and_what_is_unread_the_latest_first(api: Api, pair: Pair) -> None:
    other = (await pair.creator.post("/conversations", participantId=pair.stranger.id)).body["id"]
    await pair.say(pair.creator, "first")
    last = await pair.say(pair.creator, "second")
    page = (await pair.talent.get("/conversations")).body
    (shown,) = page["conversations"]
    assert (shown["unreadCount"], shown["lastMessage"]["id"]) == (2, last)
    assert (shown["lastMessage"]["content"], shown["lastMessage"]["senderId"]) == ("second", pair.creator.id)
    assert shown["lastMessageAt"] == shown["lastMessage"]["sentAt"]
    mine = (await pair.creator.get("/conversations")).body["conversations"]
    assert [one["id"] for one in mine] == [pair.id, other]
    assert mine[0]["unreadCount"] == 0, "one has read what one wrote"


async def test_pages_say_where_they_are(api: Api) -> None:
    ann = await api.signed_up("creator")
    for _ in range(3):
        await ann.post("/conversations", participantId=(await api.signed_up("talent")).id)
    first, second = await ann.get("/conversations", limit=2), await ann.get("/conversations", limit=2, page=2)
    assert first.body["pagination"] == {
        "page": 1, "limit": 2, "total": 3, "totalPages": 2, "hasNext": True, "hasPrev": False,
        "nextCursor": first.body["pagination"]["nextCursor"],
    }  # fmt: skip
    assert second.body["pagination"]["hasPrev"]
    assert not second.body["pagination"]["hasNext"]
    ids = [one["id"] for page in (first, second) for one in page.body["conversations"]]
    assert len(set(ids)) == 3


async def test_history_is_read_backwards_page_by_page(pair: Pair) -> None:
    ids = [await pair.say(pair.creator, f"message {number}") for number in range(5)]
    newest = await pair.talent.get(f"{pair.path}/messages", limit=2)
    assert ([one["id"] for one in newest.body["messages"]], newest.body["hasMore"]) == (ids[3:], True)
    older = await pair.talent.get(f"{pair.path}/messages", limit=3, before=ids[3])
    assert ([one["id"] for one in older.body["messages"]], older.body["hasMore"]) == (ids[:3], False)
    assert (await pair.talent.get(f"{pair.path}/messages", before=NOWHERE)).code == "MESSAGE_NOT_FOUND"


async def test_a_repeated_send_is_answered_with_the_first_message(pair: Pair) -> None:
    replies = await asyncio.gather(
        *(pair.creator.post(f"{pair.path}/messages", content="once", clientId="a") for _ in range(5))
    )
    assert sorted(reply.status for reply in replies) == [200] * 4 + [201]
    assert len({str(reply.body) for reply in replies}) == 1
    history = await pair.talent.get(f"{pair.path}/messages")
    assert [one["content"] for one in history.body["messages"]] == ["once"]


async def test_a_reply_and_a_mention_name_what_is_in_the_conversation(pair: Pair) -> None:
    first = await pair.say(pair.creator, "first")
    reply = await pair.talent.post(f"{pair.path}/messages", content="yes", replyTo=first, mentions=[pair.creator.id])
    assert (reply.body["replyTo"], reply.body["mentions"]) == (first, [pair.creator.id])
    stored = (await pair.creator.get(f"{pair.path}/messages")).body["messages"][-1]
    assert stored == reply.body
    nowhere = await pair.talent.post(f"{pair.path}/messages", content="yes", replyTo=NOWHERE)
    assert nowhere.code == "MESSAGE_NOT_FOUND"
    outside = await pair.talent.post(f"{pair.path}/messages", content="yes", mentions=[pair.stranger.id])
    assert (outside.code, outside.fields) == ("VALIDATION_ERROR", ["mentions"])
    path = f"{pair.path}/messages/{reply.body['id']}"
    assert (await pair.talent.put(path, content="no")).body["mentions"] == [pair.creator.id]
    assert (await pair.talent.put(path, content="no", mentions=[pair.stranger.id])).fields == ["mentions"]
    assert (await pair.talent.put(path, content="no", mentions=[])).body["mentions"] == []


async def test_a_text_that_is_no_message_is_refused_and_not_stored(pair: Pair) -> None:
    for content, code in (
        ("", "EMPTY_MESSAGE"),
        (" \n\t", "EMPTY_MESSAGE"),
        ("x" * 10_001, "MESSAGE_TOO_LONG"),
        ("a\0b", "VALIDATION_ERROR"),
    ):
        reply = await pair.creator.post(f"{pair.path}/messages", content=content)
        assert (reply.status, reply.code) == (400, code)
    await pair.say(pair.creator, "x" * 10_000)
    assert len((await pair.creator.get(f"{pair.path}/messages")).body["messages"]) == 1


async def test_reading_moves_the_position_forward_only(pair: Pair) -> None:
    first, second = await pair.say(pair.creator, "first"), await pair.say(pair.creator, "second")
    for message_id, unread in ((first, 1), (second, 0), (first, 0)):
        reply = await pair.talent.put(f"{pair.path}/read", messageId=message_id)
        assert (reply.status, reply.body) == (204, None)
        assert (await pair.talent.get(pair.path)).body["unreadCount"] == unread
    assert (await pair.talent.put(f"{pair.path}/read", messageId=NOWHERE)).code == "MESSAGE_NOT_FOUND"


async def test_one_edits_and_deletes_ones_own_messages_only(pair: Pair) -> None:
    id = await pair.say(pair.creator, "frist")
    path = f"{pair.path}/messages/{id}"
    edited = await pair.creator.put(path, content="first")
    assert (edited.status, edited.body["content"], edited.body["isEdited"]) == (200, "first", True)
    for refused in (await pair.talent.put(path, content="mine"), await pair.talent.delete(path)):
        assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert (await pair.creator.put(path, content=" ")).code == "EMPTY_MESSAGE"
    assert (await pair.creator.delete(path)).status == 204
    (shown,) = (await pair.talent.get(f"{pair.path}/messages")).body["messages"]
    assert (shown["content"], shown["deletedAt"] is not None) == ("", True)
    assert (await pair.creator.put(path, content="back")).code == "MESSAGE_NOT_FOUND"


async def test_a_reaction_is_given_once_and_taken_back(pair: Pair) -> None:
    id = await pair.say(pair.creator, "hello")
    path = f"{pair.path}/messages/{id}/reactions"
    for _ in range(2):
        given = await pair.talent.put(f"{path}/%F0%9F%91%8D")
        assert given.body["reactions"] == [{"emoji": "👍", "count": 1, "userIds": [pair.talent.id]}]
    assert (await pair.talent.delete(f"{path}/👍")).status == 204
    assert (await pair.creator.get(f"{pair.path}/messages")).body["messages"][0]["reactions"] == []
    for bad in ("%00", "%20", "x" * 33, "%E2%80%8D%00"):
        reply = await pair.talent.put(f"{path}/{bad}")
        assert (reply.status, reply.fields) == (400, ["emoji"]), bad


async def test_a_stranger_neither_sees_nor_does_anything(pair: Pair) -> None:
    id = await pair.say(pair.creator, "private")
    message = f"{pair.path}/messages/{id}"
    tries = (
        ("GET", pair.path, None),
        ("GET", f"{pair.path}/messages", None),
        ("POST", f"{pair.path}/messages", {"content": "hello"}),
        ("PUT", f"{pair.path}/read", {"messageId": id}),
        ("PUT", message, {"content": "hello"}),
        ("DELETE", message, None),
        ("PUT", f"{message}/reactions/🎉", None),
        ("DELETE", f"{message}/reactions/🎉", None),
        ("POST", f"{pair.path}/members", {"userIds": [pair.stranger.id]}),
        ("DELETE", f"{pair.path}/members/{pair.talent.id}", None),
    )
    for method, path, body in tries:
        reply = await pair.stranger.call(method, path, json=body)
        assert (reply.status, reply.code) == (403, "NOT_A_MEMBER"), (method, path)
        unknown = await pair.stranger.call(method, path.replace(pair.id, str(uuid4())), json=body)
        assert (unknown.status, unknown.code) == (404, "CONVERSATION_NOT_FOUND"), (method, path)
        malformed = await pair.stranger.call(method, path.replace(pair.id, "none"), json=body)
        assert (malformed.status, malformed.fields) == (400, ["conversationId"]), (method, path)
    assert (await pair.stranger.get("/conversations")).body["conversations"] == []


async def test_a_group_has_any_members_and_an_owner_who_removes_them(api: Api) -> None:
    ann, bob, eve = [
        await api.signed_up(kind, name) for kind, name in (("creator", "A"), ("talent", "B"), ("talent", "E"))
    ]
    made = await ann.post("/conversations/groups", title=" Team ", participantIds=[bob.id, bob.id])
    assert made.status == 201
    await bob.accept_all()
    group = (await bob.get(f"/conversations/{made.body['id']}")).body
    assert (group["kind"], group["title"], group["memberCount"]) == ("group", "Team", 2)
    assert (group["creator"], group["talent"]) == (None, None)
    path = f"/conversations/{group['id']}"
    assert (await bob.post(f"{path}/members", userIds=[eve.id])).status == 200
    await eve.accept_all()
    assert {one["id"] for one in (await bob.get(path)).body["members"]} == {ann.id, bob.id, eve.id}
    assert (await bob.delete(f"{path}/members/{eve.id}")).code == "FORBIDDEN"
    assert (await ann.delete(f"{path}/members/{eve.id}")).status == 204
    assert (await ann.delete(f"{path}/members/{eve.id}")).code == "USER_NOT_FOUND"
    assert (await eve.get(path)).code == "NOT_A_MEMBER"
    assert (await ann.delete(f"{path}/members/{ann.id}")).status == 204
    (left,) = (await bob.get(path)).body["members"]
    assert (left["id"], left["role"]) == (bob.id, "owner")
    log = [one["content"] for one in (await bob.get(f"{path}/messages")).body["messages"]]
    assert log == ["B joined", "E joined", "A removed E", "A left"]


async def test_the_members_of_a_conversation_of_two_are_fixed(pair: Pair) -> None:
    add = await pair.creator.post(f"{pair.path}/members", userIds=[pair.stranger.id])
    leave = await pair.creator.delete(f"{pair.path}/members/{pair.creator.id}")
    assert (add.code, leave.code) == ("FORBIDDEN", "FORBIDDEN")


async def test_a_group_of_people_who_do_not_exist_is_not_made(api: Api) -> None:
    ann, bob = await api.signed_up("creator"), await api.signed_up("talent")
    reply = await ann.post("/conversations/groups", title="Team", participantIds=[bob.id, NOWHERE])
    assert (reply.status, reply.code) == (404, "USER_NOT_FOUND")
    for body, field in (
        ({"title": " ", "participantIds": [bob.id]}, "title"),
        ({"title": "x" * 256, "participantIds": [bob.id]}, "title"),
        ({"title": "a\0b", "participantIds": [bob.id]}, "title"),
        ({"title": "Team", "participantIds": []}, "participantIds"),
        ({"title": "Team", "participantIds": [bob.id] * 101}, "participantIds"),
    ):
        assert (await ann.post("/conversations/groups", **body)).fields == [field]
    assert (await bob.get("/conversations")).body["conversations"] == []
