"""Codes on their way to a phone: asked for within limits, and sent by a job, whether there is an account or not."""

from typing import Final
from uuid import UUID

from core.accounts import known_devices
from core.accounts.contacts import PHONE, forms
from core.accounts.phones.accounts import LOGIN_BY_PHONE
from core.accounts.phones.numbers import Number, checked, subject
from core.work import rate_limits as limits
from core.work.account_rules import RESENDS, required
from core.work.context import Ctx
from core.work.jobs import TextCode

LOGIN: Final = "phone login"
CONFIRM: Final = "phone confirmation"


async def send_code(ctx: Ctx, phone: str) -> None:
    """Have a code sent that logs in or signs up; neither answer nor time tell whether there is an account.

    Raises VALIDATION_ERROR, and RATE_LIMITED with the seconds until this number gets the next code.
    """
    rules = required(ctx.policy.otp)
    number = checked(phone, rules)
    await _take(ctx, number)
    await ctx.resources.jobs.enqueue(TextCode(ctx.policy.name, number.e164, LOGIN, to_anybody=rules.signs_up))


async def send_confirmation(ctx: Ctx, phone: str) -> None:
    """Have a code sent that makes a number the caller's; raises as `send_code` does.

    Also to a number that has another account: only whoever has it learns that.
    """
    number = checked(phone, required(ctx.policy.otp))
    await _take(ctx, number)
    await ctx.resources.jobs.enqueue(
        TextCode(ctx.policy.name, number.e164, CONFIRM, to_anybody=True, user_id=str(ctx.user.id))
    )


async def _take(ctx: Ctx, number: Number) -> None:
    """Count a code for all whom it counts for, or for nobody; raises RATE_LIMITED."""
    rules, keys = required(ctx.policy.otp), ctx.resources.keys
    itself, block = subject(keys, number.e164), subject(keys, number.block)
    # Where its owner has logged in before, codes count apart: strangers cannot use up hers.
    if known := await _known_device(ctx, number):
        itself = f"{itself} {known}"
    of_number = [(rate, itself) for rate in (*RESENDS, rules.number)]
    of_others = [(rules.block, block), (rules.address, ctx.remote), (rules.country, str(number.country))]
    await limits.take_all(ctx, *of_number, *of_others)


async def _known_device(ctx: Ctx, number: Number) -> UUID | None:
    """Return the device that asks, if whoever has the number was logged in there."""
    device = ctx.resources.keys.device(ctx.device)
    known_as = forms(ctx.resources.sealing, ctx.policy, PHONE, number.e164)
    row = await LOGIN_BY_PHONE(ctx.db, ctx.policy.name, known_as, ctx.remote, "")
    is_known = device and row and known_devices.is_known(device, row.id, row.devices_forgotten_at)
    return device.device if device and is_known else None
