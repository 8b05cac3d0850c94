"""What browsers and proxies may keep: nothing that is personal."""

import re

import pytest

from config.settings import Settings
from core.market.market import PUBLIC
from marketplaces import onswift
from tests.flow.api.conftest import Api, Caller
from tests.flow.conftest import without_limits
from tests.flow.onswift.uploading import get, image, upload

ID = "01890000-0000-7000-8000-000000000000"
REVALIDATED = "private, no-cache"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return without_limits(settings)


@pytest.mark.parametrize("user_type", ["creator", "talent"])
async def test_no_answer_of_a_call_is_kept_but_those_of_public_reads(api: Api, user_type: str) -> None:
    ann = await api.signed_up(user_type)
    ann.prefix = ""
    for route in sorted(onswift.MARKETPLACE.routes, key=lambda route: route.ends_login):
        for caller in (ann, Caller(ann.client, "")):
            reply = await caller.call(route.method, re.sub(r"{\w+}", ID, route.path), json={})
            is_read = (route.method, route.who) == ("GET", PUBLIC) and route.path != "/api/auth/csrf"
            expected = REVALIDATED if is_read and reply.status < 400 else "no-store"
            assert reply.headers["Cache-Control"] == expected, (route.method, route.path, reply)


async def test_what_gives_access_is_kept_by_nobody(api: Api) -> None:
    ann = await api.signed_up()
    for path in ("/auth/csrf", "/calendar/feed", "/users/me/export", "/auth/sessions", "/users/me"):
        reply = await ann.get(path)
        assert (reply.status, reply.headers["Cache-Control"]) == (200, "no-store"), path
    signed_up = await api.anyone.post("/auth/login", email=ann.email, password="Correct-horse-7")
    assert (signed_up.status, signed_up.headers["Cache-Control"]) == (200, "no-store")


async def test_a_client_that_keeps_an_answer_itself_may_ask_whether_it_still_holds(api: Api) -> None:
    ann = await api.signed_up()
    for path, expected in (("/users/me", "no-store"), ("/skills", REVALIDATED)):
        first = await ann.get(path)
        again = await ann.call("GET", path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, again.headers["Cache-Control"]) == (304, expected)


async def test_a_feed_is_kept_by_the_program_that_reads_it_alone(api: Api) -> None:
    ann = await api.signed_up()
    url = (await ann.post("/calendar/feed")).body["url"]
    status, _, headers = await get(ann, url)
    assert (status, headers["Cache-Control"]) == (200, REVALIDATED)


async def test_a_file_that_is_not_there_is_no_answer_to_keep(api: Api) -> None:
    ann = await api.signed_up()
    for url in (f"/api/files/{ID}/a.png", "/api/files/blob/x", (await upload(ann, image()))["fileUrl"]):
        status, _, headers = await get(ann, url)
        assert status >= 400
        assert headers["Cache-Control"] == "no-store"


async def test_pages_and_documents_are_asked_about_each_time(api: Api) -> None:
    for path in ("/", "/onswift/docs", "/onswift/openapi.json", "/onswift/asyncapi.json", "/onswift/docs/start.js"):
        async with api.client.get(path) as answer:
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache"), path
