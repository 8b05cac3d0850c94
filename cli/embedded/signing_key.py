"""The key that signs tokens where the settings name none: made once, so that tokens outlive a restart."""

import os
import secrets
from pathlib import Path

NAME = "signing-key"


def make_signing_key(folder: Path) -> None:
    """Make the key of this data folder, for its owner's eyes only, unless there is one."""
    if (folder / NAME).exists():
        return
    unfinished = folder / f"{NAME}.unfinished"
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"dev:{secrets.token_hex(32)}")
    unfinished.rename(folder / NAME)


def read_signing_key(folder: Path) -> str:
    """Return the key as `id:secret`."""
    return (folder / NAME).read_text()
