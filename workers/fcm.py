"""Firebase Cloud Messaging, HTTP v1: pushes to Android, iOS and browsers alike, by the tokens that Firebase gives to apps."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import jwt
import msgspec
from aiohttp import ClientResponse, ClientSession, ClientTimeout
from jwt.exceptions import InvalidKeyError

from config.settings import SettingsError
from core.notifications.deliveries import Push
from core.work.jobs import PermanentError
from workers.push import UnregisteredError

FCM_URL = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TIMEOUT = ClientTimeout(total=10)
RENEWED_SECONDS = 60.0  # before it expires
MAX_TEXT = 500  # characters: a push has at most 4096 bytes


class ServiceAccount(msgspec.Struct, frozen=True):
    """The parts that we need of the file from the Firebase console."""

    project_id: str
    client_email: str
    private_key: str
    private_key_id: str
    token_uri: str


class Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float


class Violation(msgspec.Struct, frozen=True):
    field: str = ""


class FailureDetail(msgspec.Struct, frozen=True, rename="camel"):
    error_code: str = ""
    field_violations: list[Violation] = []


class Failure(msgspec.Struct, frozen=True):
    message: str = ""
    details: list[FailureDetail] = []


class FailureAnswer(msgspec.Struct, frozen=True):
    error: Failure = Failure()


class FcmError(Exception):
    """Firebase did not answer as expected; can be retried."""


class Fcm:
    """Sends with the rights of a service account."""

    def __init__(self, account: ServiceAccount, http: ClientSession) -> None:
        self._account = account
        self._http = http
        self._token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def send(self, push: Push) -> None:
        """Send one push."""
        url = f"{FCM_URL}/v1/projects/{self._account.project_id}/messages:send"
        headers = {"Authorization": f"Bearer {await self._access_token()}"}
        async with self._http.post(url, json={"message": message(push)}, headers=headers) as response:
            if response.status == 401:
                self._renew_at = 0.0
            if response.status != 200:
                raise await _failure(response)

    async def _access_token(self) -> str:
        async with self._renewing:
            if time.time() >= self._renew_at:
                granted = await self._grant()
                self._token = granted.access_token
                self._renew_at = time.time() + granted.expires_in - RENEWED_SECONDS
            return self._token

    async def _grant(self) -> Granted:
        form = {"grant_type": GRANT, "assertion": assertion(self._account, int(time.time()))}
        async with self._http.post(self._account.token_uri, data=form) as response:
            if response.status != 200:
                raise FcmError(f"no access token: {response.status}")
            return msgspec.json.decode(await response.read(), type=Granted)


def message(push: Push) -> dict[str, object]:
    """Return a push in Firebase's format. On the device, a push replaces an earlier one with the same key."""
    key = str(push.fold_key or push.id)
    facts = {"notificationId": push.id, "type": push.type, "entityType": push.entity_type, "entityId": push.entity_id}
    return {
        "token": push.token,
        "notification": {"title": push.title[:MAX_TEXT], "body": push.message[:MAX_TEXT]},
        "data": {name: str(value) for name, value in facts.items() if value},
        "android": {"collapse_key": key, "notification": {"tag": key}},
        "apns": {"headers": {"apns-collapse-id": key}},
        "webpush": {"notification": {"tag": key}},
    }


def assertion(account: ServiceAccount, now: int) -> str:
    """Return the signed claim that is exchanged for an access token (RFC 7523)."""
    claims = {"iss": account.client_email, "scope": SCOPE, "aud": account.token_uri, "iat": now, "exp": now + 3600}
    return jwt.encode(claims, account.private_key, algorithm="RS256", headers={"kid": account.private_key_id})


async def _failure(response: ClientResponse) -> Exception:
    try:
        failure = msgspec.json.decode(await response.read(), type=FailureAnswer).error
    except msgspec.DecodeError:
        failure = Failure()
    codes = {detail.error_code for detail in failure.details}
    said = f"{response.status} {' '.join(sorted(codes))}: {failure.message}"
    if codes & {"UNREGISTERED", "SENDER_ID_MISMATCH"} or (response.status == 400 and _is_of_token(failure)):
        return UnregisteredError(said)
    if response.status in (400, 403, 404):
        return PermanentError(f"Firebase refuses the push: {said}")
    return FcmError(said)


def _is_of_token(failure: Failure) -> bool:
    fields = {violation.field for detail in failure.details for violation in detail.field_violations}
    return "message.token" in fields or "registration token" in failure.message


def read_account(path: str) -> ServiceAccount:
    """Read the file of a service account; raises SettingsError."""
    try:
        account = msgspec.json.decode(Path(path).read_bytes(), type=ServiceAccount)
        assertion(account, 0)
    except NotImplementedError:
        raise SettingsError("GREENROOM_FCM_CREDENTIALS needs what `pip install 'greenroom[push]'` installs") from None
    except OSError as error:
        raise SettingsError(f"GREENROOM_FCM_CREDENTIALS={path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, InvalidKeyError, ValueError):
        raise SettingsError(f"GREENROOM_FCM_CREDENTIALS={path} is not the key of a service account") from None
    return account


@asynccontextmanager
async def open_fcm(path: str) -> AsyncIterator[Fcm]:
    """Open the driver with the service account in a file; raises SettingsError."""
    account = read_account(path)
    async with ClientSession(timeout=TIMEOUT) as http:
        yield Fcm(account, http)
