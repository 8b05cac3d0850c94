"""What the list of conversations and the bell show follows edits, deletions and reading at once, on all devices and hubs."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from core.chat.conversation_updates import publish_to_senders
from core.notifications.notifications import notify_members
from tests.flow.conftest import Chatter, Environment, over_markets

pytestmark = over_markets


@dataclass
class Devices:
    """Ann in the conversation, and two devices of Bob on two hubs: one in it, the other with the list open."""

    env: Environment
    ann: Chatter
    inside: Chatter
    outside: Chatter
    room: UUID

    async def said(self, text: str) -> Any:
        """Have Ann say something, and return what Bob's list is told of it."""
        self.sent = await self.ann.send(self.room, text)
        await notify_members(self.env.resources, self.env.publisher, [self.room])
        return await self.outside.heard.next("conversation:updated")


@pytest.fixture
async def devices(env: Environment, two_hubs: tuple[str, str]) -> Devices:
    here, there = two_hubs
    ann = await (await env.chatter("Ann", here)).connect()
    inside = await (await env.chatter("Bob", here)).connect()
    outside = Chatter(inside.user, inside.token, there)
    env.stack.push_async_callback(outside.socket.disconnect)
    await outside.connect()
    room = await env.group(ann.user, inside.user)
    await ann.join(room)
    await inside.join(room)
    return Devices(env, ann, inside, outside, room)


async def test_an_edit_of_the_last_message_is_in_the_list_of_who_has_not_joined(devices: Devices) -> None:
    assert (await devices.said("helo"))["preview"] == "helo"
    edit = {"conversationId": str(devices.room), "messageId": devices.sent["id"]}
    await devices.ann.call("message:edit", **edit, content="hello")
    told = await devices.outside.heard.next("conversation:updated")
    assert (told["preview"], told["unreadCount"], told["lastMessageId"]) == ("hello", 1, devices.sent["id"])
    assert (await devices.outside.heard.next("notification:changed"))["conversationId"] == str(devices.room)


async def test_a_deletion_lowers_the_unread_count_of_members_who_have_not_joined(devices: Devices) -> None:
    await devices.said("one")
    one = devices.sent["id"]
    assert (await devices.said("two"))["unreadCount"] == 2
    for id, preview, unread in ((one, "two", 1), (devices.sent["id"], "Message deleted", 0)):
        await devices.ann.call("message:delete", conversationId=str(devices.room), messageId=id)
        told = await devices.outside.heard.next("conversation:updated")
        assert (told["preview"], told["unreadCount"]) == (preview, unread)
    assert devices.inside.heard.all("conversation:updated") == [], "who has joined hears the deletions themselves"


async def test_reading_on_one_device_clears_the_badge_on_the_others(devices: Devices) -> None:
    assert (await devices.said("hello"))["unreadCount"] == 1
    await devices.inside.call("conversation:read", conversationId=str(devices.room), messageId=devices.sent["id"])
    assert (await devices.outside.heard.next("conversation:updated"))["unreadCount"] == 0
    changed = await devices.outside.heard.next("notification:changed")
    assert changed == {"notificationId": None, "conversationId": str(devices.room)}


async def test_an_answer_from_one_device_clears_the_badge_on_the_others(devices: Devices) -> None:
    assert (await devices.said("hello"))["unreadCount"] == 1
    await devices.inside.send(devices.room, "hi")
    await publish_to_senders(devices.env.resources, devices.env.publisher, [devices.room])
    told = await devices.outside.heard.next("conversation:updated")
    assert (told["unreadCount"], told["preview"]) == (0, "hi")
