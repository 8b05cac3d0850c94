"""One story that makes every call of OnSwift, successfully, and keeps the answers."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from core.clock import now
from core.identity import INSERT_ONE_TIME_TOKEN, RESET
from core.market import Route
from core.notifications import notify_members
from tests.flow.api.conftest import PASSWORD, Api, Caller, Reply
from tests.flow.conftest import House


@dataclass
class Story:
    """The answers by route."""

    api: Api
    answers: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)

    async def make(self, caller: Caller, method: str, path: str, *values: str, **body: Any) -> Any:
        """Make a call; `path` is a route's, its parameters are filled with `values` in order."""
        filled = path
        for value in values:
            start, _, rest = filled.partition("{")
            filled = start + value + rest.partition("}")[2]
        reply = await caller.call(method, filled.removeprefix("/api"), json=body or None)
        self.answers.setdefault((method, path), []).append(reply)
        return reply.body

    def answers_of(self, route: Route) -> list[Reply]:
        return self.answers.get((route.method, route.path), [])


async def tell_story(api: Api, house: House) -> Story:
    """Make every call at least once."""
    story = Story(api)
    ann = await _identity(story, house)
    bob, eve = await api.signed_up("talent", "Bob"), await api.signed_up("talent", "Eve")
    for _ in range(2):
        pair = await story.make(ann, "POST", "/api/conversations", participantId=bob.id)
    await _messages(story, ann, bob, pair["id"])
    await story.make(ann, "GET", "/api/conversations")
    await _groups(story, ann, bob, eve)
    await _notifications(story, house, bob, pair["id"])
    await story.make(bob, "GET", "/api/sync")
    await story.make(api.anyone, "GET", "/api/health")
    await story.make(ann, "POST", "/api/auth/logout")
    return story


async def _identity(story: Story, house: House) -> Caller:
    anyone = story.api.anyone
    email = "ann@example.com"
    await story.make(anyone, "POST", "/api/auth/signup", email=email, password=PASSWORD, name="Ann", userType="creator")
    body = await story.make(anyone, "POST", "/api/auth/login", email=email, password=PASSWORD)
    await story.make(anyone, "POST", "/api/auth/refresh", refreshToken=body["refreshToken"])
    await story.make(anyone, "POST", "/api/auth/forgot-password", email=email)
    digest = hashlib.sha256(b"code").digest()
    expires = now() + timedelta(hours=1)
    await INSERT_ONE_TIME_TOKEN(house.resources.db, digest, UUID(body["user"]["id"]), RESET, expires)
    await story.make(anyone, "POST", "/api/auth/reset-password", token="code", newPassword=PASSWORD)
    ann = story.api.logged_in(await story.api.log_in(email))
    await story.make(ann, "GET", "/api/users/me")
    return ann


async def _messages(story: Story, ann: Caller, bob: Caller, pair: str) -> None:
    path = "/api/conversations/{conversationId}/messages"
    first = await story.make(ann, "POST", path, pair, content="hello", clientId="1")
    await story.make(ann, "POST", path, pair, content="hello", clientId="1")
    await story.make(bob, "POST", path, pair, content="hi", replyTo=first["id"], mentions=[ann.id])
    await story.make(ann, "PUT", path + "/{messageId}", pair, first["id"], content="Hello!")
    await story.make(bob, "PUT", path + "/{messageId}/reactions/{emoji}", pair, first["id"], "👍")
    await story.make(bob, "GET", path, pair)
    await story.make(bob, "DELETE", path + "/{messageId}/reactions/{emoji}", pair, first["id"], "👍")
    await story.make(bob, "PUT", "/api/conversations/{conversationId}/read", pair, messageId=first["id"])
    last = await story.make(ann, "POST", path, pair, content="bye")
    await story.make(ann, "DELETE", path + "/{messageId}", pair, last["id"])
    await story.make(ann, "GET", path, pair)


async def _groups(story: Story, ann: Caller, bob: Caller, eve: Caller) -> None:
    group = await story.make(ann, "POST", "/api/conversations/groups", title="Team", participantIds=[bob.id])
    path = "/api/conversations/{conversationId}"
    await story.make(ann, "POST", path + "/members", group["id"], userIds=[eve.id])
    await story.make(ann, "DELETE", path + "/members/{userId}", group["id"], eve.id)
    await story.make(ann, "GET", path, group["id"])


async def _notifications(story: Story, house: House, bob: Caller, pair: str) -> None:
    await notify_members(house.resources.db, house.publisher, [UUID(pair)])
    page = await story.make(bob, "GET", "/api/notifications")
    await story.make(bob, "PUT", "/api/notifications/{notificationId}/read", page["notifications"][0]["id"])
    await story.make(bob, "PUT", "/api/notifications/read-all")
