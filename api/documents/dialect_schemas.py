"""Translates JSON Schemas into the dialect of a marketplace: names and ids."""

from collections.abc import Mapping
from typing import Final

from api.documents.schemas import Json
from core.base.ids import MOST_BIGINT
from core.market.dialect import Dialect

# Each holds a list of schemas, except the last two.
_WITHIN: Final = ("anyOf", "oneOf", "allOf", "prefixItems", "items", "additionalProperties")
_BIGINT: Final = {
    "type": "string",
    "pattern": "^[1-9][0-9]{0,18}$",
    "description": f"An integer up to {MOST_BIGINT}, as a text: JavaScript's numbers do not hold it.",
}


def translated(dialect: Dialect, schema: Json) -> Json:
    """Return a schema in a dialect."""
    if not dialect.translates:
        return schema
    if schema.get("format") == "uuid" and dialect.bigint_ids:
        return dict(_BIGINT)
    changed: Json = {name: _within(dialect, part) if name in _WITHIN else part for name, part in schema.items()}
    if isinstance(description := schema.get("description"), str):
        changed["description"] = dialect.worded(description)
    properties = schema.get("properties")
    if isinstance(properties, dict):
        names = dialect.names({name: _is_list(part) for name, part in properties.items()})
        changed["properties"] = {names[name]: _within(dialect, part) for name, part in properties.items()}
        required = schema.get("required")
        if isinstance(required, list):
            changed["required"] = [names.get(name, name) for name in required]
    return changed


def wrapped(dialect: Dialect, schema: Json) -> Json:
    """Return the schema of an answer inside the dialect's wrapper, if it has one."""
    if not dialect.data:
        return schema
    return {"type": "object", "properties": {dialect.data: schema}, "required": [dialect.data]}


def _within(dialect: Dialect, part: object) -> object:
    if isinstance(part, list):
        return [_within(dialect, one) for one in part]
    return translated(dialect, part) if isinstance(part, dict) else part


def _is_list(part: object) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "array"
