"""Builds the OpenAPI 3.1 document of a marketplace from its routes."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import TypeGuard, get_args

import msgspec

from api.auth import KEY
from api.calls.signature import CHANGES, Signature, names_of, signature_of
from api.documents.dialect_schemas import translated, wrapped
from api.documents.schemas import REF, Json, schemas_of
from core.base import errors
from core.base.answers import JSON, Text
from core.base.errors import ErrorCode
from core.market.dialect import Dialect, is_page
from core.market.market import Marketplace, Route

FORM = "multipart/form-data"


def document(market: Marketplace, server: str) -> Json:
    """Describe every call of a marketplace; `server` is the base of its paths."""
    signatures = [signature_of(route) for route in market.routes]
    types = [kind for one in signatures for kind in (one.body, one.answer) if kind and not _is_text(kind)]
    schemas, components = schemas_of([*types, market.dialect.errors.kind])
    schema_of = dict(zip(map(str, types), (translated(market.dialect, one) for one in schemas), strict=False))
    components = {name: translated(market.dialect, one) for name, one in components.items()}
    paths: dict[str, Json] = {}
    rows_of = Counter(route.handler for route in market.routes)
    for route, signature in zip(market.routes, signatures, strict=True):
        path = paths.setdefault(route.path, _servers([server]) if route.is_at_root else {})
        path[route.method.lower()] = operation = _operation(market.dialect, route, signature, schema_of)
        if rows_of[route.handler] > 1:
            place = re.sub(r"\W+", "_", route.path).rstrip("_")
            operation["operationId"] = f"{operation['operationId']}.{route.method.lower()}{place}"
        if route.uploads:
            _add_form(operation, market.dialect, route, signature, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{market.title} API", "version": "1.0"},
        **_servers([server + prefix for prefix in market.prefixes]),
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": _security_schemes(market),
        },
    }


def _security_schemes(market: Marketplace) -> Json:
    schemes: Json = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    if market.dialect.keeps_cookies:
        description = (
            f"`__Host-{market.name}-access` where it comes over HTTPS; with changes `X-CSRF-Token` comes, too."
        )
        cookie = {"type": "apiKey", "in": "cookie", "name": f"{market.name}-access", "description": description}
        schemes["cookie"] = cookie
    if any(route.scope for route in market.routes):
        description = "An API key of the scope that the call names; also taken as `Authorization: Bearer`."
        schemes["apiKey"] = {"type": "apiKey", "in": "header", "name": KEY, "description": description}
    return schemes


def _servers(urls: Iterable[str]) -> Json:
    return {"servers": [{"url": url or "/"} for url in urls]}


def _operation(dialect: Dialect, route: Route, signature: Signature, schema_of: dict[str, Json]) -> Json:
    area = route.handler.__module__.rpartition(".")[2]
    operation: Json = {
        "operationId": f"{area}.{route.handler.__name__}",
        "summary": (route.handler.__doc__ or "").partition("\n")[0],
        "tags": [area],
        "parameters": [*_path_parameters(dialect, signature), *_query_parameters(dialect, signature)],
        "responses": _successes(dialect, route, signature, schema_of) | _failures(dialect, _errors(route, signature)),
        "security": _security(dialect, route),
    }
    if signature.body:
        content = {JSON: {"schema": schema_of[str(signature.body)]}}
        operation["requestBody"] = {"required": not signature.body_optional, "content": content}
    elif signature.raw:
        operation["requestBody"] = {"required": True, "content": {"*/*": {}}}
    return operation


def _security(dialect: Dialect, route: Route) -> list[Json]:
    """Return what shows who calls, one of them; of an API key also its scope."""
    if not route.who:
        return []
    cookie: list[Json] = [{"cookie": []}] if dialect.keeps_cookies else []
    key: list[Json] = [{"apiKey": [route.scope]}] if route.scope else []
    return [{"bearer": []}, *cookie, *key]


def _add_form(
    operation: Json, dialect: Dialect, route: Route, signature: Signature, components: dict[str, Json]
) -> None:
    """Describe a call that also accepts a form: its parts are the fields of the body, with files instead of addresses."""
    (struct,) = {*(get_args(signature.body) or (signature.body,))} - {type(None)}
    body = components[struct.__name__]
    file: Json = {"type": "string", "format": "binary"}
    files = {part.name: {"type": "array", "items": file} if part.many else file for part in route.uploads}
    replaced = {dialect.name(part.field) for part in route.uploads}
    texts = {name: schema for name, schema in _mapping(body["properties"]).items() if name not in replaced}
    content = _mapping(_mapping(operation["requestBody"])["content"])
    content[FORM] = {"schema": {"type": "object", "properties": texts | files}}


def _mapping(value: object) -> Json:
    assert isinstance(value, dict)  # noqa: S101
    return value


def _path_parameters(dialect: Dialect, signature: Signature) -> Iterable[Json]:
    for part in signature.path:
        schema = translated(dialect, msgspec.json.schema(part.type))
        yield {"name": part.name, "in": "path", "required": True, "schema": schema}


def _query_parameters(dialect: Dialect, signature: Signature) -> Iterable[Json]:
    if signature.query:
        fields = msgspec.structs.fields(signature.query)
        names = dialect.names({field.encode_name: field.encode_name in signature.query_lists for field in fields})
        for field in fields:
            is_list = field.encode_name in signature.query_lists
            default = {} if field.required else {"default": [] if is_list else field.default}
            schema = translated(dialect, msgspec.json.schema(field.type)) | default
            yield {
                "name": names[field.encode_name] + "[]" * is_list,
                "in": "query",
                "required": field.required,
                "schema": schema,
            }


def _successes(dialect: Dialect, route: Route, signature: Signature, schema_of: dict[str, Json]) -> Json:
    content = {"content": _content(dialect, signature.answer, schema_of)} if signature.answer else {}
    return {
        str(status): {"description": HTTPStatus(status).phrase} | (content if status != HTTPStatus.NO_CONTENT else {})
        for status in route.statuses
    }


def _content(dialect: Dialect, answer: object, schema_of: dict[str, Json]) -> Json:
    if _is_text(answer):
        return {answer.media_type: {"schema": {"type": "string"}}}
    schema = schema_of[str(answer)]
    return {JSON: {"schema": schema if is_page(names_of(answer)) else wrapped(dialect, schema)}}


def _is_text(kind: object) -> TypeGuard[type[Text]]:
    return isinstance(kind, type) and issubclass(kind, Text)


def _errors(route: Route, signature: Signature) -> Sequence[ErrorCode]:
    always = [errors.RATE_LIMITED, errors.INTERNAL_ERROR, errors.UNAVAILABLE]
    if route.who:
        always += [errors.UNAUTHORIZED, errors.TOKEN_EXPIRED, errors.SESSION_ENDED, errors.FORBIDDEN]
    if route.who and route.method != "GET":
        always.append(errors.CSRF_TOKEN_INVALID)
    if signature.path or signature.query or signature.body:
        always.append(errors.VALIDATION_ERROR)
    if signature.raw:
        always.append(errors.PAYLOAD_TOO_LARGE)
    if signature.body:
        always += [errors.MALFORMED_REQUEST, errors.PAYLOAD_TOO_LARGE, errors.UNSUPPORTED_MEDIA_TYPE]
    if signature.body and route.method in CHANGES:
        always.append(errors.FIELD_NOT_CHANGEABLE)
    always += [part.too_large for part in route.uploads]
    if route.keeps_answer:
        always.append(errors.IDEMPOTENCY_KEY_REUSED)
    return list(dict.fromkeys([*route.errors, *always]))


def _failures(dialect: Dialect, possible: Sequence[ErrorCode]) -> Json:
    by_status: dict[int, list[str]] = {}
    for error in map(dialect.errors.own, possible):
        by_status.setdefault(error.status, []).append(error.code)
    content = {JSON: {"schema": {"$ref": REF.format(name=dialect.errors.kind.__name__)}}}
    return {
        str(status): {"description": ", ".join(codes), "content": content}
        for status, codes in sorted(by_status.items())
    }
