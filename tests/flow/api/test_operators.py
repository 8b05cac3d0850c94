"""Who is an operator, and what becomes of a hub that is told something."""

from dataclasses import replace

import pytest
from aiohttp import ClientSession

from api.app import build_app
from cli.serve.listening import listening, runner_of
from core.clock import now
from realtime import hubs as asking
from realtime.hubs import open_hubs
from realtime.pulse import SILENT
from tests.flow.api.conftest import SECRET, Caller, audited, id_of, with_operators
from tests.flow.conftest import House


async def test_an_operator_comes_in_however_many_guess_from_her_address(operator: Caller) -> None:
    guesser = Caller(operator.client, "/ops", access_token="a-guess")
    assert {(await guesser.get("/me")).status for _ in range(12)} == {401, 429}
    for _ in range(3):
        assert (await operator.get("/me")).body == {"name": "olga"}
        assert (await guesser.get("/me")).status == 429


async def test_who_is_no_operator_is_told_how_to_show_that_one_is(operator: Caller) -> None:
    reply = await Caller(operator.client, "/ops").get("/me")
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_query_that_is_far_too_long_gets_an_error_like_all_others(house: House) -> None:
    settings = with_operators(house.settings)
    resources = replace(house.resources, settings=settings)
    async with (
        open_hubs(settings, house.resources) as hubs,
        runner_of(build_app(settings, resources, house.publisher, hubs)) as runner,
        listening(settings, runner) as port,
        ClientSession(headers={"Authorization": f"Bearer {SECRET}"}) as client,
        client.get(f"http://127.0.0.1:{port}/ops/search?q={'x' * 20_000}") as response,
    ):
        assert response.status == 431
        assert (await response.json())["error"]["code"] == "HEADERS_TOO_LARGE"


async def test_a_silent_hub_is_not_told_to_drain_and_nothing_is_said_to_have_happened(
    operator: Caller, house: House, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.hubs[0]._pulse._beating.stop()
    monkeypatch.setattr("realtime.pulse.now", lambda: now() + SILENT)
    for action in ("drain", "undrain"):
        reply = await operator.post(f"/hubs/{id_of(house, 0)}/{action}")
        assert (reply.status, reply.code) == (409, "HUB_SILENT")
    assert not house.hubs[0]._drain.is_on
    assert await audited(house) == []


async def test_of_a_hub_that_did_not_answer_the_audit_log_says_so(
    operator: Caller, house: House, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "GATHER_SECONDS", 0.2)
    monkeypatch.setattr(house.hubs[0]._bus, "publish_everywhere", lambda *_args: None)
    assert (await operator.post(f"/hubs/{id_of(house, 0)}/drain")).code == "UNAVAILABLE"
    facts = {"operator": "olga", "hub": id_of(house, 0), "answered": False}
    assert await audited(house) == [("hub.drain", None, facts)]
