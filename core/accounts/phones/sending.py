"""Codes on their way to a phone: asked for within limits, and sent by a job, whether there is an account or not."""

from typing import Final
from uuid import UUID

from core.accounts import known_devices
from core.accounts.contacts import PHONE, forms
from core.accounts.phones.accounts import LOGIN_BY_PHONE
from core.accounts.phones.numbers import Number, checked, subject
from core.base import errors
from core.limits.budget import Rate
from core.work import rate_limits as limits
from core.work.context import Ctx
from core.work.jobs import TextCode
from core.work.rules import required
from core.work.rules.accounts import RESENDS, OtpRules

LOGIN: Final = "phone login"
CONFIRM: Final = "phone confirmation"
CODES: Final = "codes"  # what the day's texts with codes count for


async def send_code(ctx: Ctx, phone: str, channel: str = "", language: str = "") -> None:
    """Have a code sent that logs in or signs up; neither answer nor time tell whether there is an account.

    `channel`: the one to try first; "": the market's. Raises VALIDATION_ERROR, and RATE_LIMITED with the seconds until this
    number gets the next code.
    """
    number, is_open = await _counted(ctx, phone, channel), required(ctx.policy.otp).signs_up
    job = TextCode(ctx.policy.name, number.e164, LOGIN, to_anybody=is_open, channel=channel, language=language)
    await ctx.resources.jobs.enqueue(job)


async def send_confirmation(ctx: Ctx, phone: str, channel: str = "", language: str = "") -> None:
    """Have a code sent that makes a number the caller's; raises as `send_code` does.

    Also to a number that has another account: only the owner of the phone learns that.
    """
    number = await _counted(ctx, phone, channel)
    job = TextCode(ctx.policy.name, number.e164, CONFIRM, True, str(ctx.user.id), channel, language)
    await ctx.resources.jobs.enqueue(job)


async def take_text(ctx: Ctx, number: Number) -> None:
    """Count a text without a code in budgets of its own: texts that people cause use up nobody's codes. Raises RATE_LIMITED."""
    rules, keys, kind = required(ctx.policy.otp), ctx.resources.keys, "text"
    itself, block = subject(keys, number.e164), subject(keys, number.block)
    of_number = [(rules.number, f"{kind} {itself}"), (rules.block, f"{kind} {block}")]
    of_others = [(rules.address, ctx.remote), (rules.country, f"{kind} {number.country}")]
    await limits.take_all(ctx, *of_number, *of_others, *_of_market(rules, kind))


async def _counted(ctx: Ctx, phone: str, channel: str) -> Number:
    """Return the number, and count a code for all whom it counts for, or for nobody; raises as `send_code` does."""
    rules, keys = required(ctx.policy.otp), ctx.resources.keys
    if channel and channel not in rules.texts.channels:
        raise errors.invalid("channel", f"Must be one of: {', '.join(rules.texts.channels)}")
    number = checked(phone, rules)
    itself, block = subject(keys, number.e164), subject(keys, number.block)
    # Where its owner has logged in before, codes count apart: strangers cannot use up hers.
    if known := await _known_device(ctx, number):
        itself = f"{itself} {known}"
    of_number = [(rate, itself) for rate in (*RESENDS, rules.number)]
    of_others = [(rules.block, block), (rules.address, ctx.remote), (rules.country, str(number.country))]
    await limits.take_all(ctx, *of_number, *of_others, *_of_market(rules, CODES))
    return number


def _of_market(rules: OtpRules, kind: str) -> list[tuple[Rate, str]]:
    """Return what a text counts for in the whole market: once for each channel that may be paid for."""
    return [(rules.texts.a_day, kind)] * len(rules.texts.channels)


async def _known_device(ctx: Ctx, number: Number) -> UUID | None:
    """Return the device of this call, if the owner of the number was logged in on it."""
    device = ctx.resources.keys.device(ctx.device)
    known_as = forms(ctx.resources.sealing, ctx.policy, PHONE, number.e164)
    row = await LOGIN_BY_PHONE(ctx.db, ctx.policy.name, known_as, ctx.remote, "")
    is_known = device and row and known_devices.is_known(device, row.id, row.devices_forgotten_at)
    return device.device if device and is_known else None
