"""The generated documents: committed as they are generated, well-formed, and true of every answer."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.documents.openapi import document
from api.documents.reference import PAGES
from core.base import errors
from core.base.errors import ErrorCode
from marketplaces.onswift import MARKETPLACE
from tests.contract.json_schema import problems
from tests.contract.worlds import WORLDS, Served, World

DOCUMENT: dict[str, Any] = document(MARKETPLACE, "/onswift")
COMPONENTS: dict[str, Any] = DOCUMENT["components"]["schemas"]
METHODS = {"get", "post", "put", "patch", "delete"}
each_world = pytest.mark.parametrize("world", WORLDS, ids=str)
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_generated_page_is_committed_as_it_is_generated(path: Path) -> None:
    assert path.read_text() == PAGES[path](), "run `make docs`"


@pytest.mark.usefixtures("generous")
async def test_every_answer_is_as_the_document_says(served: Served) -> None:
    story, described_all = await served.story(), served.world.document
    components = described_all["components"]["schemas"]
    for route in served.world.market.routes:
        replies = story.answers_of(route)
        assert replies, f"the story does not call {route.method} {route.path}"
        assert {reply.status for reply in replies} == set(route.statuses), route.path
        for reply in replies:
            response = described_all["paths"][route.path][route.method.lower()]["responses"][str(reply.status)]
            if "content" not in response:
                assert reply.body is None
                continue
            ((media_type, described),) = response["content"].items()
            assert reply.headers["Content-Type"].startswith(media_type)
            schema = described["schema"]
            assert list(problems(reply.body, schema, components)) == [], f"{route.method} {route.path}"


def test_the_check_of_answers_notices_what_differs() -> None:
    message = COMPONENTS["Message"]
    assert list(problems({"id": "no-uuid", "surprise": 1}, message, COMPONENTS))[:1]
    assert "$: id is missing" in list(problems({}, message, COMPONENTS))
    assert list(problems(True, {"type": "integer"}, {})) == ["$: True is no integer"]
    assert list(problems(None, {"anyOf": [{"type": "string"}, {"type": "null"}]}, {})) == []


def references(part: Any) -> Iterator[str]:
    """Yield all `$ref`s."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


@each_world
def test_the_document_is_well_formed(world: World) -> None:
    described = world.document
    paths = {
        path: [one for method, one in methods.items() if method in METHODS]
        for path, methods in described["paths"].items()
    }
    operations = [operation for path in paths.values() for operation in path]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(world.market.routes)
    assert {ref.rpartition("/")[2] for ref in references(described)} <= described["components"]["schemas"].keys()
    for path, calls in paths.items():
        for operation in calls:
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))
            assert operation["summary"]
            assert set(operation["responses"]) & {"200", "201", "204", "302", "303"}


@each_world
def test_calls_that_take_api_keys_say_so_with_the_scope_and_no_others(world: World) -> None:
    described = world.document
    for route in world.market.routes:
        security = described["paths"][route.path][route.method.lower()]["security"]
        keys = [one["apiKey"] for one in security if "apiKey" in one]
        assert keys == ([[route.scope]] if route.scope else []), route.path
        assert {name for one in security for name in one} <= described["components"]["securitySchemes"].keys()
    takes_keys = any(route.scope for route in world.market.routes)
    assert ("apiKey" in described["components"]["securitySchemes"]) == takes_keys


@each_world
def test_a_route_answers_without_a_body_exactly_when_its_handler_returns_nothing(world: World) -> None:
    for route in world.market.routes:
        operation = world.document["paths"][route.path][route.method.lower()]
        for status in route.statuses:
            assert ("content" in operation["responses"][str(status)]) == (status not in (204, 302, 303)), route.path


@each_world
def test_no_two_routes_match_the_same_path_in_the_wrong_order(world: World) -> None:
    shadowed = []
    for place, route in enumerate(world.market.routes):
        pattern = re.compile(re.sub(r"{\w+}", "[^/]+", route.path))
        shadowed += [
            later.path
            for later in world.market.routes[place + 1 :]
            if later.method == route.method and pattern.fullmatch(later.path)
        ]
    assert shadowed == []


def test_every_error_of_the_table_is_raised_somewhere() -> None:
    folders = ("api", "core", "marketplaces", "realtime")
    sources = "".join(
        path.read_text()
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if path != ROOT / "core/base/errors.py"
    )
    names = [name for name, value in vars(errors).items() if isinstance(value, ErrorCode)]
    assert [name for name in names if not re.search(rf"\b{name}\b", sources)] == []
