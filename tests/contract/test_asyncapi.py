"""The AsyncAPI document: well-formed by the rules of AsyncAPI 3.0, whole, and true of what goes over a socket."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.documents.asyncapi import document, server_events
from core.base import events
from core.chat.invitations import accept
from core.notifications.notifications import notify_members
from marketplaces.onswift import MARKETPLACE
from marketplaces.onswift.events import JoinProject
from marketplaces.onswift.handlers.projects import create_project
from marketplaces.onswift.structs.projects import NewProject
from realtime import wire
from tests import bazaar
from tests.contract.json_schema import problems
from tests.contract.test_openapi import references
from tests.flow.conftest import Chatter, Environment

DOCUMENT: dict[str, Any] = document(MARKETPLACE)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
PAGE = (Path(__file__).parents[2] / "docs/events.md").read_text()
# What each kind of object must have (the others may).
REQUIRED = {"servers": {"host", "protocol"}, "channels": {"address", "messages"}, "operations": {"action", "channel"}}


def resolved(pointer: str) -> Any:
    """Return what a `$ref` points at."""
    part = DOCUMENT
    for step in pointer.removeprefix("#/").split("/"):
        part = part[step]
    return part


def replies(operation: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the channels that an operation uses, each with its messages there."""
    yield operation["channel"], operation["messages"]
    if "reply" in operation:
        yield operation["reply"]["channel"], operation["reply"]["messages"]


def test_the_document_says_what_it_is_and_its_objects_have_what_they_need() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for section, needed in REQUIRED.items():
        for name, one in DOCUMENT[section].items():
            assert needed <= one.keys(), f"{section}.{name}"
    for section in DOCUMENT["components"].values():
        assert all(re.fullmatch(r"[\w.-]+", key) for key in section)


def test_every_reference_leads_somewhere() -> None:
    for pointer in references(DOCUMENT):
        assert resolved(pointer) is not None, pointer


def test_variables_of_a_server_are_those_in_its_address() -> None:
    for server in DOCUMENT["servers"].values():
        assert set(re.findall(r"{(\w+)}", server["host"] + server["pathname"])) == set(server["variables"])


def test_operations_use_messages_of_their_channel_only_and_clients_alone_are_answered() -> None:
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert ("reply" in operation) == (operation["action"] == "receive")
        for channel, messages in replies(operation):
            assert re.fullmatch(r"#/channels/\w+", channel["$ref"])
            assert messages
            for message in messages:
                assert message["$ref"].rpartition("/messages/")[0] == channel["$ref"]


def names(action: str) -> set[str]:
    """Return the events of a direction."""
    return {
        resolved(resolved(operation["messages"][0]["$ref"])["$ref"])["name"]
        for operation in DOCUMENT["operations"].values()
        if operation["action"] == action
    }


def test_the_document_of_another_marketplace_has_its_names_namespaces_and_shapes() -> None:
    described: Any = document(bazaar.MARKETPLACE)
    channels, messages = described["channels"], described["components"]["messages"]
    assert {one["address"] for one in channels.values()} == {"/chat", "/presence", None}
    presence = {messages[key]["name"] for key in channels["presence"]["messages"]}
    assert presence == {"presence:online", "presence:offline", "join:user"}
    chat = {messages[key]["name"] for key in channels["socket"]["messages"]}
    assert {"message:new", "typing:start", "typing:stop", "offset"} < chat
    assert not chat & {"message:received", "conversation:typing"}
    assert messages["TypingStart"]["payload"]["properties"].keys() == {"conversation_id"}
    assert messages["MessageReceived"]["payload"] == {"$ref": "#/components/schemas/Message"}
    assert {"event", "code", "request_id"} < messages["Refused"]["payload"]["properties"].keys()
    assert described["components"]["schemas"]["Message"]["properties"].keys() >= {"sent_at", "reply_to"}
    for pointer in references(described):
        section, key = pointer.removeprefix("#/components/").split("/", 1) if "components" in pointer else ("", "")
        assert not section or key in described["components"][section], pointer


def test_every_event_of_the_types_is_in_the_document() -> None:
    assert names("receive") == {kind.name for kind in wire.ClientEvent.__subclasses__()}
    known = {
        kind.name
        for module in (events, wire)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, events.Event) and hasattr(kind, "name")
    }
    assert known < names("send")
    assert names("send") == {kind.name for kind in server_events(MARKETPLACE)} | {"offset"}


def test_every_event_of_the_page_of_events_is_in_the_document_in_its_direction() -> None:
    from_client, from_server = PAGE.split("## From the client")[1].split("## From the server", 1)
    for part, action in ((from_client, "receive"), (from_server, "send")):
        rows = re.findall(r"^\| ([^|]+?) \|", part, re.MULTILINE)
        told = {name.strip("* ") for row in rows for name in row.split(",")} - {"event"}
        assert told
        assert told <= names(action)


@dataclass
class Line:
    """A client whose every word is held against the document."""

    chatter: Chatter
    said: set[str] = field(default_factory=set)

    async def call(self, kind: type[wire.ClientEvent], **payload: Any) -> Any:
        """Send an event; check what is sent and what comes back."""
        assert list(problems(payload, SCHEMAS[kind.__name__], SCHEMAS)) == [], kind.name
        ack = await self.chatter.call(kind.name, **payload)
        possible = DOCUMENT["operations"][kind.__name__]["reply"]["messages"]
        answer, _ = [resolved(resolved(one["$ref"])["$ref"])["payload"] for one in possible]
        assert list(problems(ack, answer, SCHEMAS)) == [], kind.name
        self.said.add(kind.name)
        return ack


@pytest.fixture
async def lines(env: Environment) -> tuple[Line, Line]:
    url = await env.hub()
    ann, bob = await env.chatter("Ann", url), await env.chatter("Bob", url, "talent")
    return Line(await ann.connect()), Line(await bob.connect())


async def test_every_ack_and_every_event_of_a_talk_is_as_the_document_says(
    lines: tuple[Line, Line], env: Environment
) -> None:
    ann, bob = lines
    bob_id = str(bob.chatter.user.id)
    group = (await ann.call(wire.CreateConversation, participantIds=[bob_id], title="Team"))["conversationId"]
    at = {"conversationId": group}
    invited = await bob.chatter.heard.next("invitation:received")
    await accept(env.ctx(bob.chatter.user), UUID(invited["invitation"]["id"]))
    await ann.chatter.heard.next("invitation:answered")
    await ann.call(wire.RefreshAuth, token=ann.chatter.token)
    await ann.call(wire.JoinUser, userId=str(ann.chatter.user.id))
    for one in lines:
        await one.call(wire.JoinConversation, **at, limit=10)
    sent = await ann.call(wire.SendMessage, **at, content="hello", clientId="1", mentions=[bob_id])
    message = at | {"messageId": sent["id"]}
    await ann.call(wire.EditMessage, **message, content="Hello", mentions=[bob_id])
    await bob.call(wire.ReactToMessage, **message, emoji="🎉")
    await bob.call(wire.Typing, **at, isTyping=True)
    await bob.call(wire.MarkRead, **message)
    await ann.chatter.heard.next("conversation:read")
    await bob.call(wire.LeaveConversation, **at)
    await ann.call(wire.SendMessage, **at, content="bye")
    await notify_members(env.resources, env.publisher, [UUID(group)])
    await bob.chatter.heard.next("conversation:updated")
    await ann.call(wire.DeleteMessage, **message)
    await bob.call(wire.Sync)
    await ann.call(wire.RemoveMember, **at, userId=bob_id)
    assert (await ann.call(wire.AddMembers, **at, userIds=[bob_id])) == {"added": [], "invited": []}
    new = NewProject("Film", "A short one", date.max)
    project = await create_project(env.ctx(ann.chatter.user), new)
    await ann.call(JoinProject, projectId=str(project.id))
    await bob.chatter.socket.emit("no:such", {})
    await bob.chatter.heard.next("error")
    assert ann.said | bob.said == names("receive")
    check_heard(ann, bob)


def check_heard(*lines: Line) -> None:
    """Hold all that clients were told against the document."""
    payloads = {resolved(f"#/components/messages/{key}")["name"]: key for key in DOCUMENT["operations"]}
    heard = [event for line in lines for event in line.chatter.heard.events]
    for name, told in heard:
        payload = DOCUMENT["components"]["messages"][payloads[name]]["payload"]
        assert list(problems(told, payload, SCHEMAS)) == [], name
    assert len({name for name, _ in heard}) >= 10
