"""Secrets generated once per data folder if the settings name none, so that tokens and logins survive a restart."""

import os
import secrets
from pathlib import Path

SIGNING_KEY = "signing-key"
OPERATOR_TOKEN = "operator-token"  # noqa: S105 - the name of a file


def stored_secret(folder: Path, name: str) -> str:
    """Return the secret of this name as `dev:secret`; it is generated the first time, readable by its owner only."""
    path = folder / name
    if not path.exists():
        unfinished = folder / f"{name}.unfinished"
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"dev:{secrets.token_hex(32)}")
        unfinished.rename(path)
    return path.read_text()
