"""The structure of our packages, read from the sources: no large import circles, no crowded folders."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "cli", "config", "core", "marketplaces", "migrations", "realtime", "web", "workers")
LARGEST_CIRCLE = 2  # files
LARGEST_FOLDER = 14  # files beside __init__.py


Graph = Mapping[str, set[str]]


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "node_modules" not in path.parts]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(source: str) -> Iterator[tuple[str, str]]:
    """Yield each import of a source, also those for type checkers and within functions: the module, and a name in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, name.name) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names)


def import_graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Return which of these modules each of them imports; `texts` are their sources by name."""
    graph: dict[str, set[str]] = {}
    for module, text in texts.items():
        found = {f"{name}.{member}" if f"{name}.{member}" in texts else name for name, member in imported(text)}
        graph[module] = (found & texts.keys()) - {module}
    return graph


def reachable(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def circles(graph: Graph) -> set[tuple[str, ...]]:
    """Return the sets of modules in which each one imports, over others, all of the others."""
    reached = {module: reachable(graph, module) for module in graph}
    return {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in graph
        if module in reached[module]
    }


def test_no_import_circle_is_larger_than_two_files() -> None:
    graph = import_graph({module_of(path): path.read_text() for path in sources()})
    assert [circle for circle in sorted(circles(graph)) if len(circle) > LARGEST_CIRCLE] == []


def test_no_folder_has_more_files_than_can_be_taken_in_at_a_glance() -> None:
    names: dict[str, list[str]] = {}
    for path in sources():
        if path.name != "__init__.py":
            names.setdefault(str(path.parent.relative_to(ROOT)), []).append(path.name)
    counts = {folder: len(files) for folder, files in names.items()}
    assert {folder: count for folder, count in counts.items() if count > LARGEST_FOLDER} == {}


def test_circles_are_found_through_imports_for_type_checkers_and_within_functions() -> None:
    texts = {
        "core.a": "if TYPE_CHECKING:\n    from core.b import B",
        "core.b": "def run() -> None:\n    from core import c",
        "core.c": "import core.a\nimport os",
        "core.d": "from core.a import A\nfrom core import d",
    }
    graph = import_graph(texts)
    assert graph == {"core.a": {"core.b"}, "core.b": {"core.c"}, "core.c": {"core.a"}, "core.d": {"core.a"}}
    assert circles(graph) == {("core.a", "core.b", "core.c")}
