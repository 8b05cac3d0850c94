"""Spans and errors that leave the process, for a collector and a Sentry that listen on this machine."""

import asyncio
import gzip
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from api.app import build_app
from config.settings import Settings, SettingsError
from core.market.resources import open_resources
from core.platform.observability import logs, tracing
from core.platform.observability.logs import Origin
from core.platform.observability.telemetry import open_telemetry
from core.work.jobs import NotifyMembers
from tests.flow.api.conftest import Caller
from tests.flow.conftest import PATIENCE, Environment, open_environment
from workers.app import open_worker

TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass(frozen=True)
class Told:
    """A span as the collector got it."""

    name: str
    id: str
    parent: str
    trace: str
    failed: bool
    facts: dict[str, str | int]


@dataclass
class Watchers:
    """A collector and a Sentry."""

    url: str = ""
    spans: list[Told] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    async def take_spans(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(_plain(request, await request.read()))
        self.spans += [
            Told(
                one.name, one.span_id.hex(), one.parent_span_id.hex(), one.trace_id.hex(), one.status.code == 2,
                {fact.key: fact.value.string_value or fact.value.int_value for fact in one.attributes},
            )
            for group in sent.resource_spans for scope in group.scope_spans for one in scope.spans
        ]  # fmt: skip
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    async def take_events(self, request: web.Request) -> web.Response:
        lines = _plain(request, await request.read()).split(b"\n")
        self.events += [json.loads(lines[place + 1]) for place, line in enumerate(lines) if b'"type":"event"' in line]
        return web.json_response({})

    def named(self, name: str) -> Told:
        (one,) = [span for span in self.spans if span.name == name]
        return one


def _plain(request: web.Request, body: bytes) -> bytes:
    is_packed = request.headers.get("Content-Encoding") == "gzip" and body.startswith(b"\x1f\x8b")
    return gzip.decompress(body) if is_packed else body


@pytest.fixture
async def watchers() -> AsyncIterator[Watchers]:
    watchers = Watchers()
    app = web.Application()
    app.router.add_post("/v1/traces", watchers.take_spans)
    app.router.add_post("/api/1/envelope/", watchers.take_events)
    async with TestServer(app) as server:
        watchers.url = str(server.make_url("")).rstrip("/")
        yield watchers


@pytest.fixture
def watched(settings: Settings, watchers: Watchers) -> Settings:
    dsn = watchers.url.replace("http://", "http://key@") + "/1"
    return msgspec.structs.replace(settings, otlp_endpoint=watchers.url, sentry_dsn=dsn)


async def test_a_call_its_statements_and_the_jobs_that_follow_are_one_trace(
    watched: Settings, watchers: Watchers
) -> None:
    async with open_environment(watched) as env:
        app = build_app(env.settings, env.resources, env.publisher)
        async with TestClient(TestServer(app)) as client, open_worker(watched, env.resources, env.publisher):
            _, token = await env.person("Ann")
            ann = Caller(client, access_token=token)
            headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Request-Id": "request-1"}
            assert (await ann.call("GET", "/users/me", headers=headers)).status == 200
            with tracing.span("test", "server", headers["traceparent"]):
                await env.resources.jobs.enqueue(NotifyMembers([]))
            await _job_done(env)
    call = watchers.named("GET /api/users/me")
    assert (call.trace, call.parent, call.failed) == (TRACE, "b7ad6b7169203331", False)
    assert call.facts["http.response.status_code"] == 200
    assert call.facts["greenroom.request_id"] == "request-1"
    (statement,) = [one for one in watchers.spans if one.name == "users.PROFILE"]
    assert (statement.trace, statement.parent) == (TRACE, call.id)
    assert str(statement.facts["db.query.text"]).strip().startswith("select")
    job = watchers.named("NotifyMembers")
    assert (job.trace, job.parent) == (TRACE, watchers.named("test").id)


async def _job_done(env: Environment) -> None:
    counter = env.resources.metrics.jobs.labels("NotifyMembers", "done")
    await _until(lambda: counter._value.get() > 0)


async def _until(happened: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - a counter does not tell
            await asyncio.sleep(0.01)


async def test_what_fails_is_told_without_addresses(watched: Settings, watchers: Watchers) -> None:
    async with open_telemetry(watched):
        with pytest.raises(ValueError, match="no"), tracing.span("outer", "server"), tracing.span("inner", "client"):
            raise ValueError("no ann@example.com")
    assert watchers.named("inner").failed
    assert watchers.named("outer").failed
    assert watchers.named("inner").parent == watchers.named("outer").id
    assert tracing.parent() == ""


async def test_an_error_is_reported_with_its_request_and_without_secrets(
    watched: Settings, watchers: Watchers, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("core.x")
    password = "".join(["hunter", "2"])  # not in the lines of the source, which are reported
    async with open_telemetry(watched):
        with logs.on_behalf(Origin("request-1", "onswift", "user-1")):
            try:
                raise ValueError("no mail to ann@example.com" if password else password)
            except ValueError:
                log.exception("it failed for %s", "bob@example.com")
        log.warning("not reported")
    (event,) = watchers.events
    assert event["tags"] == {"request_id": "request-1", "market": "onswift", "user_id": "user-1"}
    assert event["exception"]["values"][0]["value"] == "no mail to a***@example.com"
    whole = json.dumps(event)
    for secret in ("ann@", "bob@", password):
        assert secret not in whole
    caplog.clear()


async def test_nothing_leaves_a_process_that_is_not_set_to_tell(settings: Settings, watchers: Watchers) -> None:
    async with open_telemetry(settings):
        with tracing.span("quiet", "server") as span:
            span.fact("x", 1)
        assert tracing.parent() == ""
    assert (watchers.spans, watchers.events) == ([], [])


async def test_an_unreachable_collector_delays_nothing_for_long(settings: Settings, free_port: int) -> None:
    nowhere = f"http://127.0.0.1:{free_port}"
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    lonely = msgspec.structs.replace(settings, otlp_endpoint=nowhere, sentry_dsn=f"http://key@127.0.0.1:{free_port}/1")
    async with asyncio.timeout(PATIENCE), open_resources(lonely) as resources:
        with tracing.span("quiet", "server"):
            assert await resources.db.fetchval("select 1") == 1


@pytest.mark.parametrize(
    ("setting", "value", "module", "extra"),
    [
        ("otlp_endpoint", "http://127.0.0.1:1", "opentelemetry", "otel"),
        ("sentry_dsn", "http://key@127.0.0.1/1", "sentry_sdk", "sentry"),
    ],
)
async def test_without_its_extra_a_setting_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, module: str, extra: str
) -> None:
    for name in _loaded(module, sys.modules):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "core.platform.observability.otel", raising=False)
    with pytest.raises(SettingsError, match=rf"GREENROOM_{setting.upper()} needs .*greenroom\[{extra}\]"):
        async with open_telemetry(msgspec.structs.replace(settings, **{setting: value})):
            pass


def _loaded(module: str, modules: Iterable[str]) -> list[str]:
    return [name for name in modules if name == module or name.startswith(f"{module}.")] + [module]
