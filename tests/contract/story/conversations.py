"""Conversations, their messages, and being told of them."""

from uuid import UUID

from core.notifications.notifications import notify_members
from tests.contract.story.telling import Story


async def tell(story: Story) -> None:
    """Talk to each other, in pairs and groups."""
    for _ in range(2):
        pair = await story.make(story.ann, "POST", "/api/conversations", participantId=story.bob.id)
    await _messages(story, pair["id"])
    await story.make(story.ann, "GET", "/api/conversations")
    await _groups(story)
    await _notifications(story, pair["id"])
    await story.make(story.bob, "GET", "/api/sync")
    await _safety(story, pair["id"])


async def _safety(story: Story, pair: str) -> None:
    ann, eve = story.ann, story.eve
    said = await story.make(story.bob, "POST", "/api/conversations/{conversationId}/messages", pair, content="Buy!")
    message = "/api/conversations/{conversationId}/messages/{messageId}/report"
    await story.make(ann, "POST", message, pair, said["id"], reason="spam")
    await story.make(ann, "POST", "/api/users/{userId}/report", story.bob.id, reason="other", text="He sells things")
    await story.make(ann, "PUT", "/api/users/me/blocks/{userId}", eve.id)
    await story.make(ann, "GET", "/api/users/me/blocks")
    await story.make(ann, "DELETE", "/api/users/me/blocks/{userId}", eve.id)
    for path, id in (("/api/users/{userId}/mute", eve.id), ("/api/conversations/{conversationId}/mute", pair)):
        await story.make(ann, "PUT", path, id, until="2999-12-31T00:00:00Z")
        await story.make(ann, "GET", "/api/users/me/mutes")
        await story.make(ann, "DELETE", path, id)


async def _messages(story: Story, pair: str) -> None:
    ann, bob = story.ann, story.bob
    path = "/api/conversations/{conversationId}/messages"
    first = await story.make(ann, "POST", path, pair, content="hello", clientId="1")
    await story.make(ann, "POST", path, pair, content="hello", clientId="1")
    await story.make(bob, "POST", path, pair, content="hi", replyTo=first["id"], mentions=[ann.id])
    await story.make(ann, "PUT", path + "/{messageId}", pair, first["id"], content="Hello!", mentions=[bob.id])
    await story.make(bob, "PUT", path + "/{messageId}/reactions/{emoji}", pair, first["id"], "👍")
    await story.call(bob, "GET", "/api/conversations/messages/search", params={"q": "hello"})
    await story.make(bob, "GET", path, pair)
    await story.make(bob, "DELETE", path + "/{messageId}/reactions/{emoji}", pair, first["id"], "👍")
    await story.make(bob, "PUT", "/api/conversations/{conversationId}/read", pair, messageId=first["id"])
    await story.make(ann, "POST", path, pair, content="bye")
    await story.make(ann, "DELETE", path + "/{messageId}", pair, first["id"])
    await story.make(ann, "GET", path, pair)


async def _groups(story: Story) -> None:
    ann, bob, eve = story.ann, story.bob, story.eve
    group = await story.make(ann, "POST", "/api/conversations/groups", title="Team", participantIds=[bob.id])
    path = "/api/conversations/{conversationId}"
    await story.make(ann, "POST", path + "/members", group["id"], userIds=[eve.id])
    await _invitations(story, group["id"])
    await story.make(ann, "DELETE", path + "/members/{userId}", group["id"], eve.id)
    await story.make(ann, "GET", path, group["id"])


async def _invitations(story: Story, group: str) -> None:
    """Eve knows nobody yet: she accepts the one invitation and declines the other."""
    ann, eve = story.ann, story.eve
    await story.make(ann, "GET", "/api/conversations/{conversationId}/invitations", group)
    await story.make(ann, "POST", "/api/conversations/groups", title="Crowd", participantIds=[eve.id])
    page = await story.make(eve, "GET", "/api/invitations")
    other, first = [one["id"] for one in page["invitations"]]
    await story.make(eve, "POST", "/api/invitations/{invitationId}/accept", first)
    await story.make(eve, "POST", "/api/invitations/{invitationId}/decline", other)


async def _notifications(story: Story, pair: str) -> None:
    bob, env = story.bob, story.env
    await notify_members(env.resources, env.publisher, [UUID(pair)])
    page = await story.make(bob, "GET", "/api/notifications")
    await story.make(bob, "PUT", "/api/notifications/{notificationId}/read", page["notifications"][0]["id"])
    await story.make(bob, "PUT", "/api/notifications/read-all")
    await story.make(bob, "GET", "/api/notifications/preferences")
    await story.make(bob, "PUT", "/api/notifications/preferences", preferences=[{"type": "message_received"}])
    device = await story.make(bob, "POST", "/api/notifications/devices", platform="fcm", token="token-1")
    await story.make(bob, "GET", "/api/notifications/devices")
    await story.make(bob, "DELETE", "/api/notifications/devices/{deviceId}", device["id"])
