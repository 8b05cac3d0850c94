"""Entity tags: who has it already gets nothing again."""

import pytest

from core.work.etag import matches
from tests.flow.api.conftest import Api


async def test_what_has_not_changed_is_not_sent_again(api: Api) -> None:
    ann = await api.signed_up()
    first = await ann.get("/users/me")
    tag = first.headers["ETag"]
    again = await ann.call("GET", "/users/me", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, again.body, again.headers["ETag"]) == (304, None, tag)
    other = await ann.call("GET", "/users/me", headers={"If-None-Match": '"other"'})
    assert (other.status, other.body) == (200, first.body)


@pytest.mark.parametrize(
    ("header", "matching"),
    [('"1"', True), ('"2"', False), ('"2", "1"', True), ('W/"1"', True), ("*", True), ("", False), ("1", False)],
)
def test_a_tag_is_found_in_its_header(header: str, matching: bool) -> None:
    assert matches(header, '"1"') == matching
