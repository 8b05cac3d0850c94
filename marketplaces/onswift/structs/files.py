"""Files."""

import msgspec

from core.text.fields import Text


class NewAvatar(msgspec.Struct, frozen=True, rename="camel"):
    """The address of an image that was uploaded as an avatar."""

    file_url: Text


class Avatar(msgspec.Struct, frozen=True, rename="camel"):
    """It shows once it has been checked."""

    avatar_url: str
