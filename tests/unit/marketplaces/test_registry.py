"""The marketplaces that can be configured."""

import pytest

import marketplaces


def test_a_marketplace_that_does_not_exist_is_named() -> None:
    with pytest.raises(marketplaces.UnknownMarketplaceError, match=r"'onswfit'.*onswift"):
        marketplaces.configured(("onswift", "onswfit"))


def test_the_names_are_those_of_the_manifests() -> None:
    assert [market.name for market in marketplaces.configured(("onswift",))] == ["onswift"]
