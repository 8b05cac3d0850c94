"""Which texts the contract leaves to users, read from its tables: a new call, event or field without a marker is noticed."""

from collections.abc import Iterator
from typing import Any

import msgspec.inspect as inspect

from api.calls.signature import signature_of
from core.base.events import ClientEvent
from core.market.market import Route
from marketplaces.onswift.routes import EVENTS, ROUTES
from realtime.wire import ANSWERS

ROUTES_WALKED = {(route.method, route.path): route for route in ROUTES}
EVENTS_WALKED: dict[str, type[ClientEvent]] = {
    event.name: event for event in (*ANSWERS, *(row.event for row in EVENTS))
}
# Texts that are no user's own, and why.
NOT_FREE = {
    "{emoji}": "one of a list",
    "ReactToMessage.emoji": "as above",
    "SignUp.password": "never stored, hashed",
    "LogIn.password": "as above",
    "ResetPassword.newPassword": "as above",
    "ChangePassword.currentPassword": "as above",
    "ChangePassword.newPassword": "as above",
    "Reauthentication.password": "as above",
    "ChangeEmail.password": "as above",
    "RefreshToken.refreshToken": "made by us",
    "LogOut.refreshToken": "made by us",
    "ResetPassword.token": "made by us",
    "VerifyEmail.token": "made by us",
    "EmailCode.token": "made by us",
    **{
        f"{kind}Query.cursor": "made by us"
        for kind in ("Cursor", "Deliverable", "Notification", "Project", "ProjectTask", "Review", "Search", "Task")
    },
    "SearchQuery.q": "looked for, not stored",
    "FeedQuery.token": "made by us",
    "RefreshAuth.token": "made by us",
    "Sync.cursor": "made by us",
    "SyncQuery.cursor": "made by us",
    "ProfileChange.skills": "one of ours",
    "TalentQuery.skills": "one of ours",
    "PreferenceChange.type": "one of ours",
    "NewUpload.mimeType": "one of ours",
    "NewUpload.uploadType": "one of ours",
    "DeliverableChange.action": "one of ours",
}


def texts_of_route(route: Route) -> set[str]:
    """Return the free texts that a call takes, as Struct.field; those in its path as {parameter}."""
    signature = signature_of(route)
    taken = set(_texts(signature.body)) | set(_texts(signature.query))
    return taken | {f"{{{one.name}}}" for one in signature.path if _is_text(inspect.type_info(one.type))}


def texts_of_event(event: type[ClientEvent]) -> set[str]:
    """Return the free texts that an event takes."""
    return set(_texts(event))


def _texts(kind: Any) -> Iterator[str]:
    if kind is not None:
        yield from _texts_in(inspect.type_info(kind))


def _texts_in(info: inspect.Type) -> Iterator[str]:
    match info:
        case inspect.StructType():
            for field in info.fields:
                if _is_text(field.type):
                    yield f"{info.cls.__name__}.{field.encode_name}"
                yield from _texts_in(field.type)
        case inspect.UnionType():
            for one in info.types:
                yield from _texts_in(one)
        case inspect.ListType():
            yield from _texts_in(info.item_type)


def _is_text(info: inspect.Type) -> bool:
    match info:
        case inspect.StrType():
            return True
        case inspect.UnionType():
            return any(_is_text(one) for one in info.types)
        case inspect.ListType():
            return _is_text(info.item_type)
        case inspect.Metadata():
            return _is_text(info.type)
    return False
