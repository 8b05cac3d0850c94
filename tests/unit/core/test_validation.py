"""What is wrong with what a client sends, for people: all of it at once, in words, without types and patterns."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET, Meta, UnsetType

from core.base.errors import AppError
from core.text.fields import Line, MentionIds, Name, NewPassword, Prose, Role, Text, WebUrl, view_of
from core.text.validation import EventShape, Shape, converted
from core.work.policy import PasswordRules, Policy


class Inner(msgspec.Struct, frozen=True, rename="camel"):
    label: Name
    is_on: bool = False


class Body(msgspec.Struct, frozen=True, rename="camel"):
    name: Name
    about: Prose
    due_date: date
    status: Literal["open", "done"] = "open"
    rate: Annotated[float, Meta(ge=5, le=500)] | None = None
    link: WebUrl | None = None
    links: Annotated[list[WebUrl], Meta(max_length=2)] = []
    owner_id: UUID | None = None
    title: Line | None = None
    note: Text | None = None
    inner: Annotated[list[Inner], Meta(max_length=2)] = []


class Change(msgspec.Struct, frozen=True, rename="camel"):
    name: Name | UnsetType = UNSET
    due_date: date | UnsetType = UNSET
    title: Line | UnsetType | None = UNSET


class Query(msgspec.Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    status: Literal["open", "done"] | None = None
    skills: Annotated[list[Text], Meta(max_length=10)] = []
    q: Text = ""


class Event(msgspec.Struct, frozen=True, rename="camel"):
    title: Name
    mentions: MentionIds = []


RIGHT: dict[str, object] = {"name": "Ann", "about": "x", "dueDate": "2026-12-01"}


def problems(shape: Shape[Any], body: object) -> dict[str, str]:
    with pytest.raises(AppError) as raised:
        shape.decode(msgspec.json.encode(body))
    return {detail.field: detail.message for detail in raised.value.details}


def test_every_wrong_field_is_named_in_words() -> None:
    wrong = {
        "name": "\u200b\n",
        "dueDate": "tomorrow",
        "status": "shut",
        "rate": 2,
        "link": "nowhere",
        "links": ["https://example.com", "nowhere"],
        "ownerId": "me",
        "title": "a\nb",
        "note": "\0",
        "inner": [{"label": " "}, {"isOn": "yes", "label": "x"}],
    }
    assert problems(Shape(Body), wrong) == {
        "name": "Required",
        "about": "Required",
        "dueDate": "Must be a date, as 2026-12-31",
        "status": "Must be one of: done, open",
        "rate": "Must be a number from 5 to 500",
        "link": "Must be a web address, as https://example.com",
        "links": "Must be a web address, as https://example.com",
        "ownerId": "Must be an id",
        "title": "Must be a single line",
        "note": "Must not contain the character U+0000",
        "inner.label": "Required",
        "inner.isOn": "Must be true or false",
    }


@pytest.mark.parametrize("field", ["name", "about", "dueDate"])
@pytest.mark.parametrize("nothing", ["", None])
def test_nothing_in_a_field_that_is_needed_is_said_so(field: str, nothing: object) -> None:
    assert problems(Shape(Body), RIGHT | {field: nothing}) == {field: "Required"}


def test_an_empty_text_of_a_form_is_nothing_in_what_is_optional() -> None:
    empty = dict.fromkeys(("status", "rate", "link", "links", "ownerId", "title", "note"), "")
    body = Shape[Body](Body).decode(msgspec.json.encode(RIGHT | empty))
    assert body == Body("Ann", "x", date(2026, 12, 1))


@pytest.mark.parametrize("empty", ["", "  ", "\u3164"])
def test_what_may_be_cleared_is_cleared_by_an_empty_text(empty: str) -> None:
    assert Shape[Change](Change).decode(msgspec.json.encode({"title": empty})).title is None


def test_what_may_not_be_empty_cannot_be_emptied_by_a_change() -> None:
    assert problems(Shape(Change), {"name": "", "dueDate": ""}) == {"name": "Required", "dueDate": "Required"}


def test_unknown_fields_are_ignored() -> None:
    assert Shape[Body](Body).decode(msgspec.json.encode(RIGHT | {"colour": 5})).name == "Ann"


def test_names_are_tidied_wherever_they_stand() -> None:
    body = Shape[Body](Body).decode(
        msgspec.json.encode(RIGHT | {"name": " A\u202en\u200bn ", "inner": [{"label": " x"}]})
    )
    assert (body.name, body.inner[0].label) == ("Ann", "x")


def test_a_query_takes_texts_and_ignores_what_is_empty_or_unknown() -> None:
    query = Shape[Query](Query).convert({"limit": "5", "status": "", "skills": ["", "Figma"], "q": "", "utm": "x"})
    assert query == Query(5, None, ["Figma"])
    assert Shape[Query](Query).convert({"limit": ""}) == Query()


def test_all_wrong_values_of_a_query_are_named() -> None:
    with pytest.raises(AppError) as raised:
        Shape[Query](Query).convert({"limit": "0", "status": "shut"})
    assert {one.field: one.message for one in raised.value.details} == {
        "limit": "Must be a whole number from 1 to 100",
        "status": "Must be one of: done, open",
    }


@pytest.mark.parametrize("raw", [b"", b"{", b'{"name": "\xff"}', b"[" * 5000, b'{"name": ' + b"[" * 5000])
def test_what_is_no_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(AppError) as raised:
        Shape[Body](Body).decode(raw)
    assert raised.value.kind.code == "MALFORMED_REQUEST"


@pytest.mark.parametrize("field", ["name", "about", "note", "link"])
def test_what_is_no_text_at_all_is_said_so(field: str) -> None:
    assert problems(Shape(Body), RIGHT | {field: 5}) == {field: "Must be a text"}
    assert problems(Shape(Body), RIGHT | {"links": [5]}) == {"links": "Must be a text"}


@pytest.mark.parametrize("link", ["Https://Example.com/A", "HTTP://EXAMPLE.COM", " https://example.com/a?b#c  "])
def test_a_web_address_may_begin_in_capitals_and_stand_between_blanks(link: str) -> None:
    body = Shape[Body](Body).decode(msgspec.json.encode(RIGHT | {"link": link, "links": [link]}))
    assert (body.link, body.links) == (link.strip(), [link.strip()])


def test_the_null_of_a_body_that_need_not_be_there_is_none() -> None:
    assert Shape[Body | None](Body | None).decode(b"null") is None
    assert Shape[Body | None](Body | None).decode(msgspec.json.encode(RIGHT)) == Body("Ann", "x", date(2026, 12, 1))


@pytest.mark.parametrize("raw", [b"[]", b"5", b'"x"'])
def test_what_is_no_object_is_said_so(raw: bytes) -> None:
    with pytest.raises(AppError) as raised:
        Shape[Body](Body).decode(raw)
    assert [one.field for one in raised.value.details] == ["body"]


def test_a_long_list_of_wrong_entries_is_one_problem() -> None:
    with pytest.raises(AppError) as raised:
        EventShape[Event](Event).decode(msgspec.json.encode(["e", {"title": "x", "mentions": ["?"] * 50}]))
    assert [(one.field, one.message) for one in raised.value.details] == [("mentions", "Must be an id")]


@pytest.mark.parametrize("args", [b'["e"]', b'["e", null]', b'["e", {}]', b'["e", null, null]'])
def test_an_event_without_a_body_is_read_as_an_empty_one(args: bytes) -> None:
    with pytest.raises(AppError) as raised:
        EventShape[Event](Event).decode(args)
    assert [(one.field, one.message) for one in raised.value.details] == [("title", "Required")]


def test_an_event_with_more_than_a_body_is_refused_unless_that_is_nothing() -> None:
    assert EventShape[Event](Event).decode(b'["e", {"title": " x "}, null]').title == "x"
    for more, count in ((b"5", 2), (b"{}", 2), (b'null, ""', 3)):
        with pytest.raises(AppError) as raised:
            EventShape[Event](Event).decode(b'["e", {"title": "x"}, %b]' % more)
        assert raised.value.kind.code == "VALIDATION_ERROR"
        (detail,) = raised.value.details
        assert (detail.field, detail.message.endswith(f": {count} came")) == ("arguments", True)


def test_a_wrong_part_of_a_path_is_said_in_words() -> None:
    with pytest.raises(AppError) as raised:
        converted(UUID, "5", "projectId")
    assert [(one.field, one.message) for one in raised.value.details] == [("projectId", "Must be an id")]


def test_a_view_has_the_fields_that_its_row_has_and_its_own() -> None:
    class Row(msgspec.Struct, frozen=True):
        id: int
        secret: str

        @property
        def title(self) -> str:
            return f"No. {self.id}"

    class Shown(msgspec.Struct, frozen=True):
        id: int
        title: str
        mine: bool

    assert view_of(Shown, Row(7, "x"), mine=True) == Shown(7, "No. 7", mine=True)


def test_a_field_that_is_left_to_its_marketplace_is_checked_by_that_one_with_all_else() -> None:
    class SignUp(msgspec.Struct):
        email: Name
        password: NewPassword
        role: Role

    policy = Policy(name="m", title="M", roles=frozenset({"host"}), passwords=PasswordRules(min_length=12))
    wrong = {"email": "", "password": "Short-1", "role": "guest"}
    found = problems(Shape(SignUp, policy.checks), wrong)
    assert found == {"email": "Required", "password": "Must have 12 to 128 characters", "role": "Must be one of: host"}
