"""Accounts without an e-mail address: what mails leaves them out, and they can get one."""

from dataclasses import replace
from uuid import UUID, uuid4

from core.accounts import email_changes
from core.accounts.alerts import alert
from core.accounts.logins import authenticate
from core.accounts.phones.logins import confirm
from core.accounts.phones.sending import send_confirmation
from core.notifications import deliveries
from core.operations import inspection
from core.work.context import Ctx
from core.work.jobs import MailAlert, MailUser
from tests.flow.accounts.conftest import PHONE, Phones
from tests.flow.conftest import Environment, at_bazaar
from tests.flow.workers.conftest import Mailbox
from workers.accounts import mail_alert
from workers.mail import mail_user

pytestmark = at_bazaar


async def ann_of(phones: Phones) -> Ctx:
    """Return the call of somebody who has a number and no address."""
    login = await phones.signed_up()
    assert login.tokens
    user = await authenticate(phones.env.resources, "bazaar", login.tokens.access_token)
    return replace(phones.anyone(), caller=user)


def token_in(text: str) -> str:
    lines = text.splitlines()
    return lines[lines.index("Or enter this code:") + 1]


async def test_an_address_is_added_once_its_mailbox_confirms_it(phones: Phones, mailbox: Mailbox) -> None:
    ctx, new = await ann_of(phones), f"{uuid4()}@example.com"
    await email_changes.ask(ctx, new)
    mail = await mailbox.next()
    assert mail["To"] == new
    assert await email_changes.confirm(phones.anyone(), token_in(mail.get_content()))
    assert await phones.env.resources.db.fetchval("select email from users where id = $1", ctx.user.id) == new
    assert await phones.env.resources.db.fetchval("select count(*) from sessions where ended_at is null") == 1
    assert mailbox.mails.empty()


async def test_nobody_is_mailed_who_has_no_address(phones: Phones, env: Environment, mailbox: Mailbox) -> None:
    ctx = await ann_of(phones)
    assert await alert(ctx, ctx.user.id, ctx.user.email, "login") is None
    await mail_user(env.settings, env.resources, MailUser(str(ctx.user.id), "Subject", "Text"))
    await mail_alert(
        env.resources, MailAlert(str(ctx.user.id), "login", await env.resources.db.fetchval("select now()"), "x", "y")
    )
    assert mailbox.mails.empty()


async def test_a_confirmed_number_is_reported_to_the_mailbox_of_the_account(
    phones: Phones, env: Environment, mailbox: Mailbox
) -> None:
    user, _ = await env.person("Bob")
    ctx = replace(phones.anyone(), caller=user)
    await send_confirmation(ctx, PHONE)
    await confirm(ctx, PHONE, (await phones.texts.next()).code)
    mail = await mailbox.next()
    assert (mail["To"], mail["Subject"]) == (user.email, "A phone number of your account at Bazaar")
    assert PHONE not in mail.get_content()


async def test_a_notification_is_not_claimed_for_a_mail_without_an_address(phones: Phones, env: Environment) -> None:
    ctx, db, id = await ann_of(phones), env.resources.db, uuid4()
    await db.execute(
        "insert into notifications (id, user_id, type, title, message) values ($1, $2, 'x', 'Title', 'Message')",
        id, ctx.user.id,
    )  # fmt: skip
    now = await db.fetchval("select now()")
    assert await deliveries.CLAIM(db, [id], True, False, now) == []
    await db.execute("update users set email = 'ann@example.com'")
    (claimed,) = await deliveries.CLAIM(db, [id], True, False, now)
    assert claimed.mail
    await db.execute("update users set email = null")
    assert await deliveries.MAIL(db, id, now) is None


async def test_operators_find_whoever_has_no_address_by_name(phones: Phones, env: Environment) -> None:
    ctx = await ann_of(phones)
    found = await inspection.USERS_BY_WORDS(env.resources.db, "ann", 20, 1000)
    assert [(one.id, one.email) for one in found] == [(ctx.user.id, None)]


async def test_two_accounts_without_an_address_are_two(phones: Phones, env: Environment) -> None:
    for phone in ("+12025550101", "+12025550102"):
        await phones.signed_up(phone)
    rows = await env.resources.db.fetch("select id from users where email is null")
    assert len({UUID(str(row["id"])) for row in rows}) == 2
