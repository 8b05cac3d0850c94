"""The keys of a process: from the settings, in the clear or wrapped by a key management service."""

import secrets
from pathlib import Path
from typing import Final, Protocol

from cryptography.hazmat.primitives import keywrap

from config.settings import Settings, SettingsError
from core.platform.sealing.sealing import Sealing

KEY_BYTES: Final = 32


class KeyService(Protocol):
    """What keeps a master key that no process sees: each data key in the settings is wrapped by it."""

    async def wrap(self, key: bytes) -> bytes:
        """Wrap a data key."""
        ...

    async def unwrap(self, wrapped: bytes) -> bytes:
        """Unwrap a data key; raises ValueError if it was not wrapped by this service."""
        ...


class LocalKeyService:
    """Wraps by a master key in a file (AES key wrap, RFC 3394)."""

    def __init__(self, master: bytes) -> None:
        self._master = master

    async def wrap(self, key: bytes) -> bytes:
        return keywrap.aes_key_wrap(self._master, key)

    async def unwrap(self, wrapped: bytes) -> bytes:
        try:
            return keywrap.aes_key_unwrap(self._master, wrapped)
        except keywrap.InvalidUnwrap as error:
            raise ValueError from error


def key_service(settings: Settings) -> KeyService | None:
    """Return the service of the settings, if they name one; raises SettingsError."""
    if not settings.seal_master_key:
        return None
    try:
        return LocalKeyService(_checked(bytes.fromhex(Path(settings.seal_master_key).read_text())))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"GREENROOM_SEAL_MASTER_KEY={settings.seal_master_key} is not a file with a key of 64 hexadecimal digits"
        ) from error


async def open_sealing(settings: Settings, service: KeyService | None = None) -> Sealing:
    """Return the sealing with the keys of the settings, unwrapped by a service if there is one; raises SettingsError."""
    if bool(settings.seal_keys) != bool(settings.seal_index_key):
        raise SettingsError("GREENROOM_SEAL_KEYS and GREENROOM_SEAL_INDEX_KEY are needed together")
    given = dict(key.split(":", 1) for key in settings.seal_keys)
    keys = {id: await _key(f"SEAL_KEYS={id}:***", text, service) for id, text in given.items()}
    index_key = await _key("SEAL_INDEX_KEY=***", settings.seal_index_key, service) if keys else b""
    return Sealing(keys, index_key)


async def new_key(service: KeyService | None) -> str:
    """Return a new key as the settings take it."""
    key = secrets.token_bytes(KEY_BYTES)
    return (await service.wrap(key) if service else key).hex()


async def _key(name: str, text: str, service: KeyService | None) -> bytes:
    try:
        return _checked(await service.unwrap(bytes.fromhex(text)) if service else bytes.fromhex(text))
    except ValueError:
        how = "was not wrapped by the master key" if service else f"does not have {KEY_BYTES} bytes"
        raise SettingsError(f"GREENROOM_{name} {how}") from None


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError
    return key
