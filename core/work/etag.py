"""Entity tags (RFC 9110): the version of what was read, by which a change can say what it is based on."""

import hashlib

from core.base import errors
from core.work.context import Ctx


def version_tag(version: int) -> str:
    """Return the tag of an entity that counts its changes."""
    return f'"{version}"'


def has_it(ctx: Ctx, tag: str) -> bool:
    """Say whether the caller has the version with this tag already: 304 is all there is to answer."""
    return bool(ctx.if_none_match) and matches(ctx.if_none_match, tag)


def body_tag(body: bytes) -> str:
    """Return the tag of an answer that has no version of its own."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def check_if_match(ctx: Ctx, tag: str) -> None:
    """Raise PRECONDITION_FAILED if the caller wants to change another version than the one with this tag."""
    if ctx.if_match and not matches(ctx.if_match, tag):
        raise errors.PRECONDITION_FAILED.error()


def matches(header: str, tag: str) -> bool:
    """Say whether `If-Match` or `If-None-Match` names a tag. A weak tag counts: our bodies are equal byte by byte."""
    return (
        header.strip() == "*" or tag in header
    )  # the tag's quotes stand in no other; a list of thousands is not taken apart
