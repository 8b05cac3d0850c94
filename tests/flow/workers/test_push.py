"""Pushes to devices, through a Firebase that listens on this machine."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from config.settings import Settings, SettingsError
from core.base.ids import uuid7
from core.base.publisher import Draft
from core.notifications import devices
from core.work import dead_jobs
from core.work.context import User
from core.work.jobs import NotifyMembers
from core.work.notices import Notice
from core.work.unit_of_work import unit_of_work
from tests.flow.conftest import PATIENCE, Environment, at_bazaar
from workers import fcm, running
from workers.app import Worker, open_worker

pytestmark = at_bazaar
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
LATE = Notice("late", "Late", "{task} is late", "task")
UNREGISTERED = {"message": "Requested entity was not found.", "details": [{"errorCode": "UNREGISTERED"}]}


@dataclass
class Firebase:
    """Gives access tokens to those with the key, and takes pushes; what `refusals` holds comes first."""

    url: str = ""
    project: str = "greenroom-test"
    refusals: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    granted: int = 0
    pushes: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    answers: asyncio.Queue[int] = field(default_factory=asyncio.Queue)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/token", self.grant)
        app.router.add_post("/v1/projects/{project}/messages:send", self.send)
        return app

    async def grant(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        claims = jwt.decode(
            str(form["assertion"]), KEY.public_key(), algorithms=["RS256"], audience=f"{self.url}/token"
        )
        assert claims["iss"] == "robot@greenroom-test.example"
        assert claims["exp"] - claims["iat"] == 3600
        self.granted += 1
        return web.json_response({"access_token": f"access-{self.granted}", "expires_in": 3599, "token_type": "Bearer"})

    async def send(self, request: web.Request) -> web.Response:
        assert request.match_info["project"] == self.project
        if request.headers["Authorization"] != f"Bearer access-{self.granted}":
            return web.json_response({"error": {"message": "who?"}}, status=401)
        if self.refusals:
            status, error = self.refusals.pop(0)
            self.answers.put_nowait(status)
            return web.json_response({"error": error}, status=status)
        self.pushes.put_nowait((await request.json())["message"])
        return web.json_response({"name": "projects/x/messages/1"})

    async def next(self) -> dict[str, Any]:
        """Return the next push that arrives."""
        async with asyncio.timeout(PATIENCE):
            return await self.pushes.get()


@pytest.fixture
async def firebase(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firebase]:
    firebase = Firebase()
    async with TestServer(firebase.app()) as server:
        firebase.url = str(server.make_url("")).rstrip("/")
        monkeypatch.setattr(fcm, "FCM_URL", firebase.url)
        monkeypatch.setattr(running, "RETRY_SECONDS", (0.01, 0.01))
        yield firebase


def account(firebase: Firebase) -> dict[str, str]:
    """Return what the Firebase console gives, as far as it is used."""
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account", "project_id": firebase.project, "private_key_id": "1", "private_key": pem,
        "client_email": "robot@greenroom-test.example", "token_uri": f"{firebase.url}/token",
    }  # fmt: skip


@pytest.fixture
def settings(settings: Settings, firebase: Firebase, tmp_path: Path) -> Settings:
    path = tmp_path / "firebase.json"
    path.write_text(json.dumps(account(firebase)))
    return msgspec.structs.replace(settings, fcm_credentials=str(path))


async def register(env: Environment, user: User, token: str, platform: devices.Platform = "fcm") -> UUID:
    return (await devices.register(env.ctx(user), platform, token)).id


async def notify(env: Environment, user: User, task: str = "Cut") -> None:
    async with unit_of_work(replace(env.ctx(user), caller=None)) as work:
        await work.notify(LATE, [user.id], UUID(int=7), task=task)


async def test_a_notice_is_pushed_to_each_device_of_its_user(
    env: Environment, firebase: Firebase, worker: Worker
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    await register(env, ann, "phone")
    await register(env, ann, "browser", "webpush")
    await register(env, bob, "other")
    await notify(env, ann)
    pushes = [await firebase.next(), await firebase.next()]
    assert {push["token"] for push in pushes} == {"phone", "browser"}
    (id,) = [str(row["id"]) for row in await env.resources.db.fetch("select id from notifications")]
    for push in pushes:
        assert push["notification"] == {"title": "Late", "body": "Cut is late"}
        assert push["data"] == {
            "notificationId": id, "type": "late", "entityType": "task", "entityId": str(UUID(int=7)),
        }  # fmt: skip
        assert (push["android"]["collapse_key"], push["apns"]["headers"]["apns-collapse-id"]) == (id, id)
    await notify(env, bob)
    assert (await firebase.next())["token"] == "other"
    assert firebase.granted == 1, "an access token is good for an hour"


async def test_a_device_that_is_gone_is_forgotten_and_others_are_not(
    env: Environment, firebase: Firebase, worker: Worker
) -> None:
    ann, _ = await env.person("Ann")
    await register(env, ann, "gone")
    for error in (
        (404, UNREGISTERED),
        (403, {"details": [{"errorCode": "SENDER_ID_MISMATCH"}]}),
        (400, {"message": "The registration token is not a valid FCM registration token"}),
        (400, {"details": [{"fieldViolations": [{"field": "message.token"}]}]}),
    ):
        await register(env, ann, "gone")
        firebase.refusals.append(error)
        await notify(env, ann)
        async with asyncio.timeout(PATIENCE):
            await firebase.answers.get()
            while await devices.of_user(env.ctx(ann)):  # noqa: ASYNC110 - a table does not tell
                await asyncio.sleep(0.01)
    await register(env, ann, "phone")
    await notify(env, ann)
    assert (await firebase.next())["token"] == "phone"
    assert await dead_jobs.ALL(env.resources.db) == []


async def test_a_push_that_is_put_off_comes_later(env: Environment, firebase: Firebase, worker: Worker) -> None:
    ann, _ = await env.person("Ann")
    await register(env, ann, "phone")
    firebase.refusals += [(503, {}), (429, {"details": [{"errorCode": "QUOTA_EXCEEDED"}]})]
    await notify(env, ann)
    assert (await firebase.next())["token"] == "phone"


async def test_an_access_token_that_is_refused_is_renewed(env: Environment, firebase: Firebase, worker: Worker) -> None:
    ann, _ = await env.person("Ann")
    await register(env, ann, "phone")
    await notify(env, ann)
    await firebase.next()
    firebase.granted += 1  # Firebase knows the first one no more
    await notify(env, ann, "Second")
    assert (await firebase.next())["notification"]["body"] == "Second is late"


async def test_a_push_that_firebase_will_never_take_is_dead_at_once(
    env: Environment, firebase: Firebase, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    ann, _ = await env.person("Ann")
    await register(env, ann, "phone")
    firebase.refusals.append((400, {"message": "Message too big"}))
    await notify(env, ann)
    async with asyncio.timeout(PATIENCE):
        while not (jobs := await dead_jobs.ALL(env.resources.db)):  # noqa: ASYNC110 - a table does not tell
            await asyncio.sleep(0.01)
    assert [(job.name, job.tries) for job in jobs] == [("PushNotification", 1)]
    assert "phone" not in caplog.text
    assert len(await devices.of_user(env.ctx(ann))) == 1
    caplog.clear()


async def test_a_device_is_silent_when_its_session_has_ended(
    env: Environment, firebase: Firebase, worker: Worker
) -> None:
    ann, _ = await env.person("Ann")
    await register(env, ann, "phone")
    await env.resources.db.execute("update sessions set ended_at = now() where id = $1", ann.session_id)
    await notify(env, ann)
    bob, _ = await env.person("Bob")
    await register(env, bob, "other")
    await notify(env, bob)
    assert (await firebase.next())["token"] == "other"
    assert await devices.of_user(env.ctx(ann)) == []


async def test_a_push_token_moves_to_the_latest_user_of_the_device(
    env: Environment, firebase: Firebase, worker: Worker
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    first = await register(env, ann, "phone")
    assert await register(env, ann, "phone") == first
    assert await register(env, bob, "phone") != first
    await notify(env, ann)
    await notify(env, bob, "Second")
    assert (await firebase.next())["notification"]["body"] == "Second is late"
    assert await devices.of_user(env.ctx(ann)) == []


async def test_messages_of_a_conversation_take_each_other_s_place_on_the_device(
    env: Environment, firebase: Firebase, worker: Worker
) -> None:
    (ann, _), (bob, _) = await env.person("Ann"), await env.person("Bob")
    group = await env.group(ann, bob)
    await register(env, bob, "phone")
    for text in ("one", "two"):
        await env.publisher.append(Draft(uuid7(), group, ann.person, text))
        await env.resources.jobs.enqueue(NotifyMembers([str(group)]))
        push = await firebase.next()
        assert push["notification"]["body"] == f"Ann: {text}"
        assert push["android"]["notification"]["tag"] == str(group)


async def test_no_more_than_the_newest_devices_of_a_user_are_kept(env: Environment) -> None:
    ann, _ = await env.person("Ann")
    ids = [await register(env, ann, f"phone-{number}") for number in range(devices.MOST + 2)]
    assert [device.id for device in await devices.of_user(env.ctx(ann))] == ids[2:]


@pytest.mark.parametrize("content", [None, "{}", "no json", '{"private_key": 1}'])
async def test_an_invalid_service_account_file_is_reported(
    env: Environment, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "wrong.json"
    if content is not None:
        path.write_text(content)
    wrong = msgspec.structs.replace(env.settings, fcm_credentials=str(path))
    with pytest.raises(SettingsError, match="GREENROOM_FCM_CREDENTIALS"):
        async with open_worker(wrong, env.resources, env.publisher):
            pass


async def test_without_the_extra_the_error_names_it(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*_: object) -> str:
        raise NotImplementedError

    monkeypatch.setattr(fcm, "assertion", lacks)
    with pytest.raises(SettingsError, match=r"greenroom\[push\]"):
        async with open_worker(env.settings, env.resources, env.publisher):
            pass
