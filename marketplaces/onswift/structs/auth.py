"""Signing up."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from core.accounts.emails import Email
from core.text.fields import Name
from marketplaces.onswift.passwords import PASSWORDS

NewPassword = Annotated[str, Meta(max_length=1024, extra={"check": PASSWORDS.check})]


class SignUp(msgspec.Struct, frozen=True, rename="camel"):
    email: Email
    password: NewPassword
    name: Name
    user_type: Literal["creator", "talent"]
    company_name: Name | None = None
