"""The words of the bazaar's clients, so that tests of what all marketplaces do on sockets can talk to it as to OnSwift.

Written without the code of the dialect: what that gets wrong, these get wrong in no other place.
"""

import re
from typing import Any
from uuid import UUID

from core.base.ids import BigintIds

IDS = BigintIds("bazaar")
SNAKE = re.compile(r"_([a-z])")
CAMEL = re.compile(r"(?<=[a-z])[A-Z]")
BIGINT = re.compile(r"[1-9][0-9]{15,18}")  # those of these tests, which begin after what JavaScript's numbers hold
CODES = {"AUTH_001": "UNAUTHORIZED", "AUTH_002": "TOKEN_EXPIRED", "INPUT_001": "VALIDATION_ERROR"}
NAMES = {"presence:online": "user:online", "presence:offline": "user:offline"}
NAMESPACES = {"join:user": "/presence"}


class OnSwiftWords:
    """What core's own words need: nothing."""

    namespaces: tuple[str, ...] = ("/",)

    def sent(self, event: str, payload: Any) -> tuple[str, str, Any]:
        """Return in which namespace a client sends what."""
        return "/", event, payload

    def heard(self, event: str, payload: Any) -> tuple[str, Any]:
        """Return what a client hears, in core's words."""
        return event, payload

    def answered(self, answer: Any) -> Any:
        """Return what a client is answered likewise."""
        return answer


class BazaarWords(OnSwiftWords):
    """What the bazaar's clients say and hear."""

    namespaces = ("/chat", "/presence")

    def sent(self, event: str, payload: Any) -> tuple[str, str, Any]:
        theirs = _snake(payload)
        if event == "conversation:typing" and "is_typing" in theirs:
            event = "typing:start" if theirs.pop("is_typing") else "typing:stop"
        return NAMESPACES.get(event, "/chat"), event, theirs

    def heard(self, event: str, payload: Any) -> tuple[str, Any]:
        ours = _camel(payload)
        match event:
            case "message:new":
                return "message:received", {"message": ours, "conversationId": ours["conversationId"]}
            case "typing:start" | "typing:stop":
                return "conversation:typing", {**ours, "isTyping": event == "typing:start"}
            case "error":
                return event, {"event": ours.pop("event"), **self.answered(payload)}
            case "message:received" | "conversation:typing" | "user:online" | "user:offline":
                raise AssertionError(f"{event} is not a word of the bazaar")
        return NAMES.get(event, event), ours

    def answered(self, answer: Any) -> Any:
        if not isinstance(answer, dict) or "code" not in answer:
            return _camel(answer)
        assert answer["timestamp"]
        assert answer["request_id"]
        code = CODES.get(answer["code"], answer["code"])
        details = [{**one, "field": _as_camel(one["field"])} for one in answer.get("details", [])]
        return {"error": {"code": code, "message": answer["message"], "details": details}}


def _snake(value: Any) -> Any:
    if isinstance(value, dict):
        return {CAMEL.sub(lambda big: f"_{big[0].lower()}", name): _snake(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_snake(one) for one in value]
    return IDS.shown(value) if isinstance(value, str) else value


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        assert not [name for name in value if CAMEL.search(name)]
        return {_as_camel(name): _camel(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if isinstance(value, str) and BIGINT.fullmatch(value):
        return str(IDS.uuid(int(value)))
    assert not _is_uuid(value)
    return value


def _as_camel(name: str) -> str:
    return SNAKE.sub(lambda letter: letter[1].upper(), name)


def _is_uuid(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


WORDS: dict[str, OnSwiftWords] = {"onswift": OnSwiftWords(), "bazaar": BazaarWords()}
