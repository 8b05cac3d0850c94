"""What goes wrong at the sandbox."""

import msgspec


class Faults(msgspec.Struct):
    """What goes wrong, until it is set otherwise.

    `hooks`: `sent`, `lost` or `held`, until they are released (the latest first, if `reversed`); each is sent `repeats` times.
    `amount` is added to what payers pay, `currency` is what they pay in. So many calls that change something do nothing and fail
    (`errors`), or do it and hang up (`cuts`). `away`: nothing works. Without `has_refund_ids` only the sum of refunds is known,
    without `has_keys` a repeated call does it again.
    """

    hooks: str = "sent"
    repeats: int = 1
    reversed: bool = False
    amount: int = 0
    currency: str = ""
    errors: int = 0
    cuts: int = 0
    away: bool = False
    has_refund_ids: bool = True
    has_keys: bool = True
