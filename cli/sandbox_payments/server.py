"""The calls of the sandbox, its webhooks, and its page."""

import asyncio
import contextlib
import hmac
from collections.abc import Awaitable, Callable
from uuid import uuid4

import msgspec
from aiohttp import ClientError, ClientSession, web

from cli.sandbox_payments import page, payments
from cli.sandbox_payments.payments import Faults, Payment, RefusedCallError, Sale
from core.base import clock
from core.payments.port import Seen, SeenSubscription
from core.payments.providers.sandbox import KEY, SECRET, SIGNATURE, signature

AGAIN_SECONDS = (1.0, 5.0, 30.0)  # after which a webhook is sent again that was not taken


class Hook(msgspec.Struct):
    """A webhook: where it goes, and its body."""

    url: str
    octets: bytes


class SandboxPayments:
    """The server. Tests set its `faults`, or anybody by POST /faults; `hooks` are those that were held."""

    def __init__(self, http: ClientSession, faults: Faults) -> None:
        self.url = ""
        self.faults = faults
        self.payments: dict[str, Payment] = {}
        self.sales: dict[str, Sale] = {}
        self.hooks: list[Hook] = []
        self.calls: list[str] = []
        self._http = http
        self._made: dict[str, object] = {}  # by idempotency keys
        self._sending: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the calls."""
        changes: dict[str, Callable[[web.Request, dict[str, str]], object]] = {
            "/payments": self._create,
            "/payments/{ref}/capture": lambda request, form: self._changed(
                request, "captured", lambda one: payments.captured(one, int(form["amount"]))
            ),
            "/payments/{ref}/cancel": lambda request, _form: self._changed(request, "canceled", payments.canceled),
            "/payments/{ref}/refunds": lambda request, form: self._changed(
                request, "refunded", lambda one: payments.refunded(one, int(form["amount"]), form["reference"])
            ),
            "/subscriptions": self._subscribe,
            "/subscriptions/{ref}/cancel": self._unsubscribe,
        }
        reads: dict[str, Callable[[web.Request], object]] = {
            "/payments": lambda request: {
                "data": [self._shown(one) for one in self.payments.values() if _is_asked(one, request)]
            },
            "/payments/{ref}": lambda request: self._shown(self.payments[request.match_info["ref"]]),
            "/subscriptions": lambda request: {
                "data": [one.seen for one in self.sales.values() if _is_asked(one, request)]
            },
            "/subscriptions/{ref}": lambda request: self.sales[request.match_info["ref"]].seen,
        }
        return [
            *(web.post(path, self._call(self._change(path, do))) for path, do in changes.items()),
            *(web.get(path, self._call(self._read(do))) for path, do in reads.items()),
            web.get("/pay/{ref}", self._page),
            web.post("/pay/{ref}", self._pressed),
            web.post("/faults", self._set_faults),
        ]

    # What happens there, without a call of ours; each is told by a webhook.

    def pay(self, ref: str) -> None:
        """Let somebody pay for a payment, or for the first period of a subscription."""
        if ref in self.sales:
            return self.renew(ref)
        payments.paid(self.payments[ref], self.faults)
        return self._tell(f"payment.{self.payments[ref].seen.state}", ref)

    def decline(self, ref: str) -> None:
        if ref in self.payments:
            payments.declined(self.payments[ref])
            self._tell("payment.declined", ref)

    def refund(self, ref: str, amount: int) -> None:
        """Refund something as the merchant does on the pages of the provider."""
        payments.refunded(self.payments[ref], amount, "")
        self._tell("payment.refunded", ref)

    def fail_refund(self, ref: str) -> None:
        payments.refund_failed(self.payments[ref])
        self._tell("payment.refund_failed", ref)

    def dispute(self, ref: str, state: str = "open", withdrawn: int | None = None) -> None:
        one = self.payments[ref]
        held = one.seen.captured - one.seen.refunded if withdrawn is None else withdrawn
        payments.disputed(one, state, held)
        self._tell(f"payment.dispute_{state}", ref)

    def renew(self, ref: str) -> None:
        payment = payments.renewed(self.sales[ref])
        self.payments[payment.seen.ref] = payment
        self._tell("subscription.renewed", ref)

    def change_sale(self, ref: str, state: str) -> None:
        """Let a subscription be `past_due` or `ended`."""
        self.sales[ref].seen = msgspec.structs.replace(self.sales[ref].seen, state=state)
        self._tell(f"subscription.{state}", ref)

    async def release(self) -> None:
        """Send the webhooks that were held."""
        held, self.hooks = self.hooks, []
        for hook in reversed(held) if self.faults.reversed else held:
            for _ in range(self.faults.repeats):
                await self._post(hook)

    async def stop(self) -> None:
        """Send no more webhooks."""
        for task in self._sending:
            task.cancel()
        if self._sending:
            await asyncio.wait(self._sending)

    def _tell(self, type: str, ref: str) -> None:
        one = self.payments.get(ref) or self.sales[ref]
        body = {"id": f"evt_{uuid4().hex}", "type": type, "object": {"id": ref}}
        hook = Hook(one.hook_url, msgspec.json.encode(body))
        if self.faults.hooks == "held":
            self.hooks.append(hook)
        elif self.faults.hooks == "sent" and hook.url:
            for _ in range(self.faults.repeats):
                task = asyncio.create_task(self._send(hook))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _send(self, hook: Hook) -> None:
        for seconds in (*AGAIN_SECONDS, None):
            if await self._post(hook) or seconds is None:
                return
            await asyncio.sleep(seconds)

    async def _post(self, hook: Hook) -> bool:
        headers = {
            SIGNATURE: signature(SECRET, hook.octets, int(clock.now().timestamp())),
            "Content-Type": "application/json",
        }
        with contextlib.suppress(ClientError, TimeoutError, OSError):
            async with self._http.post(hook.url, data=hook.octets, headers=headers) as answer:
                return answer.status < 300
        return False

    # The calls.

    def _call(
        self, do: Callable[[web.Request], Awaitable[object]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.calls.append(f"{request.method} {request.path}")
            if self.faults.away:
                return _json({"error": "away"}, 503)
            if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {KEY}".encode()):
                return _json({"error": "wrong key"}, 401)
            try:
                return _json(await do(request))
            except KeyError:
                return _json({"error": "There is nothing like that"}, 404)
            except (RefusedCallError, ValueError) as error:
                return _json({"error": str(error)}, 400)

        return answer

    def _read(self, do: Callable[[web.Request], object]) -> Callable[[web.Request], Awaitable[object]]:
        async def read(request: web.Request) -> object:
            return do(request)

        return read

    def _change(
        self, path: str, do: Callable[[web.Request, dict[str, str]], object]
    ) -> Callable[[web.Request], Awaitable[object]]:
        async def change(request: web.Request) -> object:
            form = {name: str(value) for name, value in (await request.post()).items()}
            if self.faults.errors > 0:
                self.faults.errors -= 1
                raise web.HTTPInternalServerError
            key = request.headers.get("Idempotency-Key", "")
            known = f"{path} {key}" if key and self.faults.has_keys else ""
            answer = self._made[known] if known in self._made else do(request, form)
            if known:
                self._made[known] = answer
            if self.faults.cuts > 0 and request.transport:
                self.faults.cuts -= 1
                request.transport.abort()
            return answer

        return change

    def _create(self, _request: web.Request, form: dict[str, str]) -> object:
        ref = f"pay_{uuid4().hex}"
        url = f"{self.url}/pay/{ref}"
        seen = Seen(ref, form["reference"], "pending", int(form["amount"]), form["currency"], pay_url=url, refunds=())
        if seen.amount <= 0:
            raise RefusedCallError("An amount must be above 0")
        urls = form["return_url"], form["hook_url"]
        self.payments[ref] = Payment(seen, form["title"], form["capture"] == "manual", *urls)
        return self._shown(self.payments[ref])

    def _subscribe(self, _request: web.Request, form: dict[str, str]) -> object:
        ref = f"sub_{uuid4().hex}"
        seen = SeenSubscription(ref, form["reference"], "incomplete", None, pay_url=f"{self.url}/pay/{ref}")
        what = int(form["amount"]), form["currency"], int(form["days"])
        self.sales[ref] = Sale(seen, form["title"], *what, form["return_url"], form["hook_url"])
        return seen

    def _unsubscribe(self, request: web.Request, form: dict[str, str]) -> object:
        ref = request.match_info["ref"]
        if self.sales[ref].seen.state in ("canceled", "ended") and form["at_end"]:
            raise RefusedCallError("It is canceled already")
        self.change_sale(ref, "canceled" if form["at_end"] else "ended")
        return self.sales[ref].seen

    def _changed(self, request: web.Request, event: str, do: Callable[[Payment], None]) -> object:
        ref = request.match_info["ref"]
        do(self.payments[ref])
        self._tell(f"payment.{event}", ref)
        return self._shown(self.payments[ref])

    def _shown(self, one: Payment) -> Seen:
        return payments.shown(one.seen, self.faults)

    async def _set_faults(self, request: web.Request) -> web.Response:
        self.faults = msgspec.json.decode(await request.read(), type=Faults)
        return _json(self.faults)

    # The page.

    async def _page(self, request: web.Request) -> web.Response:
        one = self._sold(request)
        return web.Response(text=page.checkout(one), content_type="text/html", headers=page.HEADERS)

    async def _pressed(self, request: web.Request) -> web.Response:
        one, ref, form = self._sold(request), request.match_info["ref"], await request.post()
        card = "".join(str(form.get("card", "")).split())
        if form.get("press") == "pay" and card == payments.GOOD_CARD:
            with contextlib.suppress(RefusedCallError):  # it is paid already
                self.pay(ref)
        elif form.get("press") != "close":
            with contextlib.suppress(RefusedCallError):
                self.decline(ref)
            html = page.checkout(one, "Your card was declined. Try another one.")
            return web.Response(text=html, status=402, content_type="text/html", headers=page.HEADERS)
        return web.Response(status=303, headers={"Location": one.return_url})

    def _sold(self, request: web.Request) -> Payment | Sale:
        ref = request.match_info["ref"]
        one = self.payments.get(ref) or self.sales.get(ref)
        if one is None:
            raise web.HTTPNotFound
        return one


def _is_asked(one: Payment | Sale, request: web.Request) -> bool:
    return one.seen.reference == request.query["reference"]


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
