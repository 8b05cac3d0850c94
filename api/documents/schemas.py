"""JSON Schemas of structs, for the pages that describe a marketplace's calls and events."""

from collections.abc import Iterable
from inspect import cleandoc

import msgspec

Json = dict[str, object]
REF = "#/components/schemas/{name}"


def schemas_of(types: Iterable[object]) -> tuple[list[Json], dict[str, Json]]:
    """Return a schema or reference for each type, and the components that these refer to, by name."""
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    for component in components.values():
        # Python 3.13 takes the indentation out of docstrings, earlier ones keep it: the pages are the same on each.
        if "description" in component:
            component["description"] = cleandoc(component["description"])
    return list(schemas), components
