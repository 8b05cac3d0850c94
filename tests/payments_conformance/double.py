"""What the suite needs of the stand-in of a provider: what people do there, and its faults."""

from typing import Protocol

from config.settings import Settings
from core.base.answers import RawBody
from core.payments.states import DisputeState


class Faults(Protocol):
    """What goes wrong until it is set otherwise; see cli/sandbox_payments/faults.py."""

    hooks: str
    repeats: int
    reversed: bool
    amount: int
    currency: str
    errors: int
    cuts: int
    away: bool


class Double(Protocol):
    """A stand-in. `ref` is the provider's id of what was created, as in `Seen`."""

    @property
    def faults(self) -> Faults: ...

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What is raised when something cannot happen now."""
        ...

    def settings(self, settings: Settings) -> Settings:
        """Return settings that lead to it."""
        ...

    def pay(self, ref: str) -> None: ...

    def decline(self, ref: str) -> None: ...

    def refund(self, ref: str, amount: int) -> None:
        """Refund something on the provider's own pages."""
        ...

    def fail_refund(self, ref: str) -> None:
        """Let the latest refund come back from its bank, where the provider knows of such."""
        ...

    def dispute(self, ref: str, state: DisputeState = "open", withdrawn: int | None = None) -> None: ...

    def renew(self, ref: str) -> None: ...

    def change_sale(self, ref: str, state: str) -> None: ...

    async def release(self) -> None:
        """Send the webhooks that were held."""
        ...

    async def settled(self) -> None:
        """Wait until no webhook is being sent for the first time."""
        ...

    def holds(self) -> int:
        """Return how much of our money it has: paid, less refunded and withdrawn."""
        ...

    def made(self) -> int:
        """Return how many payments were created there."""
        ...

    def forged(self) -> dict[str, RawBody]:
        """Return webhooks that must be refused, by what is wrong with them."""
        ...
