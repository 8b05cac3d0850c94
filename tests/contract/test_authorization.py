"""The authorization matrix: every call of the story is first tried by everybody who may not make it, and changes nothing.

Who they are: someone without a login, someone of each role who has nothing to do with it, and the other side.
"""

from typing import Any

import pytest

from core.market.market import PUBLIC
from tests.contract.story.matrix import EVERYBODY, ONE_ROLE, OWN, THEIRS
from tests.contract.story.telling import Story
from tests.contract.worlds import WORLDS, Served, World
from tests.flow.api.conftest import Caller
from tests.flow.conftest import Environment


class Probed(Story):
    """A story in which each call is tried by others first."""

    world: World
    strangers: dict[str, Caller]  # by role
    wrong: list[str]
    tried: set[tuple[str, str]]

    async def call(self, caller: Caller, method: str, path: str, *values: str, **options: Any) -> Any:
        kind = self.world.matrix.get((method, path))
        if kind is not None:
            before = await contents(self.env, self.world)
            await self._probe(kind, caller, method, path, *values, **options)
            if await contents(self.env, self.world) != before:
                self.wrong.append(f"{method} {path}: a refused call has changed something")
        return await super().call(caller, method, path, *values, **options)

    async def _probe(self, kind: str, caller: Caller, method: str, path: str, *values: str, **options: Any) -> None:
        (roles,) = (one.who for one in self.world.market.routes if (one.method, one.path) == (method, path))
        others = {"someone": self.api.anyone} | self._refused(kind, roles or frozenset())
        for name, who in others.items():
            reply = await self._try(who, method, path, *values, **options)
            self.tried.add((method, path))
            if reply.status not in ((403, 404) if who.access_token else (401,)):
                self.wrong.append(f"{method} {path} by {name}: {reply.status} {reply.body}")

        if kind == OWN and method == "GET":
            await self._look_for_others(method, path, *values, **options)

    def _refused(self, kind: str, roles: frozenset[str]) -> dict[str, Caller]:
        """Return the strangers that a call is refused to, by their roles."""
        if kind == ONE_ROLE:
            return {role: who for role, who in self.strangers.items() if role not in roles}
        return {OWN: {}, EVERYBODY: {}, THEIRS: self.strangers}[kind]

    async def _look_for_others(self, method: str, path: str, *values: str, **options: Any) -> None:
        """Note what a stranger is told of the people of the story."""
        for who in self.strangers.values():
            reply = await self._try(who, method, path, *values, **options)
            if reply.status != 403 and any(one.id in str(reply.body) for one in (self.ann, self.bob, self.eve)):
                self.wrong.append(f"{method} {path}: a stranger is told of others")

    async def _try(self, who: Caller, method: str, path: str, *values: str, **options: Any) -> Any:
        aside = Story(self.api, self.env, self.ann, self.bob, self.eve)
        await aside.call(who, method, path, *values, **options)
        return aside.answers[method, path][0]


async def contents(env: Environment, world: World) -> dict[str, str]:
    """Return what is in each table, as one hash."""
    names = await env.resources.db.fetch(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', $1)",
        world.market.name,
    )
    return {
        name: await env.resources.db.fetchval(
            f"select md5(coalesce(string_agg(t::text, '' order by t::text), '')) from {name} t"
        )
        for (name,) in names
    }


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_every_call_that_needs_a_login_is_in_the_matrix(world: World) -> None:
    routes = world.market.routes
    assert {(route.method, route.path) for route in routes if route.who is not PUBLIC} == world.matrix.keys()


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_a_call_of_one_role_is_marked_so(world: World) -> None:
    for route in world.market.routes:
        if route.who is not PUBLIC and len(route.who) == 1 and world.matrix[route.method, route.path] == OWN:
            pytest.fail(f"{route.method} {route.path} is not everybody's")


@pytest.mark.usefixtures("generous")
async def test_who_may_not_make_a_call_is_refused_and_changes_nothing(served: Served) -> None:
    world = served.world
    strangers = {
        role: await served.api.signed_up(role, name) for role, name in zip(world.roles, ("Cid", "Dan"), strict=True)
    }
    wrong: list[str] = []
    tried: set[tuple[str, str]] = set()

    def probed(*people: Any) -> Story:
        story = Probed(*people)
        story.world, story.strangers, story.wrong, story.tried = world, strangers, wrong, tried
        return story

    await served.story(probed)
    assert wrong == []
    assert tried == world.matrix.keys()
