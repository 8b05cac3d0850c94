"""What a marketplace decides about its books."""

import msgspec


class LedgerRules(msgspec.Struct, frozen=True):
    """The books of a marketplace: in which currencies (ISO 4217), on which kinds of accounts; see core/payments/ledger.py.

    Accounts of `may_owe` may go below zero, as those of the house do; that is decided when an account is first used.
    """

    currencies: frozenset[str]
    kinds: frozenset[str] = frozenset({"available", "held", "fees", "provider"})
    may_owe: frozenset[str] = frozenset()
