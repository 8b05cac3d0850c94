"""Conversations, over REST and on the socket."""

from tests.flow.api.conftest import Caller
from tests.flow.conftest import Chatter
from tests.flow.onswift.walk.walker import Walker

CONVERSATION = "/api/conversations/{conversationId}"
MESSAGES = CONVERSATION + "/messages"
MESSAGE = MESSAGES + "/{messageId}"


async def talk(walker: Walker, other: Caller, third: Caller) -> None:
    """Talk in a pair and in groups, over REST."""
    marks = walker.marks
    pair = (await walker.make("POST", "/api/conversations", participantId=other.id))["id"]
    asked = (
        await other.post(f"/conversations/{pair}/messages", content="What do you think?", mentions=[walker.id])
    ).body
    first = await walker.make(
        "POST", MESSAGES, pair, content=marks.own("earlier text"), clientId=marks.own("client id"), replyTo=asked["id"]
    )
    await walker.make(
        "PUT", MESSAGE, pair, first["id"], content=marks.shared("edited", "messages", "message_words", "notifications")
    )
    gone = await walker.make("POST", MESSAGES, pair, content=marks.own("deleted text"))
    await walker.make("DELETE", MESSAGE, pair, gone["id"])
    await walker.make("PUT", MESSAGE + "/reactions/{emoji}", pair, asked["id"], "🎉")
    await walker.make("PUT", MESSAGE + "/reactions/{emoji}", pair, asked["id"], "👍")
    await walker.make("DELETE", MESSAGE + "/reactions/{emoji}", pair, asked["id"], "👍")
    await walker.make("PUT", CONVERSATION + "/read", pair, messageId=asked["id"])
    await walker.make("GET", MESSAGES, pair)
    await walker.call("GET", "/api/conversations/messages/search", params={"q": "edited"})
    await walker.make("GET", "/api/conversations")
    title = marks.shared("title of a group", "conversations")
    group = (await walker.make("POST", "/api/conversations/groups", title=title, participantIds=[other.id]))["id"]
    await walker.make("POST", CONVERSATION + "/members", group, userIds=[third.id])
    await walker.make("DELETE", CONVERSATION + "/members/{userId}", group, third.id)
    await walker.make("GET", CONVERSATION, group)
    left = marks.shared("title of a group that she leaves", "conversations")
    made = (await walker.make("POST", "/api/conversations/groups", title=left, participantIds=[other.id]))["id"]
    await walker.make("DELETE", CONVERSATION + "/members/{userId}", made, walker.id)
    await walker.make("GET", "/api/sync")
    # Others name her: in the log of their group, and in answers that are kept for them.
    body = {"title": "Others", "participantIds": [walker.id]}
    kept = await other.call("POST", "/conversations/groups", json=body, headers={"Idempotency-Key": walker.id})
    assert walker.marks.in_(str(kept.body)), "it names her"
    await other.post(f"/conversations/{kept.body['id']}/members", userIds=[third.id])
    await other.delete(f"/conversations/{kept.body['id']}/members/{walker.id}")
    await other.post(f"/conversations/{kept.body['id']}/members", userIds=[walker.id])
    await be_invited(walker, group)
    await keep_away(walker, third, group)
    await report(walker, other, pair, asked["id"])


async def keep_away(walker: Walker, third: Caller, group: str) -> None:
    """Mute and block somebody, and be muted and blocked."""
    for path, id in (("/api/users/{userId}/mute", third.id), (CONVERSATION + "/mute", group)):
        await walker.make("PUT", path, id)
        await walker.make("GET", "/api/users/me/mutes")
        await walker.make("DELETE", path, id)
        await walker.make("PUT", path, id)
    await walker.make("PUT", "/api/users/me/blocks/{userId}", third.id)
    await walker.make("GET", "/api/users/me/blocks")
    await walker.make("DELETE", "/api/users/me/blocks/{userId}", third.id)
    stranger = await walker.api.signed_up("creator", "Bea Blocker")
    assert (await stranger.put(f"/users/me/blocks/{walker.id}")).status == 204
    assert (await stranger.put(f"/users/{walker.id}/mute")).status == 204
    await walker.make("PUT", "/api/users/me/blocks/{userId}", stranger.id)


async def report(walker: Walker, other: Caller, pair: str, message: str) -> None:
    """Report somebody, and what he said; be reported for what one says."""
    marks = walker.marks
    text = marks.own("text of a report")
    await walker.make("POST", "/api/users/{userId}/report", other.id, reason="other", text=text)
    await walker.make("POST", MESSAGE + "/report", pair, message, reason="spam", text=marks.own("of a message"))
    said = await walker.make(
        "POST",
        MESSAGES,
        pair,
        content=marks.shared("reported", "messages", "message_words", "reports", "notifications"),
    )
    reported = await other.post(f"/conversations/{pair}/messages/{said['id']}/report", reason="hate", text="See!")
    assert reported.status == 201


async def be_invited(walker: Walker, group: str) -> None:
    """Answer the invitations of a stranger, and look at those of a group of one's own."""
    stranger = await walker.api.signed_up("creator", "Sue Stranger")
    for answer in ("decline", "accept"):  # who has accepted knows the stranger, and is not asked again
        await stranger.post("/conversations/groups", title="Strangers", participantIds=[walker.id])
        (invitation,) = (await walker.make("GET", "/api/invitations"))["invitations"]
        await walker.make("POST", f"/api/invitations/{{invitationId}}/{answer}", invitation["id"])
    await walker.make("GET", CONVERSATION + "/invitations", group)


async def on_the_socket(walker: Walker, hub: str, other: Caller, third: Caller, project: str) -> Chatter:
    """Do all that there is on the socket, and stay connected."""
    marks, say = walker.marks, walker.say
    chatter = await walker.chatter(hub)
    title = marks.shared("title on the socket", "conversations")
    made = await say(chatter, "conversation:create", participantIds=[other.id], title=title)
    room = {"conversationId": made["conversationId"]}
    await say(chatter, "join:user", userId=walker.id)
    await say(chatter, "join:project", projectId=project)
    await say(chatter, "join:conversation", **room)
    text, id = marks.own("earlier text on the socket"), marks.own("client id on the socket")
    sent = await say(chatter, "message:send", **room, content=text, clientId=id)
    message = {**room, "messageId": sent["id"]}
    await say(
        chatter,
        "message:edit",
        **message,
        content=marks.shared("edited on the socket", "messages", "message_words", "notifications"),
    )
    await say(chatter, "message:react", **message, emoji="🎈")
    await say(chatter, "conversation:typing", **room, isTyping=True)
    await say(chatter, "conversation:read", **message)
    await say(chatter, "conversation:add", **room, userIds=[third.id])
    await say(chatter, "conversation:remove", **room, userId=third.id)
    gone = await say(chatter, "message:send", **room, content=marks.own("deleted on the socket"))
    await say(chatter, "message:delete", **room, messageId=gone["id"])
    await say(chatter, "sync")
    await say(chatter, "leave:conversation", **room)
    renewed = await walker.make("POST", "/api/auth/refresh", refreshToken=walker.caller.refresh_token)
    walker.caller.access_token = renewed["accessToken"]
    await say(chatter, "auth:refresh", token=renewed["accessToken"])
    return chatter
