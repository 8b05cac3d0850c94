"""Devices that a user has been logged in on: strangers who fail to log in as her never lock her out there.

Each browser or app holds a signed token (api/cookies.py says how) with the users that were logged in on it, renewed with each
login and refresh. It opens nothing: a login from it still needs the password, it only counts in a bucket of its own. Nothing is
stored but the moment before which a user's devices are forgotten: that at which all her other logins ended.
"""

from datetime import datetime, timedelta
from uuid import UUID

from core.base import clock
from core.base.ids import uuid7
from core.platform.tokens import Device, KeyRing, expiry

LIFETIME = timedelta(days=180)
MOST_USERS = 5  # of one device: a family's


def renewed(keys: KeyRing, token: str, user_id: UUID) -> str:
    """Return the token of a device on which a user is logged in now; `token` is the one it had, or anything."""
    before, now = keys.device(token), clock.now()
    users = {id: since for id, since in (before.users if before else {}).items() if id != user_id}
    latest = dict([*users.items(), (user_id, _microseconds(now))][-MOST_USERS:])
    return keys.sign(Device(before.device if before else uuid7(), latest, **expiry(now, LIFETIME)))


def is_known(device: Device | None, user_id: UUID, forgotten_at: datetime | None) -> bool:
    """Say whether a user has been logged in on a device since hers were forgotten."""
    since = device.users.get(user_id) if device else None
    return since is not None and not (forgotten_at and since < _microseconds(forgotten_at))


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
