"""Error answers and lines of the log repeat nothing that a client has written: what it sent may be a secret, or somebody's."""

import io
import logging
import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from api.calls.signature import signature_of
from config.settings import Settings
from core.market.market import Route
from marketplaces import onswift
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import without_limits
from tests.flow.onswift.test_forms import part

MARK = "zxq-marker-zxq"
ID = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return without_limits(settings)


def bodies(route: Route) -> Iterator[dict[str, Any]]:
    """Yield bodies that are wrong in one field, in all, and in ones that there are not."""
    body = signature_of(route).body
    (struct,) = {*(get_args(body) or (body,))} - {type(None)} or (None,)
    names = [field.encode_name for field in msgspec.structs.fields(struct)] if isinstance(struct, type) else []
    yield {MARK: MARK}
    yield dict.fromkeys(names, MARK)
    yield from ({name: MARK} for name in names)
    yield from ({name: [MARK]} for name in names)
    yield from ({name: [{"type": MARK, "name": MARK}]} for name in names)


@pytest.mark.parametrize("user_type", ["creator", "talent"])
async def test_no_error_and_no_line_of_the_log_repeats_what_was_sent(
    api: Api, user_type: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "api")
    ann = await api.signed_up(user_type)
    ann.prefix = ""
    for route in sorted(onswift.MARKETPLACE.routes, key=lambda route: route.ends_login):
        query = {
            field.encode_name: MARK for field in msgspec.structs.fields(signature_of(route).query or msgspec.Struct)
        }
        for path, asked in ((ID, query), (MARK, {}), (f"%0A{MARK}", {MARK: MARK})):
            for body in bodies(route) if path == ID else ({},):
                url = re.sub(r"{\w+}", path, route.path)
                reply = await ann.call(route.method, url, json=body, params=asked)
                assert reply.status < 400 or MARK not in str(reply.body), (route.method, url, body, reply)
    assert MARK not in "\n".join(record.getMessage() for record in caplog.records)


async def test_a_form_that_is_refused_is_not_repeated(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "api")
    ann = await api.signed_up()
    for one in (
        part(MARK, b"x"), part("avatar", MARK.encode(), f'; filename="{MARK}.png"', "Content-Type: image/png"),
        part("avatar", b"", f'; filename="{MARK}.png"', "Content-Type: image/png"), part("avatar", b"", "", f"{MARK} {MARK}"),
        part("avatar", bytes(5 * 1024 * 1024 + 1), f'; filename="{MARK}.png"', "Content-Type: image/png"),
    ):  # fmt: skip
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        reply = await ann.call("POST", "/users/me/avatar", data=io.BytesIO(one + b"--b--\r\n"), headers=headers)
        if reply.status >= 400:
            assert MARK not in str(reply.body), reply
    assert MARK not in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("GET", "/api/files/blob/{long}", "GET /api/files/blob/{{token}} 403"),
        ("HEAD", "/api/files/blob/{long}", "HEAD /api/files/blob/* 405"),
        ("PUT", "/api/upload/blob/{long}", "PUT /api/upload/blob/{{token}} 403"),
        ("GET", f"/api/files/{ID}/anns-letter.pdf", f"GET /api/files/{ID}/{{{{fileName}}}} 404"),
        ("GET", f"/api/projects/{ID}", f"GET /api/projects/{ID} 401"), ("GET", "/a/%0Ab/c%20d", "GET /* 404"),
        ("GET", "/x=1;y", "GET /* 404"),
    ],
)  # fmt: skip
async def test_a_line_of_the_log_names_ids_and_nothing_that_opens_something(
    api: Api, caplog: pytest.LogCaptureFixture, method: str, path: str, line: str
) -> None:
    caplog.set_level(logging.INFO, "api.access")
    await Caller(api.client, "").call(method, path.format(long=MARK * 10))
    (said,) = [record.getMessage() for record in caplog.records if record.name == "api.access"]
    assert said.startswith(line.format() + " "), said


async def test_an_encoded_file_is_refused_without_its_link_in_the_log(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "api.access")
    headers = {"Content-Encoding": "gzip"}
    await Caller(api.client, "").call("PUT", f"/api/upload/blob/{MARK}", data=b"x", headers=headers)
    assert "PUT /api/upload/blob/{token} 415" in caplog.text
    assert MARK not in caplog.text
