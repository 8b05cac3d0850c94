"""The calls of the sandbox, its webhooks, and its page. It speaks in the words of our port."""

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import msgspec
from aiohttp import ClientError, ClientSession, web

from cli.sandbox_payments import page
from cli.sandbox_payments.faults import Faults
from core.base import clock
from core.payments.port import Seen, SeenRefund, SeenSubscription
from core.payments.providers.sandbox import KEY, SECRET, SIGNATURE, signature

AGAIN_SECONDS = (1.0, 5.0, 30.0)  # after which a webhook is sent again that was not taken


class RefusedCallError(Exception):
    """What was asked for is not possible now; the message is the answer."""


class SandboxPayments:
    """The server. Tests set its `faults`, others do by POST /faults. What is there is by its ref, `forms` is what made it."""

    def __init__(self, http: ClientSession, faults: Faults) -> None:
        self.url = ""
        self.faults = faults
        self.payments: dict[str, Seen] = {}
        self.sales: dict[str, SeenSubscription] = {}
        self.forms: dict[str, dict[str, str]] = {}
        self.held: list[tuple[str, bytes]] = []  # webhooks: where they go, and their bodies
        self.sending: set[asyncio.Task[None]] = set()
        self._http = http
        self._answers: dict[str, object] = {}  # by idempotency keys

    def routes(self) -> list[web.RouteDef]:
        """Return the calls."""
        return [
            web.get("/{kind:payments|subscriptions}", self._call(self._list)),
            web.get("/{kind:payments|subscriptions}/{ref}", self._call(self._get)),
            web.post("/{kind:payments|subscriptions}", self._call(self._create)),
            web.post(
                "/payments/{ref}/capture", self._call(lambda form: self.capture(form["ref"], int(form["amount"])))
            ),
            web.post("/payments/{ref}/cancel", self._call(lambda form: self.cancel(form["ref"]))),
            web.post(
                "/payments/{ref}/refunds",
                self._call(lambda form: self.refund(form["ref"], int(form["amount"]), form["id"])),
            ),
            web.post("/subscriptions/{ref}/cancel", self._call(self._unsubscribe)),
            web.get("/pay/{ref}", self._page),
            web.post("/pay/{ref}", self._pressed),
            web.post("/faults", self._set_faults),
        ]

    def pay(self, ref: str) -> None:
        """Let somebody pay for a payment, or for the next period of a subscription."""
        if ref in self.sales:
            return self._renew(ref)
        one, faults = self._waiting(ref, "pending"), self.faults
        amount, currency = one.amount + faults.amount, faults.currency or one.currency
        is_manual = self.forms[ref]["is_manual"] == "True"
        state, captured = ("authorized", 0) if is_manual else ("succeeded", amount)
        self.change(ref, state, amount=amount, currency=currency, state=state, captured=captured, charge=ref, error="")
        return None

    def decline(self, ref: str) -> None:
        """Let somebody try a bad card; she may try again."""
        self._waiting(ref, "pending")
        self.change(ref, "declined", error="Your card was declined")

    def capture(self, ref: str, amount: int) -> object:
        if not 0 < amount <= self._waiting(ref, "authorized").amount:
            raise RefusedCallError("So much was not authorized")
        return self.change(ref, "captured", state="succeeded", captured=amount)

    def cancel(self, ref: str) -> object:
        self._waiting(ref, "pending", "authorized")
        return self.change(ref, "canceled", state="canceled")

    def refund(self, ref: str, amount: int, reference: str = "") -> object:
        """Refund a part of a payment; without a reference as its merchant does on the provider's pages."""
        one = self._waiting(ref, "succeeded")
        if not 0 < amount <= one.captured - one.refunded:
            raise RefusedCallError("So much cannot be refunded")
        refunds = (*(one.refunds or ()), SeenRefund(f"re_{uuid4().hex}", reference, amount, "succeeded"))
        return self.change(ref, "refunded", refunded=one.refunded + amount, refunds=refunds)

    def change(self, ref: str, event: str, **fields: object) -> object:
        """Change a payment, and tell of it."""
        self.payments[ref] = msgspec.structs.replace(self.payments[ref], **fields)
        self._tell(f"payment.{event}", ref)
        return self._shown(self.payments[ref])

    def change_sale(self, ref: str, event: str, **fields: object) -> None:
        """Change a subscription, and tell of it."""
        self.sales[ref] = msgspec.structs.replace(self.sales[ref], **fields)
        self._tell(f"subscription.{event}", ref)

    async def release(self) -> None:
        """Send the webhooks that were held."""
        held, self.held = self.held, []
        for hook in reversed(held) if self.faults.reversed else held:
            for _ in range(self.faults.repeats):
                await self._post(*hook)

    async def stop(self) -> None:
        """Send no more webhooks."""
        for task in self.sending:
            task.cancel()
        if self.sending:
            await asyncio.wait(self.sending)

    def _renew(self, ref: str) -> None:
        sale, form, paid = self.sales[ref], self.forms[ref], f"pay_{uuid4().hex}"
        amount = int(form["amount"]) + self.faults.amount
        self.payments[paid] = Seen(
            paid, "", "succeeded", amount, form["currency"], captured=amount, charge=paid, refunds=()
        )
        self.forms[paid] = form
        end = max(sale.period_end or clock.now(), clock.now()) + timedelta(days=int(form["days"]))
        payments = (*sale.payments, self._shown(self.payments[paid]))[-5:]
        self.change_sale(ref, "renewed", state="active", period_end=end, payments=payments)

    def _waiting(self, ref: str, *states: str) -> Seen:
        if self.payments[ref].state not in states:
            raise RefusedCallError(f"This is {self.payments[ref].state}")
        return self.payments[ref]

    def _tell(self, type: str, ref: str) -> None:
        url = self.forms[ref]["hook_url"]
        octets = msgspec.json.encode({"id": f"evt_{uuid4().hex}", "type": type, "object": {"id": ref}})
        if self.faults.hooks == "held":
            self.held.append((url, octets))
        elif self.faults.hooks == "sent" and url:
            for _ in range(self.faults.repeats):
                task = asyncio.create_task(self._send(url, octets))
                self.sending.add(task)
                task.add_done_callback(self.sending.discard)

    async def _send(self, url: str, octets: bytes) -> None:
        for seconds in AGAIN_SECONDS:
            if await self._post(url, octets):
                return
            await asyncio.sleep(seconds)

    async def _post(self, url: str, octets: bytes) -> bool:
        headers = {SIGNATURE: signature(SECRET, octets, int(clock.now().timestamp()))}
        with contextlib.suppress(ClientError, TimeoutError, OSError):
            async with self._http.post(url, data=octets, headers=headers) as answer:
                return answer.status < 300
        return False

    def _call(self, do: Callable[[dict[str, str]], object]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the handler of a call, which has the faults that are set."""

        async def answer(request: web.Request) -> web.StreamResponse:
            faults, changes = self.faults, request.method == "POST"
            form = {name: str(value) for name, value in (await request.post() or request.query).items()}
            if faults.away:
                return _json("away", 503)
            if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {KEY}".encode()):
                return _json("wrong key", 401)
            if changes and faults.errors > 0:
                faults.errors -= 1
                return _json("error", 500)
            try:
                value = self._once(request, form | request.match_info, do)
            except KeyError:
                return _json("There is nothing like that", 404)
            except (RefusedCallError, ValueError) as error:
                return _json(str(error), 400)
            if changes and faults.cuts > 0 and request.transport:
                faults.cuts -= 1
                request.transport.abort()
            return _json(value)

        return answer

    def _once(self, request: web.Request, form: dict[str, str], do: Callable[[dict[str, str]], object]) -> object:
        key = request.headers.get("Idempotency-Key", "")
        if not key or not self.faults.has_keys:
            return do(form)
        known = f"{request.path} {key}"
        if known not in self._answers:
            self._answers[known] = do(form)
        return self._answers[known]

    def _list(self, form: dict[str, str]) -> object:
        all = self.payments if form["kind"] == "payments" else self.sales
        return {"data": [self._shown(one) for one in all.values() if one.reference == form["id"]]}

    def _get(self, form: dict[str, str]) -> object:
        return self._shown((self.payments if form["kind"] == "payments" else self.sales)[form["ref"]])

    def _create(self, form: dict[str, str]) -> object:
        ref, amount = uuid4().hex, int(form["amount"])
        if amount <= 0:
            raise RefusedCallError("An amount must be above 0")
        url, reference = f"{self.url}/pay/{ref}", form["id"]
        self.forms[ref] = form
        if form["kind"] == "subscriptions":
            self.sales[ref] = SeenSubscription(ref, reference, "incomplete", None, pay_url=url)
        else:
            self.payments[ref] = Seen(ref, reference, "pending", amount, form["currency"], pay_url=url, refunds=())
        return self._get({**form, "ref": ref})

    def _unsubscribe(self, form: dict[str, str]) -> object:
        ref, state = form["ref"], "canceled" if form["at_end"] else "ended"
        if self.sales[ref].state == state:
            raise RefusedCallError("It is canceled already")
        self.change_sale(ref, state, state=state)
        return self.sales[ref]

    def _shown(self, one: Seen | SeenSubscription) -> Seen | SeenSubscription:
        if isinstance(one, Seen) and not self.faults.has_refund_ids:
            return msgspec.structs.replace(one, refunds=None)
        return one

    async def _set_faults(self, request: web.Request) -> web.Response:
        self.faults = msgspec.json.decode(await request.read(), type=Faults)
        if self.faults.hooks == "sent":
            await self.release()
        return _json(self.faults)

    async def _page(self, request: web.Request) -> web.Response:
        return self._html(request.match_info["ref"])

    async def _pressed(self, request: web.Request) -> web.Response:
        ref, form = request.match_info["ref"], await request.post()
        if ref not in self.forms:
            raise web.HTTPNotFound
        card, press = "".join(str(form.get("card", "")).split()), form.get("press")
        with contextlib.suppress(RefusedCallError, KeyError):  # it is paid already, or its first period is
            if press == "pay" and card == page.GOOD_CARD:
                self.pay(ref)
            elif press != "close":
                self.decline(ref)
        if (press != "close" and card != page.GOOD_CARD) or press == "decline":
            return self._html(ref, "Your card was declined. Try another one.", 402)
        return web.Response(status=303, headers={"Location": self.forms[ref]["return_url"]})

    def _html(self, ref: str, problem: str = "", status: int = 200) -> web.Response:
        if ref not in self.forms:
            raise web.HTTPNotFound
        state = (self.payments.get(ref) or self.sales[ref]).state
        text = page.checkout(self.forms[ref], state, problem)
        return web.Response(text=text, status=status, content_type="text/html", headers=page.HEADERS)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
