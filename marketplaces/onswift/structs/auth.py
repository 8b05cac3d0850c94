"""Signing up."""

from typing import Literal

import msgspec

from core.accounts.emails import Email
from core.text.fields import Name, NewPassword


class SignUp(msgspec.Struct, frozen=True, rename="camel"):
    email: Email
    password: NewPassword
    name: Name
    user_type: Literal["creator", "talent"]
    company_name: Name | None = None
