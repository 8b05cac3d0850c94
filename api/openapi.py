"""A marketplace's table becomes its OpenAPI 3.1 document."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus

import msgspec

from api.signature import Signature, signature_of
from core import errors
from core.errors import ErrorAnswer, ErrorCode
from core.market import Marketplace, Route

Json = dict[str, object]
REF = "#/components/schemas/{name}"
JSON = "application/json"


def document(market: Marketplace, server: str) -> Json:
    """Describe every call of a marketplace; `server` is where its paths begin."""
    signatures = [signature_of(route) for route in market.routes]
    types = [kind for one in signatures for kind in (one.body, one.answer) if kind]
    schemas, components = msgspec.json.schema_components([*types, ErrorAnswer], ref_template=REF)
    schema_of = dict(zip(map(str, types), schemas, strict=False))
    paths: dict[str, Json] = {}
    for route, signature in zip(market.routes, signatures, strict=True):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, signature, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{market.title} API", "version": "1.0"},
        "servers": [{"url": server or "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(route: Route, signature: Signature, schema_of: dict[str, Json]) -> Json:
    area = route.handler.__module__.rpartition(".")[2]
    operation: Json = {
        "operationId": f"{area}.{route.handler.__name__}",
        "summary": (route.handler.__doc__ or "").partition("\n")[0],
        "tags": [area],
        "parameters": [*_path_parameters(signature), *_query_parameters(signature)],
        "responses": _successes(route, signature, schema_of) | _failures(_errors(route, signature)),
        "security": [{"bearer": []}] if route.who else [],
    }
    if signature.body:
        content = {JSON: {"schema": schema_of[str(signature.body)]}}
        operation["requestBody"] = {"required": not signature.body_optional, "content": content}
    return operation


def _path_parameters(signature: Signature) -> Iterable[Json]:
    for part in signature.path:
        yield {"name": part.name, "in": "path", "required": True, "schema": msgspec.json.schema(part.type)}


def _query_parameters(signature: Signature) -> Iterable[Json]:
    if signature.query:
        for field in msgspec.structs.fields(signature.query):
            schema = msgspec.json.schema(field.type) | {"default": field.default}
            yield {"name": field.encode_name, "in": "query", "required": False, "schema": schema}


def _successes(route: Route, signature: Signature, schema_of: dict[str, Json]) -> Json:
    content = {"content": {JSON: {"schema": schema_of[str(signature.answer)]}}} if signature.answer else {}
    return {str(status): {"description": HTTPStatus(status).phrase} | content for status in route.statuses}


def _errors(route: Route, signature: Signature) -> Sequence[ErrorCode]:
    always = [errors.RATE_LIMITED, errors.INTERNAL_ERROR, errors.UNAVAILABLE]
    if route.who:
        always += [errors.UNAUTHORIZED, errors.TOKEN_EXPIRED, errors.SESSION_ENDED]
    if signature.path or signature.query or signature.body:
        always.append(errors.VALIDATION_ERROR)
    if signature.body:
        always += [errors.MALFORMED_REQUEST, errors.PAYLOAD_TOO_LARGE, errors.UNSUPPORTED_MEDIA_TYPE]
    return [*route.errors, *always]


def _failures(possible: Sequence[ErrorCode]) -> Json:
    by_status: dict[int, list[str]] = {}
    for error in possible:
        by_status.setdefault(error.status, []).append(error.code)
    content = {JSON: {"schema": {"$ref": REF.format(name=ErrorAnswer.__name__)}}}
    return {
        str(status): {"description": ", ".join(codes), "content": content}
        for status, codes in sorted(by_status.items())
    }
