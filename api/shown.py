"""Chooses what a call without a login is charged to: the token that it presents, if we have signed it; else its address.

So a flood from a shared address, such as an office's, does not keep its users from refreshing, or from logging in on a known
device. The database is not asked, so tokens of ended sessions count too, but each only against its own rate and its user's.
"""

from typing import Final, NamedTuple

from core.base.errors import AppError
from core.limits.budget import Nested
from core.platform.tokens import KeyRing

OF_USER: Final = 8  # all tokens of a user together have this many times the rate of one


class Shown(NamedTuple):
    """The tokens of a request, not verified; "" for those that are missing."""

    access: str = ""
    refresh: str = ""
    device: str = ""


NOTHING: Final = Shown()


def holder_of(keys: KeyRing, shown: Shown) -> Nested:
    """Return the subjects of the first valid token that we signed (the token, and its user); empty if there is none."""
    return _of_refresh(keys, shown.refresh) or _of_access(keys, shown.access) or _of_device(keys, shown.device)


def _of_refresh(keys: KeyRing, token: str) -> Nested:
    try:
        claims = keys.refresh(token)
    except AppError:
        return ()
    return (f"refresh {claims.token_id}", 1), (str(claims.user_id), OF_USER)


def _of_access(keys: KeyRing, token: str) -> Nested:
    try:
        claims = keys.access(token)
    except AppError:
        return ()
    return (f"session {claims.session_id}", 1), (str(claims.user_id), OF_USER)


def _of_device(keys: KeyRing, token: str) -> Nested:
    device = keys.device(token)
    if device is None or not device.users:
        return ()
    latest = list(device.users)[-1]
    return (f"device {device.device}", 1), (str(latest), OF_USER)
