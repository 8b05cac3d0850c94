"""OnSwift's document, endpoint by endpoint, against what is served."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

import marketplaces.onswift as onswift
from marketplaces.onswift.routes import ROUTES
from tests.contract.story import tell_story
from tests.flow.api.conftest import Api
from tests.flow.conftest import Environment

CONTRACT: dict[str, Any] = yaml.safe_load((Path(onswift.__file__).parent / "contract.yaml").read_text())
ENDPOINTS: dict[tuple[str, str], dict[str, Any]] = {
    (endpoint["method"], endpoint["path"]): endpoint for endpoint in CONTRACT["endpoints"]
}
# The areas that are there so far; of the others no route may exist yet.
AREAS = {
    "auth",
    "conversations",
    "deliverables",
    "files",
    "notifications",
    "projects",
    "reviews",
    "samples",
    "tasks",
    "users",
}
IMPLEMENTED = [
    endpoint for endpoint in CONTRACT["endpoints"] if endpoint["source"] == "given" and endpoint["area"] in AREAS
]
TYPES = {
    "uuid": lambda value: bool(UUID(value)),
    "string": lambda value: isinstance(value, str),
    "url": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: isinstance(value, int | float),
    "boolean": lambda value: isinstance(value, bool),
    "date": lambda value: bool(date.fromisoformat(value)),
    "timestamp": lambda value: datetime.fromisoformat(value).tzinfo is not None,
}
# What a user, a message or a conversation may not have yet.
NULLABLE = {
    "avatarUrl", "professionalTitle", "bio", "hourlyRate", "availability", "linkedinUrl", "creator.avatarUrl",
    "talent.avatarUrl", "sender.avatarUrl", "teamMembers[].avatarUrl", "teamMembers[].role", "role", "completedAt",
    "assignee.avatarUrl", "lastMessageAt", "submittedBy.avatarUrl", "approvedAt",
}  # fmt: skip

# A send that repeats its `clientId`, which the document does not know.
OURS = {"conversations.messages.send": {200}, "projects.team.remove": {200}}


def found_at(path: str, value: Any) -> list[Any]:
    """Return all values at a path such as `messages[].sender.id`."""
    values = [value]
    for step in path.split("."):
        name = step.removesuffix("[]")
        values = [one[name] for one in values if one is not None]
        if step.endswith("[]"):
            values = [item for one in values for item in one]
    return values


def problems(fields: list[str], bodies: list[Any]) -> Iterator[str]:
    """Yield what is documented and not there, or of another type."""
    for described in fields:
        path, _, kind = described.partition(": ")
        kind = kind.partition(" ")[0]
        try:
            values = [value for body in bodies for value in found_at(path, body)]
        except KeyError as missing:
            yield f"{path}: {missing} is missing"
            continue
        if not values and not path.endswith("s[]"):
            yield f"{path}: the story does not show it"
        leaf = re.sub(r"^\w+\[\]\.", "", path)
        for value in values:
            if value is None and (leaf in NULLABLE or kind == "null"):
                continue
            if kind != "null" and not TYPES[kind](value):
                yield f"{path}: {value!r} is no {kind}"


@pytest.mark.usefixtures("generous")
async def test_every_given_endpoint_answers_with_the_documented_status_and_fields(api: Api, env: Environment) -> None:
    story = await tell_story(api, env)
    wrong = []
    for endpoint in IMPLEMENTED:
        if endpoint["response"] is None:
            continue  # the document names the call and not its answer
        replies = story.answers[endpoint["method"], endpoint["path"]]
        documented = {int(status) for status in re.findall(r"\d+", str(endpoint["response"]["status"]))}
        assert {reply.status for reply in replies} == documented | OURS.get(endpoint["id"], set()), endpoint["id"]
        fields = endpoint["response"].get("fields", [])
        wrong += [f"{endpoint['id']}: {one}" for one in problems(fields, [reply.body for reply in replies])]
        if not fields:
            assert all(reply.body is None for reply in replies if reply.status in documented)
    assert wrong == []


def test_a_route_exists_for_every_given_endpoint_of_the_areas_that_are_there() -> None:
    served = {(route.method, route.path) for route in ROUTES}
    assert len(IMPLEMENTED) == 46
    assert [endpoint["id"] for endpoint in IMPLEMENTED if (endpoint["method"], endpoint["path"]) not in served] == []


def test_what_is_served_beside_the_document_is_listed_as_added() -> None:
    added = {(one["method"], one["path"]) for one in CONTRACT["added"]}
    assert added == {(route.method, route.path) for route in ROUTES} - ENDPOINTS.keys()


def test_every_documented_error_is_declared_by_its_route() -> None:
    routes = {(route.method, route.path): route for route in ROUTES}
    every = {400, 401, 413, 415, 429, 500, 503}  # what any call may answer
    for endpoint in IMPLEMENTED:
        route = routes[endpoint["method"], endpoint["path"]]
        declared = {error.status for error in route.errors} | every | ({403} if route.who else set())
        assert {int(status) for status in endpoint["errors"]} <= declared, endpoint["id"]


def test_routes_are_public_exactly_where_the_document_says_so() -> None:
    for route in ROUTES:
        endpoint = ENDPOINTS.get((route.method, route.path))
        if endpoint and endpoint["id"] != "future.calendar-sync":  # its address is the secret: calendars do not log in
            assert (route.who is None) == (endpoint["auth"] == "public"), endpoint["id"]


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (["user.id: uuid"], {"user": {}}),
        (["user.id: uuid"], {"user": {"id": 1}}),
        (["user.name: string"], {"user": {"name": None}}),
        (["messages[].id: uuid"], {"messages": []}),
        (["hasMore: boolean"], {"hasMore": 1}),
    ],
)
def test_an_answer_that_differs_from_the_document_is_noticed(fields: list[str], body: Any) -> None:
    try:
        found = list(problems(fields, [body]))
    except (ValueError, AttributeError):
        found = ["no uuid"]
    assert found
