"""Webhooks: signed, told in the transaction that they are about, tried again for days, and to nowhere but the internet."""

import asyncio
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import web

import workers.app
import workers.webhooks
from core.accounts.status.changes import set_status
from core.base import clock
from core.base.errors import AppError
from core.base.ids import BigintIds
from core.privacy import erasure, exports
from core.webhooks import WebhookRules, deliveries, endpoints, send
from core.webhooks.deliveries import SCHEDULE
from core.webhooks.endpoints import NewWebhook
from core.work.context import User
from core.work.unit_of_work import unit_of_work
from tests.bazaar.structs import Sold
from tests.flow.conftest import Environment
from tests.flow.hooks.conftest import Receiver, settled
from tests.flow.workers.conftest import Mailbox
from workers.app import open_worker
from workers.webhooks import Webhooks, open_webhooks

IDS = BigintIds("bazaar")
DAY = timedelta(days=1)


@pytest.fixture
async def ann(env: Environment) -> User:
    user, _ = await env.person("Ann", "seller")
    return user


async def endpoint(env: Environment, user: User, url: str) -> NewWebhook:
    """Return an endpoint of a user, at an address that nobody could register."""
    made = await endpoints.create(env.ctx(user), "https://shop.example/hook", ["listing.sold"])
    await env.resources.db.execute("update webhook_endpoints set url = $2 where id = $1", made.webhook.id, url)
    return made


async def sell(env: Environment, user: User, count: int = 1) -> UUID:
    """Sell something of a user; return what."""
    async with unit_of_work(env.ctx(user)) as work:
        for cents in range(count):
            listing_id = work.new_id()
            await send(work, "listing.sold", [user.id], Sold(listing_id, cents))
    return listing_id


async def rows(env: Environment) -> list[dict[str, Any]]:
    found = await env.resources.db.fetch("select * from webhook_deliveries order by created_at, id")
    return [dict(row) for row in found]


async def disabled_for(env: Environment, made: NewWebhook) -> str | None:
    reason: str | None = await env.resources.db.fetchval(
        "select disabled_for from webhook_endpoints where id = $1", made.webhook.id
    )
    return reason


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Verify a webhook as the specification says, without our code."""
    key = b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = b64encode(hmac.new(key, signed, sha256).digest()).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


async def test_a_webhook_is_signed_with_the_secret_that_was_shown_and_in_the_words_of_the_marketplace(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    made = await endpoint(env, ann, receiver.url)
    listing_id = await sell(env, ann)
    await settled(webhooks)
    ((_, headers, body),) = receiver.requests
    assert verified(made.secret, headers, body)
    assert not verified(made.secret, headers, body + b" ")
    told = msgspec.json.decode(body)
    assert told["type"] == "listing.sold"
    assert told["data"] == {"listing_id": IDS.shown(str(listing_id)), "price_cents": 0}
    (delivery,) = await rows(env)
    assert delivery["status"] == "delivered"
    assert headers["webhook-id"] == IDS.shown(str(delivery["id"]))


async def test_what_is_rolled_back_is_not_told(env: Environment, ann: User, receiver: Receiver) -> None:
    await endpoint(env, ann, receiver.url)
    with suppress(ZeroDivisionError):
        async with unit_of_work(env.ctx(ann)) as work:
            await send(work, "listing.sold", [ann.id], Sold(work.new_id(), 1))
            raise ZeroDivisionError
    assert await rows(env) == []


async def test_an_event_is_told_to_those_whom_it_concerns_and_to_roles_that_hear_all(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, _ = await env.person("Bob", "seller")
    eve, _ = await env.person("Eve", "buyer")
    listening = WebhookRules({"listing.sold": Sold}, hear_all=frozenset({"buyer"}))
    ctx = env.ctx(eve)
    ctx = replace(ctx, policy=msgspec.structs.replace(ctx.policy, webhooks=listening))
    for_all = await endpoints.create(ctx, "https://market.example/hook", ["listing.sold"])
    own, _other = await endpoint(env, ann, receiver.url), await endpoint(env, bob, receiver.url)
    async with unit_of_work(replace(ctx, caller=ann)) as work:
        await send(work, "listing.sold", [ann.id], Sold(work.new_id(), 1))
    assert {row["endpoint_id"] for row in await rows(env)} == {own.webhook.id, for_all.webhook.id}


async def test_an_event_that_the_marketplace_or_the_endpoint_does_not_have_is_not_told(
    env: Environment, ann: User, receiver: Receiver
) -> None:
    await endpoint(env, ann, receiver.url)
    async with unit_of_work(env.ctx(ann)) as work:
        await send(work, "listing.burnt", [ann.id], Sold(work.new_id(), 1))
    assert await rows(env) == []


async def test_a_failure_is_tried_again_by_the_schedule_with_the_same_id(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks, later: Callable[[timedelta], None]
) -> None:
    made = await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    receiver.answers += [web.Response(status=500, text="oh"), web.Response(status=503)]
    await settled(webhooks)
    (first,) = await rows(env)
    assert (first["status"], first["tries"]) == ("pending", 1)
    assert 0.9 * SCHEDULE[0] <= (first["due_at"] - first["created_at"]).total_seconds() <= 1.1 * SCHEDULE[0]
    await settled(webhooks)
    assert len(receiver.requests) == 1  # it is not time yet
    later(timedelta(seconds=SCHEDULE[0] * 1.1))
    await settled(webhooks)
    later(timedelta(seconds=(SCHEDULE[0] + SCHEDULE[1]) * 1.1))
    await settled(webhooks)
    (last,) = await rows(env)
    assert (last["status"], last["due_at"]) == ("delivered", None)
    assert [one["status"] for one in last["attempts"]] == [500, 503, 200]
    assert [one["answer"] for one in last["attempts"]] == ["oh", "", "thanks"]
    assert len(receiver.ids) == 3
    assert len(set(receiver.ids)) == 1
    assert all(verified(made.secret, headers, body) for _, headers, body in receiver.requests)


def test_the_schedule_is_that_of_three_days() -> None:
    assert 2.9 * DAY < timedelta(seconds=sum(SCHEDULE)) < 3 * DAY


async def test_who_answers_410_is_disabled_and_told_so(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    made = await endpoint(env, ann, receiver.url)
    await sell(env, ann, count=2)
    receiver.answers.append(web.Response(status=410))
    await settled(webhooks)
    assert len(receiver.requests) == 1
    assert await disabled_for(env, made) == "gone"
    assert {row["status"] for row in await rows(env)} == {"failed"}
    notices = await env.resources.db.fetch("select user_id, message from notifications")
    assert [row["user_id"] for row in notices] == [ann.id]
    assert "127.0.0.1" in notices[0]["message"]
    await sell(env, ann)
    assert len(await rows(env)) == 2  # nothing more is stored for it


async def test_the_owner_of_a_disabled_webhook_has_a_mail_of_it(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks, mailbox: Mailbox
) -> None:
    await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    receiver.answers.append(web.Response(status=410))
    await settled(webhooks)
    async with open_worker(env.settings, env.resources, env.publisher):
        mail = await mailbox.next()
    assert mail["To"] == ann.email
    assert mail["Subject"].startswith("Webhook Disabled")
    assert "127.0.0.1" in mail.get_content()
    assert receiver.url not in mail.get_content()  # it may have a secret in it


@pytest.mark.parametrize("has_succeeded", [False, True])
async def test_who_has_taken_nothing_for_three_days_is_disabled(
    env: Environment,
    ann: User,
    receiver: Receiver,
    webhooks: Webhooks,
    later: Callable[[timedelta], None],
    has_succeeded: bool,
) -> None:
    made = await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    receiver.answers += [web.Response(status=400) for _ in range(len(SCHEDULE) + 1)]
    past = timedelta(0)
    for wait in (0, *SCHEDULE):
        past += timedelta(seconds=wait * 1.1)
        later(past)
        await settled(webhooks)
        if has_succeeded and wait == SCHEDULE[-2]:
            await deliveries.NOTE_SUCCESS(env.resources.db, made.webhook.id)
    (delivery,) = await rows(env)
    assert (delivery["status"], delivery["tries"]) == ("failed", len(SCHEDULE) + 1)
    assert await disabled_for(env, made) == (None if has_succeeded else "failing")


async def test_a_redirect_is_not_followed(env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks) -> None:
    await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    receiver.answers.append(web.Response(status=302, headers={"Location": "/elsewhere"}))
    await settled(webhooks)
    assert [path for path, *_ in receiver.requests] == ["/hook"]
    assert (await rows(env))[0]["attempts"][0]["status"] == 302


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_nothing_connects_to_this_machine_whether_by_address_or_by_name(
    env: Environment, ann: User, receiver: Receiver, host: str
) -> None:
    await endpoint(env, ann, receiver.url.replace("127.0.0.1", host))
    await sell(env, ann)
    async with open_webhooks(env.resources, env.publisher) as webhooks:
        await settled(webhooks)
    assert receiver.requests == []
    (delivery,) = await rows(env)
    assert (delivery["status"], delivery["attempts"][0]["status"]) == ("pending", None)


async def test_an_event_that_the_marketplace_has_no_more_holds_up_nothing(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    await endpoint(env, ann, receiver.url)
    await sell(env, ann, count=2)
    await env.resources.db.execute(
        "update webhook_deliveries set event = 'listing.burnt' where data->>'priceCents' = '0'"
    )
    await settled(webhooks)
    assert [body["type"] for body in receiver.bodies] == ["listing.burnt", "listing.sold"]


async def test_of_an_answer_only_the_beginning_is_kept(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    receiver.answers.append(web.Response(body=b"\0" + b"x" * 5000))
    await settled(webhooks)
    assert (await rows(env))[0]["attempts"][0]["answer"] == "x" * (workers.webhooks.EXCERPT - 1)


async def test_a_slow_receiver_holds_up_nobody_else(
    env: Environment, ann: User, receiver: Receiver, other_receiver: Receiver, webhooks: Webhooks
) -> None:
    bob, _ = await env.person("Bob", "seller")
    await endpoint(env, ann, receiver.url)
    await endpoint(env, bob, other_receiver.url)
    receiver.open.clear()
    await sell(env, ann, count=3)
    await webhooks.deliver()
    await receiver.wait()
    await sell(env, bob)
    await webhooks.deliver()
    await other_receiver.wait()
    assert len(receiver.requests) == 1  # one at a time
    receiver.open.set()
    await settled(webhooks)
    assert len(receiver.requests) == 3


async def test_with_all_places_taken_those_that_work_come_first(
    env: Environment,
    ann: User,
    receiver: Receiver,
    other_receiver: Receiver,
    webhooks: Webhooks,
    monkeypatch: pytest.MonkeyPatch,
    later: Callable[[timedelta], None],
) -> None:
    monkeypatch.setattr(workers.webhooks, "MOST", 1)
    bob, _ = await env.person("Bob", "seller")
    await endpoint(env, ann, receiver.url)
    await endpoint(env, bob, other_receiver.url)
    receiver.answers.append(web.Response(status=500))
    await sell(env, ann)
    await settled(webhooks)
    await sell(env, bob)
    later(timedelta(minutes=10))
    receiver.open.clear()
    await webhooks.deliver()
    await other_receiver.wait()
    await receiver.wait()
    receiver.open.set()
    await settled(webhooks)
    assert [row["status"] for row in await rows(env)] == ["delivered", "delivered"]


async def test_two_workers_deliver_each_thing_once_and_in_order(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    await endpoint(env, ann, receiver.url)
    await sell(env, ann, count=10)
    async with open_webhooks(env.resources, env.publisher, lambda _address: True) as other:
        await asyncio.gather(settled(webhooks), settled(other))
        await settled(webhooks)
    assert [body["data"]["price_cents"] for body in receiver.bodies] == list(range(10))


async def test_what_a_worker_did_not_finish_is_delivered_again_when_its_lease_is_over(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks, later: Callable[[timedelta], None]
) -> None:
    await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    receiver.open.clear()
    async with open_webhooks(env.resources, env.publisher, lambda _address: True) as dying:
        await dying.deliver()
        await receiver.wait()
    receiver.open.set()
    await settled(webhooks)
    assert len(receiver.requests) == 1  # the lease still holds
    later(deliveries.LEASE)
    await settled(webhooks)
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert (await rows(env))[0]["status"] == "delivered"


async def test_after_a_rotation_both_secrets_verify_for_a_day(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks, later: Callable[[timedelta], None]
) -> None:
    first = await endpoint(env, ann, receiver.url)
    second = await endpoints.rotate(env.ctx(ann), first.webhook.id)
    for moment in (timedelta(0), DAY + timedelta(minutes=1)):
        later(moment)
        await sell(env, ann)
        await settled(webhooks)
    (_, during, body), (_, after, last) = receiver.requests
    assert verified(first.secret, during, body)
    assert verified(second.secret, during, body)
    assert verified(second.secret, after, last)
    assert not verified(first.secret, after, last)


async def test_what_has_failed_is_replayed_since_a_time_or_one_by_one(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    made = await endpoint(env, ann, receiver.url)
    await sell(env, ann, count=3)
    await env.resources.db.execute("update webhook_deliveries set status = 'failed', due_at = null")
    one, *_ = await rows(env)
    assert await deliveries.replay(env.ctx(ann), made.webhook.id, one["id"], None) == 1
    await settled(webhooks)
    assert len(receiver.requests) == 1
    assert await deliveries.replay(env.ctx(ann), made.webhook.id, None, one["created_at"]) == 2
    await settled(webhooks)
    assert len(set(receiver.ids)) == 3
    assert await deliveries.replay(env.ctx(ann), made.webhook.id, one["id"], None) == 1  # also one that was taken
    await settled(webhooks)
    assert receiver.ids[-1] == receiver.ids[0]


async def test_a_disabled_endpoint_gets_nothing_until_it_is_enabled(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    made = await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    ctx = env.ctx(ann)
    await endpoints.change(ctx, made.webhook.id, msgspec.UNSET, is_enabled=False)
    await settled(webhooks)
    assert receiver.requests == []
    with pytest.raises(AppError, match="WEBHOOK_DISABLED"):
        await deliveries.replay(ctx, made.webhook.id, None, made.webhook.created_at)
    with pytest.raises(AppError, match="WEBHOOK_DISABLED"):
        await deliveries.send_test(ctx, made.webhook.id)
    changed = await endpoints.change(ctx, made.webhook.id, msgspec.UNSET, is_enabled=True)
    assert changed.disabled_for is None
    await settled(webhooks)
    assert len(receiver.requests) == 1


async def test_a_deleted_endpoint_gets_nothing_more_even_in_the_middle_of_its_turn(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    made = await endpoint(env, ann, receiver.url)
    await sell(env, ann, count=3)
    receiver.open.clear()
    await webhooks.deliver()
    await receiver.wait()
    await endpoints.delete(env.ctx(ann), made.webhook.id)
    receiver.open.set()
    await settled(webhooks)
    assert len(receiver.requests) == 1
    assert await rows(env) == []


async def test_a_suspended_user_is_told_nothing(
    env: Environment, ann: User, receiver: Receiver, webhooks: Webhooks
) -> None:
    await endpoint(env, ann, receiver.url)
    await sell(env, ann)
    await set_status(env.ctx(ann), ann.id, "suspended", "a test", None, operator="olga")
    await sell(env, ann)
    await settled(webhooks)
    assert receiver.requests == []
    assert len(await rows(env)) == 1


async def test_a_user_cannot_make_more_than_allowed_not_even_at_once(env: Environment, ann: User) -> None:
    most = 10
    made = await asyncio.gather(
        *(endpoints.create(env.ctx(ann), "https://shop.example", ["listing.sold"]) for _ in range(most + 3)),
        return_exceptions=True,
    )
    refused = [one for one in made if isinstance(one, AppError)]
    assert [one.kind.code for one in refused] == ["TOO_MANY_WEBHOOKS"] * 3


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook",
        "https://127.0.0.1/hook",
        "https://10.0.0.1/hook",
        "https://localhost.localdomain.internal/hook",
        "https://shop.example/hook#part",
    ],
)
async def test_an_address_must_be_a_public_one_with_https(env: Environment, ann: User, url: str) -> None:
    with pytest.raises(AppError, match="VALIDATION_ERROR"):
        await endpoints.create(env.ctx(ann), url, ["listing.sold"])


async def test_an_event_must_be_one_of_the_marketplace(env: Environment, ann: User) -> None:
    with pytest.raises(AppError, match="VALIDATION_ERROR"):
        await endpoints.create(env.ctx(ann), "https://shop.example", ["listing.sold", "listing.burnt"])


async def test_an_erased_user_leaves_no_endpoint_and_the_export_has_no_secret(env: Environment, ann: User) -> None:
    await endpoint(env, ann, "https://shop.example/hook")
    await sell(env, ann)
    with await exports.export(env.ctx(ann)) as file:
        exported = file.read().decode()
    assert "https://shop.example/hook" in exported
    assert "secret" not in exported
    await erasure.erase(env.ctx(ann))
    assert await rows(env) == []
    assert await env.resources.db.fetchval("select count(*) from webhook_endpoints") == 0


async def test_the_worker_delivers_what_a_transaction_has_queued(
    env: Environment, ann: User, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def everywhere(resources: Any, publisher: Any) -> Any:
        return open_webhooks(resources, publisher, lambda _address: True)

    monkeypatch.setattr(workers.app, "open_webhooks", everywhere)
    await endpoint(env, ann, receiver.url)
    async with open_worker(env.settings, env.resources, env.publisher):
        await sell(env, ann)
        await receiver.wait()
    assert len(receiver.requests) == 1


async def test_what_nobody_wants_delivered_is_not_late(env: Environment, ann: User, receiver: Receiver) -> None:
    made = await endpoint(env, ann, receiver.url)
    await sell(env, ann)

    async def late() -> int:
        return await deliveries.LATE(env.resources.db, clock.now() + timedelta(minutes=1)) or 0

    assert await late() == 1
    await endpoints.change(env.ctx(ann), made.webhook.id, msgspec.UNSET, is_enabled=False)
    assert await late() == 0
    await endpoints.change(env.ctx(ann), made.webhook.id, msgspec.UNSET, is_enabled=True)
    await set_status(env.ctx(ann), ann.id, "suspended", "a test", None, operator="olga")
    assert await late() == 0
