"""What one call may bring: every text and list of a body, a query or a path has a length, so that nothing in it costs much."""

from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

import marketplaces
from api.calls.signature import Signature, signature_of
from api.ops.routes import OPS
from core.market.market import Route
from tests import bazaar

# Of all lists and texts within a body of 256 KB.
MOST_ITEMS, MOST_CHARACTERS = 1000, 100_000
MARKETS = (*marketplaces.ALL.values(), OPS, bazaar.MARKETPLACE)
ROUTES = [(market.name, route) for market in MARKETS for route in market.routes]


def unbounded(kind: inspect.Type, at: str, within: frozenset[type] = frozenset()) -> Iterator[str]:
    """Yield which parts of a type may be of any length."""
    if isinstance(kind, inspect.StrType):
        if (kind.max_length or MOST_CHARACTERS + 1) > MOST_CHARACTERS:
            yield at
    elif isinstance(kind, inspect.ListType | inspect.SetType | inspect.VarTupleType | inspect.DictType):
        yield from unbounded_items(kind, at, within)
    elif isinstance(kind, inspect.UnionType):
        for option in kind.types:
            yield from unbounded(option, at, within)
    elif isinstance(kind, inspect.StructType):
        for field in () if kind.cls in within else kind.fields:
            yield from unbounded(field.type, f"{at}.{field.encode_name}", within | {kind.cls})
    elif isinstance(
        kind,
        inspect.AnyType | inspect.RawType | inspect.BytesType | inspect.CustomType | inspect.ExtType,
    ):
        yield f"{at}: {kind}"


def unbounded_items(
    kind: inspect.ListType | inspect.SetType | inspect.VarTupleType | inspect.DictType, at: str, within: frozenset[type]
) -> Iterator[str]:
    is_long = (kind.max_length or MOST_ITEMS + 1) > MOST_ITEMS
    if isinstance(kind, inspect.DictType):
        if is_long:
            yield f"{at}: {kind}"
            return
        yield from unbounded(kind.key_type, f"{at}{{}}", within)
        yield from unbounded(kind.value_type, f"{at}{{}}", within)
        return
    if is_long:
        yield f"{at}[]"
    yield from unbounded(kind.item_type, f"{at}[]", within)


def taken(signature: Signature) -> Iterator[tuple[str, object]]:
    """Yield what a call takes, by its place."""
    yield from ((place, kind) for place, kind in (("body", signature.body), ("query", signature.query)) if kind)
    yield from ((part.name, part.type) for part in signature.path)


@pytest.mark.parametrize(("market", "route"), ROUTES, ids=lambda one: one if isinstance(one, str) else one.path)
def test_everything_that_a_call_takes_is_bounded(market: str, route: Route) -> None:
    found = [at for place, kind in taken(signature_of(route)) for at in unbounded(inspect.type_info(kind), place)]
    assert found == []


def test_what_is_not_bounded_is_found() -> None:
    class Inner(msgspec.Struct):
        text: str
        number: int

    class Body(msgspec.Struct):
        inner: list[Inner] | None
        anything: dict[str, object]

    found = list(unbounded(inspect.type_info(Body), "body"))
    assert [at.partition(":")[0] for at in found] == ["body.inner[]", "body.inner[].text", "body.anything"]
