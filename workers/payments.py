"""Payments: webhooks that are worked off, refunds that are sent, and what is asked about."""

import logging
from uuid import UUID

from core.base.publisher import Publisher
from core.payments.checkout import reconciliation, sending, webhooks
from core.platform.observability import logs
from core.platform.outgoing import OutgoingError
from core.work.context import Ctx, Resources
from core.work.jobs import SendRefund, TakePaymentEvent
from core.work.policy import Policy
from marketplaces import policy_of

log = logging.getLogger(__name__)


class Payments:
    """What a worker does about payments. A provider that is away is asked again by the reconciliation."""

    def __init__(self, resources: Resources, publisher: Publisher) -> None:
        self._resources = resources
        self._publisher = publisher

    async def take_event(self, job: TakePaymentEvent) -> None:
        """Work off a webhook."""
        try:
            await webhooks.work_off(self._ctx(policy_of(job.market)), UUID(job.event_id))
        except OutgoingError as error:
            log.warning("a webhook is worked off later: %s", error)

    async def send_refund(self, job: SendRefund) -> None:
        """Send a refund."""
        try:
            await sending.send(self._ctx(policy_of(job.market)), UUID(job.refund_id))
        except OutgoingError as error:
            log.warning("a refund is sent, or found, later: %s", error)

    async def reconcile(self, policy: Policy) -> None:
        """Ask about what is open in a marketplace."""
        await reconciliation.reconcile(self._ctx(policy))

    def _ctx(self, policy: Policy) -> Ctx:
        return Ctx(self._resources, self._publisher.of(policy.name), policy, request_id=logs.request_id())
