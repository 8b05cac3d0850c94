"""What a call without a login is charged to: the token that it shows, if we have signed it; else its address.

So a flood from an address, such as an office's, keeps nobody there from refreshing, or from logging in on a device that was
logged in before. No database is asked: what has ended counts too, but only for itself, and for an eighth of its user at the most.
"""

from typing import Final, NamedTuple

from core.base.errors import AppError
from core.limits.budget import Nested
from core.platform.tokens import KeyRing

OF_USER: Final = 8  # times as much as one token of a user may do, all of them may


class Shown(NamedTuple):
    """The tokens of a request, not verified; "" where it has none."""

    access: str = ""
    refresh: str = ""
    device: str = ""


NOTHING: Final = Shown()


def holder_of(keys: KeyRing, shown: Shown) -> Nested:
    """Return the subjects of the first token that is ours and valid: the token, and its user; none if there is no such token."""
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
