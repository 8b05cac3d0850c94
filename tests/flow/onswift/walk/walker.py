"""Someone who walks: each call and event that she makes is noted, with the fields that have carried one of her markers."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID

from core.base.people import Person
from core.work.context import User
from tests.flow.api.conftest import Api, Caller, Reply
from tests.flow.conftest import Chatter, Environment
from tests.flow.onswift.uploading import put
from tests.flow.onswift.walk.fields import EVENTS_WALKED, ROUTES_WALKED, texts_of_event, texts_of_route
from tests.flow.onswift.walk.marks import Marks

GOOD = range(200, 300)


@dataclass
class Record:
    """What all walkers have called and said, and which fields carried a marker."""

    routes: set[tuple[str, str]] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    marked: set[str] = field(default_factory=set)


@dataclass
class Walker:
    """One who leaves markers."""

    api: Api
    env: Environment
    marks: Marks
    record: Record
    role: str
    caller: Caller
    headers: dict[str, str] = field(default_factory=dict)
    repeats: int = 0

    @property
    def id(self) -> str:
        return self.caller.id

    async def call(self, method: str, path: str, *values: str, **options: Any) -> Any:
        """Make a call that must work; `path` is a route's, its parameters are filled with `values` in order."""
        route = ROUTES_WALKED[method, path]
        filled = path
        for value in values:
            start, _, rest = filled.partition("{")
            filled = start + quote(value) + rest.partition("}")[2]
        self.record.routes.add((method, path))
        self._note(texts_of_route(route), dict(zip(_parameters(path), values, strict=True)), options)
        reply = await self._send(route.keeps_answer, method, filled.removeprefix("/api"), options)
        assert reply.status in GOOD, (method, path, reply.body)
        return reply.body

    async def make(self, method: str, path: str, *values: str, **body: Any) -> Any:
        """Make a call with a body of JSON."""
        return await self.call(method, path, *values, json=body or None)

    async def say(self, chatter: Chatter, event: str, **payload: Any) -> Any:
        """Say something on the socket that must work."""
        self.record.events.add(event)
        self._note(texts_of_event(EVENTS_WALKED[event]), {}, {"json": payload})
        answer = await chatter.call(event, **payload)
        assert "error" not in answer, (event, answer)
        return answer

    async def upload(self, purpose: str, name: str, mime_type: str, content: bytes) -> Any:
        """Upload a file, and return its announcement's answer."""
        new = {"fileName": name, "fileSize": len(content), "mimeType": mime_type, "uploadType": purpose}
        announced = await self.make("POST", "/api/upload/presigned-url", **new)
        assert (await put(self.caller, announced["uploadUrl"], content, mime_type)).status == 200
        return announced

    async def chatter(self, url: str) -> Chatter:
        """Connect with an official client."""
        user = User(UUID(self.id), "onswift", self.role, "", UUID(int=0), Person(UUID(self.id), ""))  # the token counts
        chatter = Chatter(user, self.caller.access_token, url)
        self.env.stack.push_async_callback(chatter.socket.disconnect)
        return await chatter.connect()

    async def _send(self, is_creation: bool, method: str, path: str, options: dict[str, Any]) -> Reply:
        headers = dict(self.headers)
        if is_creation:
            self.repeats += 1
            headers["Idempotency-Key"] = f"{self.headers['X-Key']}-{self.repeats}"
        return await self.caller.call(method, path, headers=headers, **options)

    def _note(self, taken: set[str], path: dict[str, str], options: dict[str, Any]) -> None:
        given = {**(options.get("params") or {}), **_flat(options.get("json"))}
        for name in taken:
            value = path.get(name.strip("{}"), given.get(name.rpartition(".")[2]))
            if value is not None and self.marks.in_(str(value).lower()):
                self.record.marked.add(name)


def _parameters(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _flat(body: Any) -> dict[str, Any]:
    return body if isinstance(body, dict) else {}
