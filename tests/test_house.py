"""The structure of the sources: few entries, no circles, short chains, short files, one dialect."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "recurra"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_of(path): path.read_text("utf-8") for path in sorted(SOURCE.rglob("*.py"))}


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax of all files; read once, by the process that runs these tests."""
    return {module: ast.parse(text) for module, text in FILES.items()}


def imports_of(tree: ast.Module) -> set[str]:
    """The modules of ours that a file imports anywhere, for types only too."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names):
                found |= {f"{module}.{alias.name}" for alias in names} | {module}
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
    return found & FILES.keys()


def imports() -> dict[str, set[str]]:
    """Module -> those that it imports; the façade, a table of public names, is left out."""
    return {m: imports_of(tree) - {m, "recurra"} for m, tree in trees().items() if m != "recurra"}


def test_the_root_is_small() -> None:
    entries = {path.name for path in SOURCE.iterdir() if path.name != "__pycache__"}
    assert len(entries) <= 22
    assert {path for path in entries if path.endswith(".py")} <= {
        "__init__.py", "__main__.py", "_version.py", "errors.py",
    }  # fmt: skip


def test_no_circle_of_imports_and_no_long_chain() -> None:
    graph = imports()
    list(TopologicalSorter(graph).static_order())  # raises CycleError

    @cache
    def depth(module: str) -> int:
        return 1 + max(map(depth, graph[module]), default=0)

    assert max(map(depth, graph)) <= 22


def test_files_are_short() -> None:
    lines = {module: len(text.splitlines()) for module, text in FILES.items()}
    assert {module: count for module, count in lines.items() if count > 480} == {}


# Words that stood in names or docstrings, and the field's word that stands there now.
REPLACED = {
    r"asked": "RunConfig.load",
    r"dismiss": "shutdown",
    r"judge[ds]?|judging": "evaluate, compare",
    r"ledger": "trial store",
    r"lasting|suited|parted": "absolute, safe_name, split",
    r"refuse_what_\w+": "check_held_out",
    r"placed_zeros|quarter": "aligned_zeros, page_offset",
    r"revive[ds]?": "set_status",
    r"settle[ds]?|settling": "evaluate_test, finalise",
    r"team": "thread pool",
    r"trainers": "pending_runs",
}
PROSE = r"judge[ds]?|judging|ledger|revive[ds]?|settle[ds]?|settling|the original"


def test_the_words_are_those_of_the_field() -> None:
    """The glossary: neither names of functions, classes and arguments nor docstrings go back."""
    old = re.compile("|".join(f"_?({word})" for word in REPLACED))
    prose = re.compile(rf"^What |\b({PROSE})\b")
    found = []
    for module, tree in trees().items():
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                    found += [(module, name)] * bool(old.fullmatch(name.lower()))
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                text = ast.get_docstring(node) or ""
                found += [(module, text)] * bool(prose.search(text))
    assert found == []
