"""Policies with other figures, for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import force_setattr

from core.market.market import Marketplace
from core.work.policy import Policy

ChangePolicy: TypeAlias = Callable[..., None]


def with_policy(market: Marketplace, **changes: Any) -> Marketplace:
    """Return a marketplace with another policy."""
    return replace(market, policy=msgspec.structs.replace(market.policy, **changes))


@contextmanager
def changing(*policies: Policy) -> Iterator[ChangePolicy]:
    """Yield what changes policies where they are, though they are frozen: processes of a test hold them already."""
    before: list[tuple[Policy, str, object]] = []

    def change(**changes: Any) -> None:
        for policy in policies:
            for name, value in changes.items():
                before.append((policy, name, getattr(policy, name)))
                force_setattr(policy, name, value)

    try:
        yield change
    finally:
        for policy, name, value in reversed(before):
            force_setattr(policy, name, value)
