"""The marketplaces: one package for each, all of one shape. None knows another."""

from core.market.market import Marketplace
from marketplaces import onswift

ALL = {market.name: market for market in (onswift.MARKETPLACE,)}


class UnknownMarketplaceError(Exception):
    """A marketplace is configured that does not exist; the message names it."""


def configured(names: tuple[str, ...]) -> list[Marketplace]:
    """Return the manifests of these marketplaces."""
    for name in names:
        if name not in ALL:
            raise UnknownMarketplaceError(f"There is no marketplace {name!r}. There are: {', '.join(ALL)}")
    return [ALL[name] for name in names]
