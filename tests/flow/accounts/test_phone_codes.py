"""Codes on their way to phones: how many, to whom, and what the answer gives away."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from core.accounts import known_devices
from core.accounts.one_time import codes
from core.accounts.phones.sending import LOGIN, send_code
from core.base import clock
from core.base.errors import AppError
from core.base.ids import uuid7
from core.limits.budget import Rate, Window
from core.work.jobs import SendText, TextCode
from core.work.rate_limits import RateLimitedError
from core.work.rules.accounts import OtpRules
from tests.flow.accounts.conftest import OTHER_PHONE, PHONE, RULES, Phones, Texts
from tests.flow.conftest import Environment, at_bazaar
from workers.texting.phones import text_code
from workers.texting.providers import Printer
from workers.texting.sending import send_text

pytestmark = at_bazaar
FAR_AWAY = "+14155550101"  # of another ten thousand numbers


async def refused(phones: Phones, phone: str, remote: str = "192.0.2.1") -> float:
    """Return after how many seconds the number gets a code."""
    with pytest.raises(RateLimitedError) as error:
        await send_code(phones.anyone(remote), phone)
    return error.value.retry_after


async def test_a_number_gets_its_next_code_after_a_minute_from_wherever_it_is_asked_for(phones: Phones) -> None:
    await phones.code()
    assert 50 <= await refused(phones, PHONE) <= 60
    assert 50 <= await refused(phones, "(202) 555-0101", "198.51.100.7") <= 60
    assert await phones.code(OTHER_PHONE)


@pytest.mark.parametrize(
    ("rules", "other"),
    [
        (replace(RULES, address=Rate("otp-address", 1, 3600)), FAR_AWAY),
        (replace(RULES, block=Rate("otp-block", 1, 3600)), OTHER_PHONE),
        (replace(RULES, country=Rate("otp-country", 1, 3600)), FAR_AWAY),
    ],
)
async def test_an_address_a_block_of_numbers_and_a_country_have_their_budgets(
    phones: Phones, rules: OtpRules, other: str
) -> None:
    phones.rules = rules
    await phones.code()
    assert await refused(phones, other) > 3000


async def test_strangers_do_not_use_up_the_codes_of_a_device_on_which_the_number_was_logged_in(
    phones: Phones, env: Environment
) -> None:
    login = await phones.signed_up()
    await phones.code()
    await refused(phones, PHONE)
    keys = env.resources.keys
    for user_id, gets_one in ((login.account.id, True), (uuid7(), False)):
        ctx = replace(phones.anyone(), device=known_devices.renewed(keys, "", user_id))
        if gets_one:
            await send_code(ctx, PHONE)
            assert (await phones.texts.next()).to == PHONE
        with pytest.raises(RateLimitedError):
            await send_code(ctx, PHONE)


async def test_a_refused_code_is_charged_to_no_limit(phones: Phones) -> None:
    phones.rules = replace(RULES, country=Window("otp-country", 2, 3600))
    await phones.code()
    await refused(phones, PHONE)
    await phones.code(OTHER_PHONE)
    assert await refused(phones, FAR_AWAY) > 3000


async def test_limits_know_a_number_by_nothing_from_which_it_can_be_found_out(
    phones: Phones, env: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    await phones.code()
    await refused(phones, PHONE)
    keys = str(await env.resources.redis.keys("limit:*"))
    assert "otp-number" in keys
    assert "otp-resend-1" in caplog.text
    guess = sha256(PHONE.encode()).hexdigest()
    assert [one for one in (PHONE, guess[:8]) if one in keys + caplog.text] == []


@pytest.mark.parametrize("phone", ["", "12", "+966512345678", "+18005550199", "+12025550101 ext 5", "1" * 1000])
async def test_an_invalid_number_or_one_of_another_country_is_refused_and_charged_to_no_limit(
    phones: Phones, phone: str
) -> None:
    phones.rules = replace(RULES, address=Window("otp-address", 1, 3600))
    with pytest.raises(AppError) as error:
        await send_code(phones.anyone(), phone)
    assert error.value.kind.code == "VALIDATION_ERROR"
    assert await phones.code()


async def test_without_sign_ups_a_number_without_an_account_is_answered_the_same_and_gets_nothing(
    phones: Phones, env: Environment
) -> None:
    await phones.signed_up()
    phones.rules = replace(RULES, signs_up=False)
    await send_code(phones.anyone(), OTHER_PHONE)
    assert await phones.code()
    await text_code(env.resources, TextCode("bazaar", OTHER_PHONE, LOGIN, to_anybody=False))
    assert await env.resources.db.fetchval("select count(*) from one_time_codes where subject = $1", OTHER_PHONE) == 0
    assert phones.texts.sent.empty()


async def test_a_text_that_comes_too_late_is_not_sent(texts: Texts, env: Environment) -> None:
    for late, count in ((timedelta(minutes=-1), 0), (timedelta(minutes=1), 1)):
        job = SendText(PHONE, "123456", clock.now() + late)
        await send_text(env.resources, {"sms": Printer()}, job)
        assert texts.sent.qsize() == count


async def test_codes_that_expired_are_forgotten_by_the_tidying(phones: Phones, env: Environment) -> None:
    await phones.code()
    await codes.FORGET(env.resources.db, clock.now(), 10)
    assert await env.resources.db.fetchval("select count(*) from one_time_codes") == 1
    await codes.FORGET(env.resources.db, clock.now() + codes.LIFETIME, 10)
    assert await env.resources.db.fetchval("select count(*) from one_time_codes") == 0
