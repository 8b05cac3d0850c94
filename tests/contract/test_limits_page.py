"""The figures of docs/limits.md are those of the code, row by row."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from api import admission
from api.calls import body
from api.files import blobs, multipart, transfers
from api.ops import operators, routes
from core import reports
from core.accounts import alerts
from core.chat import blocking, invitations
from core.limits.budget import Rate
from core.messages import search as message_search
from core.payments.checkout import rules as payments
from core.verification.kinds import Kind
from core.webhooks import WebhookRules
from core.work.policy import MAILS
from core.work.rules import accounts as phones
from core.work.rules import support
from marketplaces.onswift.policy import POLICY
from realtime.engine import config, door
from realtime.engine.http import connection, serving
from realtime.engine.limits import budget, guard
from realtime.engine.socketio import sockets
from realtime.engine.transports import polling, websocket
from realtime.gateway import limits

PAGE = (Path(__file__).parents[2] / "docs/limits.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.splitlines()
    if re.match(r"\| [^|]+ \| [^|]+ \| [^|]+ \| [^|]+ \|$", line)
]
WORDS = {"one": 1, "two": 2, "three": 3, "five": 5}
NUMBER = re.compile(rf"(?<![\w-])(\d[\d,]*|{'|'.join(WORDS)})(?: ?(KB|MB))?\b")
UNITS = {"": 1, "KB": 1024, "MB": 1024 * 1024}
MINUTE = 60


def figures(text: str) -> list[float]:
    """Return the numbers of a text, bytes without their unit."""
    return [
        (WORDS[number] if number in WORDS else int(number.replace(",", ""))) * UNITS[unit]
        for number, unit in NUMBER.findall(text)
    ]


def refilled(rate: Rate) -> list[float]:
    """Return the figures of "so many, then so many a second"."""
    return [rate.count, rate.count / rate.seconds]


def window(*rates: Rate) -> list[float]:
    """Return the figures of "so many in any so many minutes", the same for all of these."""
    assert len({(rate.count, rate.seconds) for rate in rates}) == 1
    return [rates[0].count, rates[0].seconds / MINUTE]


def counts(seconds: int, *rates: Rate) -> list[float]:
    """Return the figures of "so many and so many a minute", an hour or a day."""
    assert {rate.seconds for rate in rates} == {seconds}
    return [rate.count for rate in rates]


HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
ACCOUNT = POLICY.login.account
FIGURES: dict[str, Sequence[float]] = {
    "`messages`": refilled(POLICY.messages),
    "`events`": refilled(limits.OTHER_EVENTS),
    "`sockets`": [limits.SOCKETS],
    "`failed-connects`": refilled(limits.FAILED_CONNECTS),
    "`user`": counts(MINUTE, POLICY.per_user),
    "`holder`": counts(MINUTE, POLICY.per_holder),
    "`address`": counts(MINUTE, POLICY.per_address),
    "`address-changes`": counts(MINUTE, POLICY.per_address_changes),
    "calls under way": (),
    "`requests`": refilled(admission.REQUESTS),
    "`login`, `login-device`, `password-change`": window(
        POLICY.login.address, POLICY.login.device, POLICY.password_change
    ),
    "`login-account`": [ACCOUNT.count, 1, ACCOUNT.interval],
    "`codes`": window(POLICY.codes),
    "`sign-up`, `mails`": counts(HOUR, POLICY.sign_ups)[:1] * len({POLICY.sign_ups.count, MAILS.count}),
    "`welcome`, `verification`, `password-reset`, `email-change`": [
        *{
            *counts(
                HOUR,
                *(
                    one.mailbox
                    for one in (POLICY.welcome, POLICY.verification, POLICY.password_reset, POLICY.email_change)
                ),
            )
        }
    ],
    "`alert-login`, `alert-password`": [*{*counts(DAY, alerts.LOGINS, alerts.PASSWORDS)}],
    "`otp-resend-1` to `otp-resend-4`": [figure for one in phones.RESENDS for figure in (one.count, one.seconds)],
    "`otp-number`": counts(DAY, phones.OtpRules.number),
    "`otp-block`, `otp-address`, `otp-country`": counts(
        HOUR, phones.OtpRules.block, phones.OtpRules.address, phones.OtpRules.country
    ),
    "`texts`": counts(DAY, phones.TextRules.a_day),
    "`identity`, `identity-address`": counts(HOUR, Kind("x").starts, Kind("x").from_address),
    "`otp-wrong-address`": window(phones.OtpRules.wrong_of_address),
    "`uploads`, `export`": counts(HOUR, POLICY.uploads, POLICY.exports),
    "`invitations`": [invitations.INVITATIONS.count, 1, round(invitations.INVITATIONS.interval / MINUTE)],
    "`blocks`": [blocking.BLOCKS.count, 1, round(blocking.BLOCKS.interval)],
    "`webhook-tests`": counts(HOUR, WebhookRules({}).tests),
    "`reports`": [reports.REPORTS.count, 1, round(reports.REPORTS.interval / MINUTE)],
    "`tickets`": [support.OPENED.count, 1, round(support.OPENED.interval / MINUTE)],
    "`payments`, `payment-refunds`, `payment-returns`": [
        *counts(HOUR, payments.BEGINS, payments.REFUNDS),
        *counts(MINUTE, payments.RETURNS),
    ],
    "`operators`, `operator_guesses`": counts(MINUTE, routes.USUAL, operators.GUESSES),
    "traffic of a client": [*refilled(config.TRAFFIC), 1, 1, budget.UNIT],
    "work of a turn": [budget.SLICE, budget.TURN],
    "refusals: error acks": refilled(config.REFUSALS),
    "refusals of an address": refilled(config.REFUSALS),
    "packets of a payload": [polling.MAX_PACKETS],
    "pongs that may be missing": [budget.EXCUSES],
    "joining a namespace": [config.Config().connect_timeout],
    "connections of an address that have sent no head yet": [config.MAX_HEADS],
    "sessions of an address that no namespace has let in yet": [config.MAX_STRANGERS],
    "connections of HTTP of an address": [config.MAX_KEPT],
    "bytes of messages, attachments, payloads and bodies of an address": [config.MAX_HELD],
    "bytes of answers that clients of an address do not take": [config.MAX_UNREAD, connection.ANSWER_HELD],
    "requests of an HTTP connection that are parsed": [connection.PIPELINED],
    "items of a": sorted({most for _, _, most in serving.MOST_ITEMS}, reverse=True),
    "bytes read in a turn": [budget.READ_OF_TURN, budget.AT_MOST, 1, budget.LITTLE],
    "bytes that the kernel keeps of a connection that is not read": [door.RECEIVED],
    "bytes that wait for a client that is behind": [websocket.OVERFLOW],
    "bytes that may wait before a client is behind": [
        websocket.HIGH_WATER,
        connection.ANSWER_WATER,
        guard.WATER,
        guard.LEAST_WATER,
    ],
    "bytes after our close frame": [websocket.GRACE],
    "a search in one's own messages": [message_search.MOST_MILLISECONDS],
    "all of a body": [body.BODY_SECONDS, multipart.FORM_SECONDS / MINUTE, polling.POST_TIME],
    "a message of a client that is in no namespace yet": [sockets.MAX_CONNECT_BYTES],
    "framing of a body's chunks": [connection.FRAMING, connection.PIECE],
    "traffic of an address": refilled(config.TRAFFIC_OF_ADDRESS),
    "probes of an address": refilled(config.PROBES),
    "requests of an address that are late": [config.MAX_LATE],
    "connections and requests that a turn begins to serve": [budget.TURN / budget.SERVE, budget.TURN / budget.PARSE],
    "transfers of files of an address": [transfers.MAX_TRANSFERS, transfers.MAX_UPLOADS],
    "a client that reads a file": [blobs.CHUNK, blobs.STALL_SECONDS],
    "a head": [connection.MAX_HEAD, connection.HEAD_TIME],
    "a body, as long as we take it": [connection.BODY_LEAST, connection.BODY_TIME],
    "a connection between two requests": [connection.IDLE_TIME],
}
WITHOUT = {"limit", "what", "what is no HTTP, such as TLS", "---"}


def test_every_row_has_its_figures_here() -> None:
    assert len(ROWS) > len(FIGURES)
    unknown = [row[0] for row in ROWS if row[0] not in WITHOUT and not any(row[0].startswith(one) for one in FIGURES)]
    assert unknown == []


@pytest.mark.parametrize("what", FIGURES)
def test_a_row_has_the_figures_of_the_code(what: str) -> None:
    row = next(row for row in ROWS if row[0].startswith(what))
    said = figures(row[2] if what.startswith("`") else row[1])
    assert said[: len(FIGURES[what])] == list(FIGURES[what])
