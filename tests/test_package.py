"""What holds for the whole package: lazy imports, safe calls, documented names, clean files."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import recurra

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROGRAMS = [
    *SOURCES,
    *(p for folder in ("tests", "benchmarks") for p in sorted((ROOT / folder).rglob("*.py"))),
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
HEAVY = {
    "numba", "scipy", "torch", "jax", "rich", "safetensors", "charset_normalizer", "pooch",
    "optuna", "sqlalchemy", "matplotlib", "distributed", "pydantic",
}  # fmt: skip


def name_of(path):
    return str(path.relative_to(ROOT))


def loaded_by(program, *names):
    """Which of these top-level modules a fresh Python has loaded after the program."""
    end = "import sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{end}"], capture_output=True, text=True, check=True
    )
    return set(names) & set(done.stderr.split())


def test_import_loads_nothing_heavy():
    assert not loaded_by("import recurra; dir(recurra)", *HEAVY, "numpy", "typer")


def test_equations_load_nothing_heavy():
    assert not loaded_by("import recurra; recurra.load_network('wrnn')", *HEAVY)


def test_comparing_and_reporting_load_nothing_of_searches():
    program = "import recurra; recurra.compare, recurra.write_report"
    assert not loaded_by(program, "optuna", "sqlalchemy", "matplotlib", "distributed")


def test_help_loads_nothing_heavy():
    program = """
import sys
from recurra.cli import main
for arguments in [], ["train"], ["tune"], ["trials"]:
    sys.argv = ["recurra", *arguments, "--help"]
    try:
        main()
    except SystemExit as end:
        assert not end.code
"""
    assert not loaded_by(program, *HEAVY)


def test_the_first_page_of_the_studio_loads_nothing_heavy(tmp_path):
    program = f"""
import threading, urllib.request
from recurra.cli import studio
from recurra.studio import app
app.HEAD_START = 1000  # seconds in which only what is asked for is loaded
server = studio._server({str(tmp_path)!r}, None, page=True)
threading.Thread(target=server.run, daemon=True).start()
key = {{"authorization": f"Bearer {{server.token}}"}}
for path in ("/", "/static/main.js", "/api/words/en"):
    asked = urllib.request.Request(server.origin + path, headers=key)
    assert urllib.request.urlopen(asked, timeout=60).read()
"""
    assert not loaded_by(program, *HEAVY, "numpy", "typst", "httpx", "websockets", "requests")


@pytest.mark.parametrize("name", recurra.__all__)
def test_public_names_exist_and_are_documented(name):
    value = getattr(recurra, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert inspect.getdoc(value)
    assert name in dir(recurra)


@pytest.mark.parametrize("name", recurra.__all__)
def test_public_signatures_name_their_options(name):
    value = getattr(recurra, name)
    methods = vars(value).items() if inspect.isclass(value) else ()
    public = [getattr(value, key) for key, _ in methods if not key.startswith("_")]
    for function in [f for f in [value, *public] if inspect.isfunction(f) or inspect.ismethod(f)]:
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                assert parameter.annotation not in (Any, "Any", parameter.empty), function


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        recurra.nonsense  # noqa: B018


def test_type_checkers_see_the_same_names_as_programs():
    tree = ast.parse(Path(recurra.__file__).read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname: node.module for node in block.body for alias in node.names}
    assert seen == {name: f"recurra.{module}" for name, module in recurra._MODULE_OF.items()}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_a_user_made_can_become_code(path):
    forbidden = {"pickle", "cPickle", "dill", "marshal", "shelve", "joblib"}
    if path.match("compute/numba/kernels/jit.py"):
        # Numba keeps machine code as pickles; ours lie in a folder that only this user can write.
        forbidden.remove("pickle")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
                assert name not in ("eval", "exec", "__import__"), f"line {node.lineno}"
            case ast.Import(names=aliases):
                assert not forbidden & {a.name.partition(".")[0] for a in aliases}
            case ast.ImportFrom(module=str(module)):
                assert module.partition(".")[0] not in forbidden
            case ast.keyword(arg="allow_pickle", value=value):
                assert isinstance(value, ast.Constant)
                assert value.value is False


def test_files_stay_short():
    lines = {name_of(path): len(path.read_text("utf-8").splitlines()) for path in PROGRAMS}
    assert {name: count for name, count in lines.items() if count > 500} == {}


# Written so that this file does not find itself.
MACHINE = re.compile(
    r"(?<![\w.])/(work|root|opt|home|Users)/|pypi[.]org|pythonhosted[.]|index[-]url"
)


def test_no_machine_and_no_registry_is_named():
    others = (ROOT / name for name in ("pyproject.toml", "constraints.txt", ".ci/run"))
    for path in [*PROGRAMS, *PAGES, *NOTEBOOKS, *others]:
        assert not MACHINE.findall(path.read_text("utf-8")), path


def test_links_between_pages_lead_somewhere():
    for path in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), (path, target)


def test_constraints_pin_every_requirement():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    versions = {re.sub("[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    for text in [*project["dependencies"], *(line for extra in extras for line in extra)]:
        requirement = Requirement(text)
        if requirement.name != "recurra":
            assert versions[requirement.name] in requirement.specifier
