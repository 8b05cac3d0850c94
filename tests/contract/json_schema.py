"""As much of JSON Schema as our own documents use, to hold answers against them."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

Schema = dict[str, Any]

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}
FORMATS: dict[str, Callable[[str], object]] = {"uuid": UUID, "date-time": datetime.fromisoformat}
SILENT = {"title", "description", "default", "$ref", "type", "format", "properties", "required", "items", "anyOf", "enum",
          "additionalProperties", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"}  # fmt: skip


def problems(value: Any, schema: Schema, components: dict[str, Schema], at: str = "$") -> Iterator[str]:
    """Yield where a value differs from its schema."""
    if unknown := set(schema) - SILENT:
        yield f"{at}: this check does not know {unknown}"
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema and all(any(problems(value, option, components, at)) for option in schema["anyOf"]):
        yield f"{at}: {value!r} is none of {schema['anyOf']}"
    if "type" in schema and not TYPES[schema["type"]](value):
        yield f"{at}: {value!r} is no {schema['type']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not in {schema['enum']}"
    if isinstance(value, str):
        yield from _text_problems(value, schema, at)
    if isinstance(value, dict) and "anyOf" not in schema:
        yield from _object_problems(value, schema, components, at)
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from problems(item, schema.get("items", {}), components, f"{at}[{place}]")


def _text_problems(value: str, schema: Schema, at: str) -> Iterator[str]:
    if not re.search(schema.get("pattern", ""), value):
        yield f"{at}: {value!r} does not match"
    try:
        FORMATS.get(schema.get("format", ""), str)(value)
    except ValueError:
        yield f"{at}: {value!r} is no {schema['format']}"


def _object_problems(value: dict[str, Any], schema: Schema, components: dict[str, Schema], at: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value)
    others = {name: part for name, part in value.items() if name not in properties}
    if not schema.get("additionalProperties"):  # an empty schema takes anything
        yield from (f"{at}: {name} is not documented" for name in others if "additionalProperties" not in schema)
    else:
        for name, part in others.items():
            yield from problems(part, schema["additionalProperties"], components, f"{at}.{name}")
    for name in value.keys() & properties.keys():
        yield from problems(value[name], properties[name], components, f"{at}.{name}")
