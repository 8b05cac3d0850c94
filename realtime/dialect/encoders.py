"""The encoders of the marketplaces that a process knows."""

from collections.abc import Iterable

from core.market.market import Marketplace
from realtime.dialect.encoder import CORE, Encoder


class Encoders:
    """The encoder of each marketplace, by its name; one that is not known is encoded for as core has it."""

    def __init__(self, markets: Iterable[Marketplace] = ()) -> None:
        self.by_market = {market.name: Encoder(market.name, market.dialect) for market in markets}

    def of(self, market: str) -> Encoder:
        """Return the encoder of a marketplace."""
        return self.by_market.get(market, CORE)
