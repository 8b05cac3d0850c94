"""File names: valid ones, and those in the storage."""

import re

from core.text.texts import is_visible

MAX_NAME = 255
# A path segment of the storage may become a file name on a disk.
MAX_KEY_BYTES = 200

# Path separators, control characters, and characters that display a name in another order.
_FORBIDDEN = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def problem_of(name: str) -> str:
    """Return what is wrong with a file name, or nothing."""
    if not 1 <= len(name) <= MAX_NAME:
        return f"Must have 1 to {MAX_NAME} characters"
    if _FORBIDDEN.search(name):
        return "No slashes and no invisible characters"
    stem, dot, extension = name.rpartition(".")
    if not (is_visible(stem.strip(". ")) and dot and extension.isalnum()):
        return "A name with an extension, as in logo.png"
    return ""


def extension_of(name: str) -> str:
    """Return a name's extension, in lower case."""
    return name.rpartition(".")[2].lower()


def renamed(name: str, extension: str) -> str:
    """Return a name with another extension, within the maximum length."""
    return f"{name.rpartition('.')[0][: MAX_NAME - len(extension) - 1]}.{extension}"


def key_name(name: str, stem: str = "") -> str:
    """Return a file's name in the storage: its own, or `stem` with its extension, short enough for a disk."""
    own, _, extension = name.rpartition(".")
    ending = f".{extension.lower() if stem else extension}"
    room = MAX_KEY_BYTES - len(ending.encode())
    return (stem or own).encode()[:room].decode(errors="ignore") + ending
