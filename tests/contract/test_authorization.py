"""The authorization matrix: every call of the story is first tried by everybody who may not make it, and changes nothing.

Who they are: someone without a login, a creator and a talent who have nothing to do with it, and the other side.
"""

from typing import Any

import pytest

from core.market.market import PUBLIC
from marketplaces.onswift.routes import ROUTES
from tests.contract.story import tell_story
from tests.contract.story.telling import Story
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import Environment

CREATOR_ONLY, TALENT_ONLY = "creators only", "talents only"
# What a call gives or changes is the caller's own: everybody may, and nobody sees anything of others by it.
OWN = "everybody's own"
# What a call gives is for everybody who is logged in.
EVERYBODY = "everybody"
# What a call names belongs to others: who has nothing to do with it is refused.
THEIRS = "those who take part"

MATRIX: dict[tuple[str, str], str] = {
    ("POST", "/api/auth/logout"): OWN,
    ("POST", "/api/auth/change-password"): OWN,
    ("POST", "/api/auth/change-email"): OWN,
    ("DELETE", "/api/auth/change-email"): OWN,
    ("GET", "/api/auth/sessions"): OWN,
    ("DELETE", "/api/auth/sessions"): OWN,
    ("DELETE", "/api/auth/sessions/{sessionId}"): THEIRS,
    ("GET", "/api/users/me"): OWN,
    ("PUT", "/api/users/me"): OWN,
    ("DELETE", "/api/users/me"): OWN,
    ("GET", "/api/users/me/export"): OWN,
    ("GET", "/api/users/me/blocks"): OWN,
    ("PUT", "/api/users/me/blocks/{userId}"): EVERYBODY,
    ("DELETE", "/api/users/me/blocks/{userId}"): EVERYBODY,
    ("GET", "/api/users/me/mutes"): OWN,
    ("PUT", "/api/users/{userId}/mute"): EVERYBODY,
    ("DELETE", "/api/users/{userId}/mute"): EVERYBODY,
    ("PUT", "/api/conversations/{conversationId}/mute"): THEIRS,
    ("DELETE", "/api/conversations/{conversationId}/mute"): EVERYBODY,
    ("POST", "/api/users/{userId}/report"): EVERYBODY,
    ("POST", "/api/conversations/{conversationId}/messages/{messageId}/report"): THEIRS,
    ("GET", "/api/users/search"): CREATOR_ONLY,
    ("GET", "/api/users/{userId}"): EVERYBODY,
    ("GET", "/api/projects"): OWN,
    ("POST", "/api/projects"): CREATOR_ONLY,
    ("GET", "/api/projects/{projectId}"): THEIRS,
    ("PUT", "/api/projects/{projectId}"): THEIRS,
    ("DELETE", "/api/projects/{projectId}"): THEIRS,
    ("POST", "/api/projects/{projectId}/team"): THEIRS,
    ("DELETE", "/api/projects/{projectId}/team/me"): THEIRS,
    ("DELETE", "/api/projects/{projectId}/team/{userId}"): THEIRS,
    ("GET", "/api/tasks"): OWN,
    ("GET", "/api/projects/{projectId}/tasks"): THEIRS,
    ("POST", "/api/projects/{projectId}/tasks"): THEIRS,
    ("GET", "/api/projects/{projectId}/tasks/{taskId}"): THEIRS,
    ("PUT", "/api/projects/{projectId}/tasks/{taskId}"): THEIRS,
    ("DELETE", "/api/projects/{projectId}/tasks/{taskId}"): THEIRS,
    ("POST", "/api/projects/{projectId}/conversations"): THEIRS,
    ("GET", "/api/projects/{projectId}/tasks/{taskId}/comments"): THEIRS,
    ("POST", "/api/projects/{projectId}/tasks/{taskId}/comments"): THEIRS,
    ("DELETE", "/api/projects/{projectId}/tasks/{taskId}/comments/{commentId}"): THEIRS,
    ("GET", "/api/analytics/creator"): CREATOR_ONLY,
    ("GET", "/api/analytics/talent"): TALENT_ONLY,
    ("GET", "/api/calendar"): OWN,
    ("GET", "/api/calendar/feed"): OWN,
    ("POST", "/api/calendar/feed"): OWN,
    ("GET", "/api/conversations"): OWN,
    ("POST", "/api/conversations"): OWN,
    ("GET", "/api/conversations/messages/search"): OWN,
    ("POST", "/api/conversations/groups"): OWN,
    ("GET", "/api/conversations/{conversationId}"): THEIRS,
    ("GET", "/api/conversations/{conversationId}/invitations"): THEIRS,
    ("GET", "/api/invitations"): OWN,
    ("POST", "/api/invitations/{invitationId}/accept"): THEIRS,
    ("POST", "/api/invitations/{invitationId}/decline"): THEIRS,
    ("POST", "/api/conversations/{conversationId}/members"): THEIRS,
    ("DELETE", "/api/conversations/{conversationId}/members/{userId}"): THEIRS,
    ("GET", "/api/conversations/{conversationId}/messages"): THEIRS,
    ("POST", "/api/conversations/{conversationId}/messages"): THEIRS,
    ("PUT", "/api/conversations/{conversationId}/messages/{messageId}"): THEIRS,
    ("DELETE", "/api/conversations/{conversationId}/messages/{messageId}"): THEIRS,
    ("PUT", "/api/conversations/{conversationId}/messages/{messageId}/reactions/{emoji}"): THEIRS,
    ("DELETE", "/api/conversations/{conversationId}/messages/{messageId}/reactions/{emoji}"): THEIRS,
    ("PUT", "/api/conversations/{conversationId}/read"): THEIRS,
    ("GET", "/api/deliverables"): OWN,
    ("POST", "/api/deliverables"): THEIRS,
    ("GET", "/api/deliverables/{deliverableId}"): THEIRS,
    ("PUT", "/api/deliverables/{deliverableId}"): THEIRS,
    ("POST", "/api/deliverables/{deliverableId}/resubmit"): THEIRS,
    ("DELETE", "/api/deliverables/{deliverableId}"): THEIRS,
    ("GET", "/api/projects/{projectId}/samples"): THEIRS,
    ("POST", "/api/projects/{projectId}/samples"): THEIRS,
    ("DELETE", "/api/projects/{projectId}/samples/{sampleId}"): THEIRS,
    ("POST", "/api/reviews"): CREATOR_ONLY,
    ("PUT", "/api/reviews/{reviewId}"): THEIRS,
    ("DELETE", "/api/reviews/{reviewId}"): THEIRS,
    ("GET", "/api/notifications"): OWN,
    ("PUT", "/api/notifications/{notificationId}/read"): THEIRS,
    ("PUT", "/api/notifications/read-all"): OWN,
    ("GET", "/api/notifications/preferences"): OWN,
    ("PUT", "/api/notifications/preferences"): OWN,
    ("GET", "/api/notifications/devices"): OWN,
    ("POST", "/api/notifications/devices"): OWN,
    ("DELETE", "/api/notifications/devices/{deviceId}"): THEIRS,
    ("POST", "/api/upload/presigned-url"): OWN,
    ("POST", "/api/files/{fileId}/complete"): THEIRS,
    ("GET", "/api/files/{fileId}/download-url"): THEIRS,
    ("POST", "/api/users/me/avatar"): OWN,
    ("GET", "/api/sync"): OWN,
}


class Probed(Story):
    """A story in which each call is tried by others first."""

    strangers: tuple[Caller, Caller]  # a creator and a talent
    wrong: list[str]
    tried: set[tuple[str, str]]

    async def call(self, caller: Caller, method: str, path: str, *values: str, **options: Any) -> Any:
        kind = MATRIX.get((method, path))
        if kind is not None:
            before = await contents(self.env)
            await self._probe(kind, caller, method, path, *values, **options)
            if await contents(self.env) != before:
                self.wrong.append(f"{method} {path}: a refused call has changed something")
        return await super().call(caller, method, path, *values, **options)

    async def _probe(self, kind: str, caller: Caller, method: str, path: str, *values: str, **options: Any) -> None:
        creator, talent = self.strangers
        refused = {CREATOR_ONLY: [talent], TALENT_ONLY: [creator], OWN: [], EVERYBODY: [], THEIRS: [creator, talent]}[
            kind
        ]
        for who, allowed in ((self.api.anyone, {401}), *((one, {403, 404}) for one in refused)):
            reply = await self._try(who, method, path, *values, **options)
            self.tried.add((method, path))
            if reply.status not in allowed:
                name = "anyone" if not who.access_token else "creator" if who is creator else "talent"
                self.wrong.append(f"{method} {path} by {name}: {reply.status} {reply.body}")

        if kind == OWN and method == "GET":
            await self._look_for_others(method, path, *values, **options)

    async def _look_for_others(self, method: str, path: str, *values: str, **options: Any) -> None:
        """Note what a stranger is told of the people of the story."""
        for who in self.strangers:
            reply = await self._try(who, method, path, *values, **options)
            if reply.status != 403 and any(one.id in str(reply.body) for one in (self.ann, self.bob, self.eve)):
                self.wrong.append(f"{method} {path}: a stranger is told of others")

    async def _try(self, who: Caller, method: str, path: str, *values: str, **options: Any) -> Any:
        aside = Story(self.api, self.env, self.ann, self.bob, self.eve)
        await aside.call(who, method, path, *values, **options)
        return aside.answers[method, path][0]


async def contents(env: Environment) -> dict[str, str]:
    """Return what is in each table, as one hash."""
    names = await env.resources.db.fetch(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'onswift')"
    )
    return {
        name: await env.resources.db.fetchval(
            f"select md5(coalesce(string_agg(t::text, '' order by t::text), '')) from {name} t"
        )
        for (name,) in names
    }


def test_every_call_that_needs_a_login_is_in_the_matrix() -> None:
    assert {(route.method, route.path) for route in ROUTES if route.who is not PUBLIC} == MATRIX.keys()


def test_a_call_of_one_role_is_marked_so() -> None:
    for route in ROUTES:
        if route.who is not PUBLIC and len(route.who) == 1 and MATRIX[route.method, route.path] == OWN:
            pytest.fail(f"{route.method} {route.path} is not everybody's")


@pytest.mark.usefixtures("generous")
async def test_who_may_not_make_a_call_is_refused_and_changes_nothing(
    api: Api, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers = await api.signed_up("creator", "Cid"), await api.signed_up("talent", "Dan")
    wrong: list[str] = []
    tried: set[tuple[str, str]] = set()

    def probed(*people: Any) -> Story:
        story = Probed(*people)
        story.strangers, story.wrong, story.tried = strangers, wrong, tried
        return story

    monkeypatch.setattr("tests.contract.story.Story", probed)
    await tell_story(api, env)
    assert wrong == []
    assert tried == MATRIX.keys()
