"""A code goes out by the channel that was asked for, then by the next, as one code; and each goes out once."""

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from config.settings import SettingsError
from core.base import clock
from core.base.ids import uuid7
from core.limits.budget import Rate
from core.texting import sent
from core.work.jobs import BusyError, PermanentError, SendText
from tests.bazaar.people import BazaarApi
from tests.bazaar.policy import POLICY
from tests.bazaar.texts import CODE, TEXTS
from tests.doubles.twilio import Refusal
from tests.flow.conftest import Environment
from tests.flow.texting.conftest import OTHER_PHONE, PHONE, Desk, Providers
from tests.policies import ChangePolicy
from workers.texting import sending
from workers.texting.providers import NotTakenError
from workers.texting.sending import open_senders

VALUES = {"code": "123456", "title": "Bazaar", "minutes": "10"}


def job(*channels: str, phone: str = PHONE, minutes: int = 10) -> SendText:
    """Return the job of a code."""
    text = CODE.texts["en"].format_map(VALUES)
    ways = [(one, str(uuid7())) for one in channels or ("whatsapp", "sms")]
    until = clock.now() + timedelta(minutes=minutes)
    return SendText(phone, text, until, "bazaar", ways, "", None, "code", "en", VALUES)  # type: ignore[arg-type]


def code_in(body: str) -> str:
    return str(re.findall(r"\b\d{6}\b", body)[0])


@pytest.mark.usefixtures("worker")
async def test_a_code_comes_by_whatsapp_in_its_text_and_on_its_button(api: BazaarApi, providers: Providers) -> None:
    assert (await api.anyone.post("/auth/otp/send", phone=PHONE, language="en-GB")).status == 200
    _, message = await providers.whatsapp.next()
    code = message["template"]["components"][0]["parameters"][0]["text"]
    assert (message["to"], message["template"]["name"], message["template"]["language"]) == (
        PHONE[1:], "bazaar_code", {"code": "en_US"},
    )  # fmt: skip
    body, button = message["template"]["components"]
    assert (body["type"], button["type"], button["sub_type"], button["index"]) == ("body", "button", "url", "0")
    assert body["parameters"] == button["parameters"] == [{"type": "text", "text": code}]
    new = {"name": "Pam", "user_type": "buyer"}
    assert (await api.anyone.post("/auth/otp/verify", phone=PHONE, code=code, **new)).status == 200


@pytest.mark.usefixtures("worker")
async def test_a_code_comes_by_sms_to_those_who_ask_for_that_in_their_language(
    api: BazaarApi, providers: Providers, env: Environment
) -> None:
    assert (await api.anyone.post("/auth/otp/send", phone=PHONE, channel="sms", language="ar-SA")).status == 200
    sid, form = await providers.sms.next()
    assert form["To"] == PHONE
    assert form["Body"] == CODE.texts["ar"].format(code=code_in(form["Body"]), title="Bazaar", minutes="10")
    assert 500 <= int(form["ValidityPeriod"]) <= 600, "a code that is too old does not arrive any more"
    assert form["StatusCallback"].startswith(env.settings.public_url)
    assert await providers.sms.call_back(providers.http, sid, "delivered") == 204


async def test_a_channel_that_the_market_does_not_have_is_refused(api: BazaarApi) -> None:
    reply = await api.anyone.post("/auth/otp/send", phone=PHONE, channel="pigeon")
    assert (reply.code, reply.fields) == ("INPUT_001", ["channel"])


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("code", [131026, 130429, 132001])
async def test_a_code_that_whatsapp_does_not_take_comes_by_sms(api: BazaarApi, providers: Providers, code: int) -> None:
    providers.whatsapp.refusals = [Refusal(400, code)]
    assert (await api.anyone.post("/auth/otp/send", phone=PHONE)).status == 200
    _, form = await providers.sms.next()
    new = {"name": "Pam", "user_type": "buyer"}
    reply = await api.anyone.post("/auth/otp/verify", phone=PHONE, code=code_in(form["Body"]), **new)
    assert reply.status == 200


@pytest.mark.usefixtures("worker")
async def test_a_code_that_whatsapp_does_not_bring_comes_by_sms_as_the_same_code(
    api: BazaarApi, providers: Providers
) -> None:
    assert (await api.anyone.post("/auth/otp/send", phone=PHONE)).status == 200
    wamid, message = await providers.whatsapp.next()
    assert await providers.told(providers.whatsapp.status(wamid, "failed", 131026)) == 200
    _, form = await providers.sms.next()
    assert code_in(form["Body"]) == message["template"]["components"][0]["parameters"][0]["text"]


@pytest.mark.usefixtures("api")
async def test_an_sms_waits_until_whatsapp_says_that_it_failed(desk: Desk, providers: Providers) -> None:
    await desk.send(job())
    wamid, _ = await providers.whatsapp.next()
    later = desk.next()
    with pytest.raises(BusyError) as busy:
        await desk.send(later)
    assert 0 < busy.value.seconds <= 5
    # As WhatsApp may: without what we sent along.
    await providers.told(providers.whatsapp.status(wamid, "failed", 131026, knows_us=False))
    await desk.send(later)
    assert (await providers.sms.next())[1]["Body"] == later.text
    assert desk.noted.jobs == []


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("status", ["delivered", "read"])
async def test_what_has_arrived_is_not_sent_again(desk: Desk, providers: Providers, status: str) -> None:
    await desk.send(job())
    wamid, _ = await providers.whatsapp.next()
    await providers.told(providers.whatsapp.status(wamid, status))
    await desk.send(desk.next())
    assert providers.sms.messages == {}
    assert await desk.rows() == [("whatsapp", status, None)]


async def test_what_has_not_arrived_in_time_is_sent_again(
    desk: Desk, providers: Providers, change_policy: ChangePolicy
) -> None:
    assert POLICY.otp
    hasty = replace(POLICY.otp, texts=replace(TEXTS, patience=timedelta(0)))
    change_policy(otp=hasty)
    await desk.send(job())
    await desk.send(desk.next())
    assert len(providers.sms.messages) == 1
    assert await desk.rows() == [("whatsapp", "accepted", None), ("sms", "accepted", None)]


async def test_nothing_is_sent_when_its_code_has_expired(desk: Desk, providers: Providers) -> None:
    await desk.send(job(minutes=-1))
    assert (providers.whatsapp.messages, desk.noted.jobs, await desk.rows()) == ({}, [], [])


async def test_a_job_that_runs_twice_sends_once_and_so_do_two_at_once(desk: Desk, providers: Providers) -> None:
    twice = job("sms")
    answers = await asyncio.gather(*(desk.send(twice) for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in answers} <= {type(None), BusyError}
    await desk.send(twice)
    assert len(providers.sms.messages) == 1


async def test_the_next_channel_is_queued_again_by_a_job_that_died_before_it_was(
    desk: Desk, providers: Providers
) -> None:
    first = job()
    await desk.send(first)
    queued = desk.next()
    await desk.send(first)
    assert desk.next() == queued
    assert len(providers.whatsapp.messages) == 1


@pytest.mark.usefixtures("api")
async def test_a_text_whose_answer_was_lost_is_not_sent_again_once_its_provider_has_told_of_it(
    desk: Desk, providers: Providers
) -> None:
    lost = job("sms")
    providers.sms.refusals = [Refusal(201, loses=True)]
    with pytest.raises(NotTakenError):
        await desk.send(lost)
    sid, _ = await providers.sms.next()
    assert await providers.sms.call_back(providers.http, sid, "sent") == 204
    await desk.send(lost)
    assert len(providers.sms.messages) == 1
    stored = await desk.env.resources.db.fetchrow("select state, provider_id from texts_sent")
    assert tuple(stored) == ("sent", sid)


async def test_a_worker_that_dies_while_it_sends_leaves_the_text_to_others_after_a_while(
    desk: Desk, providers: Providers
) -> None:
    died = job("sms")
    ((_, id),) = died.ways
    new = sending._new_text(desk.env.resources, died, "sms", id)
    assert await sent.claim(desk.env.resources, new)
    with pytest.raises(BusyError):
        await desk.send(died)
    await desk.env.resources.db.execute("update texts_sent set claimed_until = now()")
    await desk.send(died)
    assert len(providers.sms.messages) == 1


@pytest.mark.parametrize(
    ("refusal", "wait"),
    [
        (Refusal(429, 20429, {"Retry-After": "7"}), 7.0),
        (Refusal(503, 0, {"Retry-After": "86400"}), 300.0),
        (Refusal(503, 0, {"Retry-After": "soon"}), 0.0),
        (Refusal(500, 20500), 0.0),
    ],
)
async def test_what_passes_is_tried_again_when_the_provider_says(
    desk: Desk, providers: Providers, refusal: Refusal, wait: float
) -> None:
    again = job("sms")
    providers.sms.refusals = [refusal]
    with pytest.raises(BusyError if wait else NotTakenError) as error:
        await desk.send(again)
    assert getattr(error.value, "seconds", 0.0) == wait
    assert await desk.rows() == [("sms", "queued", None)]
    await desk.send(again)
    assert await desk.rows() == [("sms", "accepted", None)]


@pytest.mark.parametrize("code", [21211, 21610, 21614])
async def test_a_number_that_gets_no_sms_ends_it_and_is_in_no_log(
    desk: Desk, providers: Providers, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    caplog.set_level("INFO")
    providers.sms.refusals = [Refusal(400, code)]
    await desk.send(job("sms"))
    assert await desk.rows() == [("sms", "failed", code)]
    assert f"code {code}" in caplog.text
    assert PHONE not in caplog.text
    assert VALUES["code"] not in caplog.text


@pytest.mark.parametrize("code", [20003, 21606, 21608])
async def test_an_account_that_is_not_in_order_is_for_operators(desk: Desk, providers: Providers, code: int) -> None:
    providers.sms.refusals = [Refusal(400, code)]
    with pytest.raises(PermanentError) as error:
        await desk.send(job("sms"))
    assert PHONE not in str(error.value)
    assert await desk.rows() == [("sms", "failed", code)]


async def test_a_channel_that_is_not_set_up_leaves_it_to_the_next(desk: Desk, providers: Providers) -> None:
    desk.senders = {"sms": desk.senders["sms"]}
    await desk.send(job())
    await desk.send(desk.next())
    assert len(providers.sms.messages) == 1
    desk.senders = {}
    with pytest.raises(PermanentError):
        await desk.send(job("sms"))


async def test_a_provider_that_is_away_is_told_of_without_what_was_sent(desk: Desk, providers: Providers) -> None:
    desk.senders["sms"]._path = "/nowhere"  # type: ignore[attr-defined]
    with pytest.raises(PermanentError, match="status 404"):
        await desk.send(job("sms"))


async def test_all_texts_of_a_market_have_a_budget_in_which_each_channel_counts(
    api: BazaarApi, change_policy: ChangePolicy
) -> None:
    assert POLICY.otp
    change_policy(otp=replace(POLICY.otp, texts=replace(TEXTS, a_day=Rate("texts", 4, 86_400))))
    phones = (PHONE, OTHER_PHONE, "+12025550103")
    replies = [await api.anyone.post("/auth/otp/send", phone=phone) for phone in phones]
    assert [one.status for one in replies] == [200, 200, 429]


async def test_developers_see_what_would_go_out_by_either_channel(
    desk: Desk, env: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    async with open_senders(msgspec.structs.replace(env.settings, sms="print", whatsapp_number_id="")) as senders:
        desk.senders = senders
        await desk.send(job())
        await desk.send(desk.next())
        assert await desk.rows() == [("whatsapp", "delivered", None)], "there is nobody who would tell of it"
        await desk.send(job("sms"))
    assert capsys.readouterr().out.count(f"text message to {PHONE}\n{CODE.texts['en'].format_map(VALUES)}\n") == 2


@pytest.mark.parametrize("lacks", ["twilio_account", "twilio_token", "twilio_from", "whatsapp_token"])
async def test_a_worker_does_not_start_with_half_an_account(env: Environment, lacks: str) -> None:
    with pytest.raises(SettingsError, match="needs GREENROOM_"):
        async with open_senders(msgspec.structs.replace(env.settings, **{lacks: ""})):
            pass


async def test_a_sender_is_a_messaging_service_or_a_number(desk: Desk, env: Environment, providers: Providers) -> None:
    for sender, field in (("MG" + "1" * 32, "MessagingServiceSid"), ("+12025550100", "From"), ("Bazaar", "From")):
        async with open_senders(msgspec.structs.replace(env.settings, twilio_from=sender)) as senders:
            desk.senders = senders
            await desk.send(job("sms"))
        assert (await providers.sms.next())[1][field] == sender


async def test_an_account_that_another_token_belongs_to_is_refused(
    desk: Desk, env: Environment, providers: Providers
) -> None:
    wrong = msgspec.structs.replace(env.settings, twilio_token="x", whatsapp_token="x")
    async with open_senders(wrong) as senders:
        desk.senders = senders
        for channel, code in (("sms", 20003), ("whatsapp", 190)):
            with pytest.raises(PermanentError, match=f"status 401, code {code}"):
                await desk.send(job(channel))


async def test_a_text_of_the_previous_version_still_goes_out(desk: Desk, providers: Providers) -> None:
    old = {"phone": PHONE, "text": "123456 is your code", "until": clock.now() + timedelta(minutes=1)}
    await desk.send(msgspec.convert(old, SendText))
    assert (await providers.sms.next())[1]["Body"] == "123456 is your code"
