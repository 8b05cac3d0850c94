"""Accounts by their phone numbers."""

from uuid import UUID

from core.accounts.contacts import phone_of
from core.accounts.identity import LOGIN, LoginRow
from core.platform.db import One, Run, Scalar

LOGIN_BY_PHONE = One(LoginRow, f"{LOGIN} where market = $1 and phone = any ($2::text[]) and deleted_at is null")
BY_PHONE = Scalar(UUID, "select id from users where market = $1 and phone = any ($2::text[]) and deleted_at is null")
# Locks her as sessions.LOCK_USER does.
LOCK_BY_PHONE = Scalar(
    UUID, "select id from users where market = $1 and phone = any ($2::text[]) and deleted_at is null for no key update"
)
PHONE_OF = Scalar(str, f"select {phone_of('u')} from users u where id = $1 and deleted_at is null")  # noqa: S608
VERIFY = Run("update users set phone_verified_at = $2 where id = $1 and phone_verified_at is null")
SET_PHONE = Run("update users set phone = $2, sealed_phone = $3, phone_verified_at = $4, updated_at = $4 where id = $1")
