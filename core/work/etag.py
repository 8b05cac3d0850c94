"""Entity tags (RFC 9110): the version of an entity, which a client sends back with a change that is based on it."""

import hashlib

from core.base import errors
from core.work.context import Ctx


def version_tag(version: int) -> str:
    """Return the tag of an entity that counts its changes."""
    return f'"{version}"'


def has_it(ctx: Ctx, tag: str) -> bool:
    """Return whether the caller's copy has this tag, so that the answer is 304."""
    return bool(ctx.if_none_match) and matches(ctx.if_none_match, tag)


def body_tag(body: bytes) -> str:
    """Return the tag of an answer that has no version of its own."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def check_if_match(ctx: Ctx, tag: str) -> None:
    """Raise PRECONDITION_FAILED if the caller's change is based on a version without this tag."""
    if ctx.if_match and not matches(ctx.if_match, tag):
        raise errors.PRECONDITION_FAILED.error()


def matches(header: str, tag: str) -> bool:
    """Return whether `If-Match` or `If-None-Match` names a tag. Weak tags match too: equal versions have equal bytes."""
    return (
        header.strip() == "*" or tag in header
    )  # the tag's quotes stand in no other; a list of thousands is not taken apart
