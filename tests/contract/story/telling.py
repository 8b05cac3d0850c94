"""Telling a story: calls that are made, successfully, and whose answers are kept."""

from dataclasses import dataclass, field
from typing import Any

from core.market.market import Route
from tests.flow.api.conftest import Api, Caller, Reply
from tests.flow.conftest import Environment


@dataclass
class Story:
    """Who takes part, and the answers by route."""

    api: Api
    env: Environment
    ann: Caller  # a creator
    bob: Caller  # a talent
    eve: Caller  # another talent
    answers: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)

    async def make(self, caller: Caller, method: str, path: str, *values: str, **body: Any) -> Any:
        """Make a call; `path` is a route's, its parameters are filled with `values` in order."""
        return await self.call(caller, method, path, *values, json=body or None)

    async def call(self, caller: Caller, method: str, path: str, *values: str, **options: Any) -> Any:
        """Make a call with what aiohttp's client takes: params, data, json."""
        filled = path
        for value in values:
            start, _, rest = filled.partition("{")
            filled = start + value + rest.partition("}")[2]
        reply = await caller.call(method, filled.removeprefix(caller.prefix), **options)
        self.answers.setdefault((method, path), []).append(reply)
        return reply.body

    def answers_of(self, route: Route) -> list[Reply]:
        return self.answers.get((route.method, route.path), [])
