"""The sandbox passes the suite, as a provider with ids of refunds and idempotency keys (as Stripe), and without (as Moyasar)."""

from collections.abc import AsyncIterator

import pytest

from cli.sandbox_payments import sandbox_payments
from cli.sandbox_payments.faults import Faults
from tests.payments_conformance.sandbox import SandboxDouble
from tests.payments_conformance.suite import DriverConformance, ShopConformance


@pytest.fixture(params=[True, False], ids=["with ids", "without ids"])
async def double(request: pytest.FixtureRequest) -> AsyncIterator[SandboxDouble]:
    faults = Faults(has_refund_ids=request.param, has_keys=request.param)
    async with sandbox_payments(faults) as sandbox:
        yield SandboxDouble(sandbox)


class TestDriver(DriverConformance):
    pass


class TestShop(ShopConformance):
    pass
