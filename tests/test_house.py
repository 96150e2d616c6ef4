"""The structure of the sources: few entries, no circles, short chains, short files, one dialect."""

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "recurra"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a file imports anywhere, for types only too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                found |= {f"{module}.{alias.name}" for alias in names} | {module}
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
    return found & FILES.keys()


# The façade lists all public names, and is left out: it is a table, not a dependency.
GRAPH = {m: imports_of(path) - {m, "recurra"} for m, path in FILES.items() if m != "recurra"}


def test_the_root_is_small() -> None:
    entries = {path.name for path in SOURCE.iterdir() if path.name != "__pycache__"}
    assert len(entries) <= 22
    assert {path for path in entries if path.endswith(".py")} <= {
        "__init__.py", "__main__.py", "_version.py", "errors.py",
    }  # fmt: skip


def test_no_circle_of_imports_and_no_long_chain() -> None:
    list(TopologicalSorter(GRAPH).static_order())  # raises CycleError

    @cache
    def depth(module: str) -> int:
        return 1 + max(map(depth, GRAPH[module]), default=0)

    assert max(map(depth, GRAPH)) <= 22


@pytest.mark.parametrize("module", FILES)
def test_files_are_short(module: str) -> None:
    assert len(FILES[module].read_text("utf-8").splitlines()) <= 480
