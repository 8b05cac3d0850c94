"""The marketplaces: one package for each, all of one shape. None knows another."""

from core.market.market import Marketplace
from core.work.policy import Policy
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


def policy_of(name: str) -> Policy:
    """Return the policy of the marketplace that a row of the database names."""
    (market,) = configured((name,))
    return market.policy
