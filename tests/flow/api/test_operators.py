"""Who is an operator, and what becomes of a hub that is told something."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession

from api.app import build_app
from cli.serve.listening import listening, runner_of
from core.base.clock import now
from core.base.ids import uuid7
from core.base.publisher import Draft
from core.work import audit
from realtime.operations import admin_client
from realtime.operations.admin_client import open_admin_client
from realtime.operations.process_status import SILENT
from tests.flow.api.conftest import SECRET, Caller, audited, id_of, with_operators
from tests.flow.conftest import Environment


async def test_an_operator_comes_in_however_many_guess_from_her_address(operator: Caller) -> None:
    guesser = Caller(operator.client, "/ops", access_token="a-guess")
    assert {(await guesser.get("/me")).status for _ in range(12)} == {401, 429}
    for _ in range(3):
        assert (await operator.get("/me")).body == {"name": "olga", "queues": ["onswift/report"]}
        assert (await guesser.get("/me")).status == 429


async def test_a_caller_without_an_operator_token_is_asked_for_one(operator: Caller) -> None:
    reply = await Caller(operator.client, "/ops").get("/me")
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_a_query_that_is_far_too_long_gets_an_error_like_all_others(env: Environment) -> None:
    settings = with_operators(env.settings)
    resources = replace(env.resources, settings=settings)
    async with (
        open_admin_client(settings, env.resources) as hubs,
        runner_of(build_app(settings, resources, env.publisher, hubs)) as runner,
        listening(settings, runner, resources.offenders) as port,
        ClientSession(headers={"Authorization": f"Bearer {SECRET}"}) as client,
        client.get(f"http://127.0.0.1:{port}/ops/search?q={'x' * 20_000}") as response,
    ):
        assert response.status == 431
        assert (await response.json())["error"]["code"] == "HEADERS_TOO_LARGE"


async def test_what_an_operator_is_shown_of_people_is_in_the_audit_log_with_her_name(
    operator: Caller, env: Environment
) -> None:
    ann, _ = await env.person("Ann Example")
    conversation = await env.group(ann)
    message = uuid7()
    await env.publisher.append(Draft(message, conversation, ann.person, "Hi"))
    omar = Caller(operator.client, "/ops", access_token=SECRET[::-1])
    for caller in (operator, omar):
        assert (await caller.get("/search", q=str(ann.email))).body["users"] != []
        for path in (f"/users/{ann.id}", f"/conversations/{conversation}", f"/messages/{message}/trace"):
            assert [(await caller.get(path)).status for _ in range(3)] == [200] * 3, path
    looks: list[tuple[str, UUID | None, dict[str, Any]]] = [
        ("user.search", None, {"users": [str(ann.id)]}), ("user.look", ann.id, {}),
        ("conversation.look", conversation, {}), ("message.look", message, {}),
    ]  # fmt: skip
    expected = [(action, id, {"operator": name} | facts) for name in ("olga", "omar") for action, id, facts in looks]
    assert await audited(env) == expected


async def test_who_finds_nobody_and_looks_at_hubs_alone_has_seen_nothing_of_people(
    operator: Caller, env: Environment
) -> None:
    assert (await operator.get("/search", q="nobody@example.com")).body["users"] == []
    assert (await operator.get(f"/users/{uuid7()}")).status == 404
    assert (await operator.get("/hubs")).status == 200
    assert await audited(env) == []


async def test_nothing_is_shown_that_could_not_be_recorded_and_the_next_look_is(
    operator: Caller, env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, _ = await env.person("Ann Example")

    async def away(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", away)
        assert (await operator.get(f"/users/{ann.id}")).status == 503
    assert (await operator.get(f"/users/{ann.id}")).status == 200
    assert [action for action, _, _ in await audited(env)] == ["user.look"]


async def test_draining_a_silent_hub_is_refused_with_an_error(
    operator: Caller, env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await env.hubs[0]._heartbeat._beating.stop()
    monkeypatch.setattr("realtime.operations.process_status.now", lambda: now() + SILENT)
    for action in ("drain", "undrain"):
        reply = await operator.post(f"/hubs/{id_of(env, 0)}/{action}")
        assert (reply.status, reply.code) == (409, "HUB_SILENT")
    assert not env.hubs[0]._drain.is_on
    assert await audited(env) == []


async def test_of_a_hub_that_did_not_answer_the_audit_log_says_so(
    operator: Caller, env: Environment, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_client, "GATHER_SECONDS", 0.2)
    monkeypatch.setattr(env.hubs[0]._bus, "publish_everywhere", lambda *_args: None)
    assert (await operator.post(f"/hubs/{id_of(env, 0)}/drain")).code == "UNAVAILABLE"
    facts = {"operator": "olga", "hub": id_of(env, 0), "answered": False}
    assert await audited(env) == [("hub.drain", None, facts)]
