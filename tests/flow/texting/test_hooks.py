"""What providers tell of texts: believed if it is signed, in any order, twice, and never backwards."""

import asyncio
import hmac
import itertools
import json
from uuid import uuid4

import msgspec
import pytest

from core.accounts.phones.numbers import subject
from core.base import clock
from core.base.answers import RawBody
from core.base.errors import AppError
from core.operations.tidy import tidy
from core.texting import hooks, sent
from core.texting.sent import Delivery
from tests.bazaar.people import BazaarApi
from tests.flow.conftest import Environment
from tests.flow.texting.conftest import HOOKS, PHONE, Desk, Providers
from tests.flow.texting.test_channels import job


async def texted(desk: Desk, providers: Providers) -> str:
    """Send an SMS; return its sid."""
    await desk.send(job("sms"))
    sid, _ = await providers.sms.next()
    return sid


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "undelivered", "delivered"])))
async def test_states_go_forward_in_whichever_order_they_are_told(
    desk: Desk, providers: Providers, order: tuple[str, ...]
) -> None:
    sid = await texted(desk, providers)
    for status in (*order, *order):
        error = "30003" if status == "undelivered" else ""
        assert await providers.sms.call_back(providers.http, sid, status, error) == 204
    assert await desk.rows() == [("sms", "delivered", None)], "what was delivered is no failure"
    counted = desk.env.resources.metrics.texts.labels("sms", "delivered")
    assert counted._value.get() == 1, "however often it is told"


@pytest.mark.usefixtures("api")
async def test_a_failure_has_the_code_of_the_provider(desk: Desk, providers: Providers) -> None:
    sid = await texted(desk, providers)
    assert await providers.sms.call_back(providers.http, sid, "undelivered", "30003") == 204
    assert await providers.sms.call_back(providers.http, sid, "sent") == 204
    assert await desk.rows() == [("sms", "failed", 30003)]


@pytest.mark.usefixtures("api")
async def test_a_callback_may_come_before_the_answer_and_from_a_newer_twilio(desk: Desk, providers: Providers) -> None:
    sid = await texted(desk, providers)
    await desk.env.resources.db.execute("update texts_sent set state = 'queued', provider_id = null")
    assert await providers.sms.call_back(providers.http, sid, "sent", RawDlrDoneDate="2611281300", New="ä ö") == 204
    assert await providers.sms.call_back(providers.http, sid, "teleported") == 204
    assert await desk.rows() == [("sms", "sent", None)]
    assert await desk.env.resources.db.fetchval("select provider_id from texts_sent") == sid


@pytest.mark.usefixtures("api")
async def test_a_callback_is_signed_for_our_public_address_with_or_without_its_port(
    desk: Desk, providers: Providers, env: Environment
) -> None:
    sid = await texted(desk, providers)
    url = providers.sms.messages[sid]["StatusCallback"]
    host = f"127.0.0.1:{env.settings.port}"
    for signs, status in (
        (url, 204),
        (url.replace(host, "127.0.0.1"), 204),
        (url.replace("http:", "https:"), 403),
        (url + "&x=1", 403),
        (url[:-1], 403),
    ):
        assert await providers.sms.call_back(providers.http, sid, "sent", signs=signs) == status
    for token in ("another token", ""):
        assert await providers.sms.call_back(providers.http, sid, "read", token=token or "x") == 403
    assert await desk.rows() == [("sms", "sent", None)]


@pytest.mark.parametrize(
    ("public_url", "signed"),
    [
        ("https://chat.example", ["https://chat.example/x", "https://chat.example:443/x"]),
        ("http://chat.example", ["http://chat.example/x", "http://chat.example:80/x"]),
        ("https://chat.example:8443", ["https://chat.example/x", "https://chat.example:8443/x"]),
        ("https://[::1]:8443", ["https://[::1]/x", "https://[::1]:8443/x"]),
    ],
)
def test_what_may_have_been_signed(public_url: str, signed: list[str]) -> None:
    assert hooks._urls(public_url, "/x") == signed


async def test_a_form_that_was_changed_or_is_none_is_not_believed(
    api: BazaarApi, desk: Desk, providers: Providers
) -> None:
    sid = await texted(desk, providers)
    url = providers.sms.messages[sid]["StatusCallback"]
    form = {"MessageSid": sid, "MessageStatus": "delivered"}
    signature = {"X-Twilio-Signature": providers.sms.signature(url, form, providers.sms.token)}
    bodies: list[tuple[object, dict[str, str]]] = [
        (form | {"MessageStatus": "failed"}, signature),
        (form, {}),
        (form, {"X-Twilio-Signature": "ä"}),
        (json.dumps(form).encode(), signature),
        (b"\xff\xfe", signature),
        ("&".join(f"a{n}=1" for n in range(200)).encode(), signature),
        (b"", signature),
    ]
    for body, headers in bodies:
        async with providers.http.post(url, data=body, headers=headers) as response:
            assert response.status == 403, body
    assert await desk.rows() == [("sms", "accepted", None)]


async def test_without_a_secret_nobody_is_believed(desk: Desk, env: Environment) -> None:
    settings = msgspec.structs.replace(env.settings, twilio_token="", whatsapp_app_secret="", whatsapp_verify_token="")
    raw = RawBody(b"{}", {"X-Hub-Signature-256": f"sha256={hmac.digest(b'', b'{}', 'sha256').hex()}"})
    for call in (
        lambda: hooks.of_whatsapp(settings, raw),
        lambda: hooks.of_twilio(settings, "/x", "", RawBody(b"", {"X-Twilio-Signature": ""})),
        lambda: hooks.challenge(settings, "subscribe", "", "7"),
    ):
        with pytest.raises(AppError):
            call()


async def test_whatsapp_learns_that_the_address_is_ours(api: BazaarApi, providers: Providers) -> None:
    asked = {
        "hub.mode": "subscribe",
        "hub.verify_token": providers.whatsapp.verify_token,
        "hub.challenge": "1158201444",
    }
    url = f"{providers.public_url}{HOOKS}/whatsapp"
    async with providers.http.get(url, params=asked) as response:
        assert (response.status, await response.text()) == (200, "1158201444")
        assert response.content_type == "text/plain"
    for wrong in ({"hub.verify_token": "guessed"}, {"hub.mode": "unsubscribe"}, {"hub.verify_token": ""}):
        async with providers.http.get(url, params=asked | wrong) as response:
            assert response.status == 403


@pytest.mark.usefixtures("api")
async def test_one_body_tells_of_many_messages_in_any_order(desk: Desk, providers: Providers) -> None:
    wamids = []
    for _ in range(2):
        await desk.send(job("whatsapp"))
        wamids.append((await providers.whatsapp.next())[0])
    status, (one, other) = providers.whatsapp.status, wamids
    told = [status(one, "read"), status(other, "failed", 131049), status(one, "delivered"), status(one, "sent")]
    assert await providers.told(*told, status(other, "sent"), {"id": "wamid.x", "status": "read"}) == 200
    assert await desk.rows() == [("whatsapp", "read", None), ("whatsapp", "failed", 131049)]
    assert await providers.told(*told) == 200
    assert await desk.rows() == [("whatsapp", "read", None), ("whatsapp", "failed", 131049)]
    category = await desk.env.resources.db.fetchval("select category from texts_sent where state = 'read'")
    assert category == "authentication"


@pytest.mark.usefixtures("api")
async def test_what_cannot_be_stored_of_a_text_costs_no_other_its_state(desk: Desk, providers: Providers) -> None:
    wamids = []
    for _ in range(2):
        await desk.send(job("whatsapp"))
        wamids.append((await providers.whatsapp.next())[0])
    status, (one, other) = providers.whatsapp.status, wamids
    odd = [{"id": "wamid\0", "status": "sent"}, status(one, "failed", 2**40) | {"pricing": {"category": "a\0b"}}]
    assert await providers.told(*odd, status(other, "read")) == 200
    assert await desk.rows() == [("whatsapp", "failed", None), ("whatsapp", "read", None)]


@pytest.mark.usefixtures("api")
async def test_what_whatsapp_tells_at_once_over_and_over_ends_in_the_furthest_state(
    desk: Desk, providers: Providers
) -> None:
    await desk.send(job("whatsapp"))
    wamid, _ = await providers.whatsapp.next()
    told = [providers.whatsapp.status(wamid, one) for one in ("sent", "delivered", "read", "failed")] * 5
    assert set(await asyncio.gather(*(providers.told(one) for one in told))) == {200}
    assert [row[1] for row in await desk.rows()] == ["read"]


@pytest.mark.usefixtures("api")
async def test_whatsapps_bytes_are_signed_and_what_else_it_tells_is_nothing(desk: Desk, providers: Providers) -> None:
    await desk.send(job("whatsapp"))
    wamid, _ = await providers.whatsapp.next()
    assert await providers.told(providers.whatsapp.status(wamid, "read"), secret="another") == 403
    for body in (
        "{",
        "[]",
        '{"entry": 7}',
        '{"entry": [{"changes": [{"field": "messages", "value": {"messages": [{}]}}]}]}',
    ):
        octets = body.encode()
        digest = hmac.digest(providers.whatsapp.app_secret.encode(), octets, "sha256").hex()
        headers = {"X-Hub-Signature-256": f"sha256={digest}"}
        async with providers.http.post(
            f"{providers.public_url}{HOOKS}/whatsapp", data=octets, headers=headers
        ) as reply:
            assert reply.status == 200, body
    assert await desk.rows() == [("whatsapp", "accepted", None)]


async def test_nothing_that_was_sent_is_stored_nor_to_which_number(desk: Desk, env: Environment) -> None:
    await desk.send(job())
    row = dict(await env.resources.db.fetchrow("select * from texts_sent"))
    shown = " ".join(map(str, row.values()))
    assert [one for one in (PHONE, PHONE[1:], "123456") if one in shown] == []
    assert row["number_hash"] == subject(env.resources.keys, PHONE)
    assert (row["country"], row["parts"]) == (1, 1)


async def test_texts_are_forgotten_after_a_month(desk: Desk, env: Environment) -> None:
    await desk.send(job())
    await env.resources.db.execute("update texts_sent set created_at = $1", clock.now() - sent.KEPT / 2)
    await tidy(env.resources.db)
    assert len(await desk.rows()) == 1
    await env.resources.db.execute("update texts_sent set created_at = $1", clock.now() - sent.KEPT)
    await tidy(env.resources.db)
    assert await desk.rows() == []


async def test_what_is_told_of_nothing_changes_nothing(desk: Desk, env: Environment) -> None:
    await sent.tell(env.resources, [])
    await sent.tell(
        env.resources, [Delivery(uuid4(), "", "read"), Delivery(None, "", "read"), Delivery(None, "x", "read")]
    )
    assert await desk.rows() == []
