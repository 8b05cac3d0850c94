"""A dialect at work: names, ids, pages and errors, in both directions, and what stays as it is."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from core.base.errors import UNAUTHORIZED, VALIDATION_ERROR, Detail
from core.base.ids import BigintIds
from core.base.paging import PageQuery, Pagination
from core.market.dialect import DEFAULT, Dialect, Pages
from core.market.error_forms import ENVELOPE, FLAT, PLAIN, ErrorForm
from core.market.translation import ErrorWriter, Translation, on_bytes

ONE, TWO = (BigintIds("souk").uuid(number) for number in (1, 2))


class Inner(msgspec.Struct, rename="camel"):
    user_id: UUID
    replies: "list[Inner]" = []


class Outer(msgspec.Struct, rename="camel"):
    """All kinds of places in which names and ids are."""

    owner_id: UUID | None
    first_inner: Inner | None
    more_ids: list[UUID]
    by_user: dict[UUID, Inner]
    free_data: dict[str, Any]
    raw_data: msgspec.Raw
    some_text: str


SNAKE = Dialect(snake_case=True, bigint_ids=True)
OURS = {
    "ownerId": str(ONE),
    "firstInner": {"userId": str(TWO), "replies": [{"userId": str(ONE), "replies": []}]},
    "moreIds": [str(ONE), str(TWO)],
    "byUser": {str(ONE): {"userId": str(ONE), "replies": []}},
    "freeData": {"camelCase": str(ONE)},
    "rawData": {"camelCase": 1},
    "someText": str(ONE),
}
THEIRS = {
    "owner_id": "1",
    "first_inner": {"user_id": "2", "replies": [{"user_id": "1", "replies": []}]},
    "more_ids": ["1", "2"],
    "by_user": {"1": {"user_id": "1", "replies": []}},
    "free_data": {"camelCase": str(ONE)},
    "raw_data": {"camelCase": 1},
    "some_text": str(ONE),
}


def turned(dialect: Dialect, kind: object, value: object, *, incoming: bool) -> object:
    turn = Translation(dialect, "souk", incoming=incoming).of(kind)
    assert turn
    return turn(value)


def test_names_and_ids_are_translated_wherever_they_are_and_data_stays() -> None:
    assert turned(SNAKE, Outer, OURS, incoming=False) == THEIRS
    assert turned(SNAKE, Outer, THEIRS, incoming=True) == OURS


class Spelled(msgspec.Struct, rename="camel"):
    is_a_member: bool = False
    x_y_z: int = 0


def test_names_come_back_as_they_are_in_python_also_with_words_of_one_letter() -> None:
    assert turned(SNAKE, Spelled, msgspec.to_builtins(Spelled()), incoming=False) == msgspec.structs.asdict(Spelled())
    assert turned(SNAKE, Spelled, {"x_y_z": 1}, incoming=True) == {"xYZ": 1}


def test_only_names_of_fields_are_reworded() -> None:
    assert SNAKE.worded("`GET` of `nextCursor`, `nextA.isAB`") == "`GET` of `next_cursor`, `next_a.is_a_b`"


def test_core_s_own_names_are_unknown_to_clients_of_others() -> None:
    assert turned(SNAKE, Outer, {"ownerId": "1", "owner_id": "2"}, incoming=True) == {"ownerId": str(TWO)}


@pytest.mark.parametrize("value", [None, 1, "x", [1], {"owner_id": 3, "first_inner": [], "more_ids": {"a": 1}}])
def test_invalid_input_is_passed_on_to_its_validation(value: object) -> None:
    turned(SNAKE, Outer, value, incoming=True)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 10_000])
def test_what_is_no_json_stays_as_it_is(raw: bytes) -> None:
    turn = Translation(SNAKE, "souk", incoming=True).of(Outer)
    assert turn
    assert on_bytes(turn, raw) == raw


def test_the_default_has_nothing_to_translate() -> None:
    assert Translation(DEFAULT, "souk", incoming=False).of(Outer) is None
    assert not DEFAULT.translates


class Page(msgspec.Struct, rename="camel"):
    found_things: list[Inner]
    unread_count: int
    pagination: Pagination


def test_pages_have_the_names_that_a_dialect_gives_them() -> None:
    dialect = Dialect(pages=Pages("data", "meta", {"limit": "perPage", "total": "count"}))
    page = msgspec.to_builtins(Page([], 3, Pagination(1, 20, 0, 0, has_next=False, has_prev=False)))
    meta = {"page": 1, "perPage": 20, "count": 0, "totalPages": 0, "hasNext": False, "hasPrev": False}
    assert turned(dialect, Page, page, incoming=False) == {"data": [], "unreadCount": 3, "meta": meta}
    assert turned(dialect, PageQuery, {"page": "2", "perPage": "5"}, incoming=True) == {"page": "2", "limit": "5"}


ERROR = VALIDATION_ERROR.error(details=[Detail("firstInner.userId", "Not beside `moreIds`")])


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (ENVELOPE, {"error": {"code": "V1", "message": "Validation failed", "details": None}}),
        (PLAIN, {"code": "V1", "message": "Validation failed", "details": None}),
        (FLAT, {"code": "V1", "message": "Validation failed", "details": None, "timestamp": None, "request_id": "r-1"}),
    ],
    ids=["envelope", "plain", "flat"],
)
def test_errors_have_the_form_the_codes_and_the_statuses_of_a_dialect(form: ErrorForm, body: dict[str, Any]) -> None:
    own = ErrorForm(form.kind, form.make, {"VALIDATION_ERROR": "V1"}, {"VALIDATION_ERROR": 422})
    status, raw = ErrorWriter(Dialect(errors=own, snake_case=True), "souk").write(ERROR, "r-1")
    told = msgspec.json.decode(raw)
    inner = told.get("error", told)
    assert status == 422
    assert inner["details"] == [{"field": "first_inner.user_id", "message": "Not beside `more_ids`"}]
    inner["details"] = None
    if "timestamp" in inner:
        assert inner["timestamp"].endswith("Z")
        inner["timestamp"] = None
    assert told == body


def test_an_error_without_a_code_of_its_own_keeps_core_s() -> None:
    status, raw = ErrorWriter(Dialect(errors=FLAT), "souk").write(UNAUTHORIZED.error(), "r-1")
    assert (status, msgspec.json.decode(raw)["code"]) == (401, "UNAUTHORIZED")
    assert "details" not in msgspec.json.decode(raw)
