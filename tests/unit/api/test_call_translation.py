"""What a dialect costs: nothing, where it changes nothing."""

from api.calls.call_translation import call_translation
from api.calls.signature import signature_of
from marketplaces import onswift
from tests import bazaar


def test_no_call_of_a_marketplace_that_looks_as_core_does_is_translated() -> None:
    market = onswift.MARKETPLACE
    assert [route.path for route in market.routes if call_translation(market, signature_of(route))] == []


def test_all_calls_of_one_that_does_not_are() -> None:
    market = bazaar.MARKETPLACE
    assert [route.path for route in market.routes if not call_translation(market, signature_of(route))] == []
