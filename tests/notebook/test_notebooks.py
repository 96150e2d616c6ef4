"""The notebooks run from top to bottom, on a small budget, and are committed without outputs."""

import itertools
import re
import warnings
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SMALL = """
import recurra

TEXT = ["sums.txt"]
RECIPE = recurra.MODERN.with_(
    hidden=48, batch=4, seq_len=16, steps=20, warmup=5, evaluate_every=20, sample_every=0
)
RATES = [3e-3, 1e-2]
SEEDS = 2
"""


def read(path):
    return nbformat.read(path, as_version=4)


def test_there_are_two():
    assert [path.name for path in NOTEBOOKS] == ["assignment.ipynb", "assignment.zh-CN.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_committed_without_outputs_and_valid(path):
    notebook = read(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.cell_type != "code" or (cell.outputs, cell.execution_count) == ([], None)


@pytest.mark.parametrize(
    "path",
    [NOTEBOOKS[0], *(pytest.param(path, marks=pytest.mark.long) for path in NOTEBOOKS[1:])],
    ids=lambda path: path.name,
)
def test_a_notebook_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    sums = "".join(f"{a} + {b} = {a + b}\n" for a, b in itertools.product(range(40), range(30)))
    (tmp_path / "sums.txt").write_text(sums, "utf-8")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    notebook = read(path)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    parameters.source = SMALL
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Jupyter, whose they are
        client.execute()
    outputs = [output for c in notebook.cells if c.cell_type == "code" for output in c.outputs]
    shown = [output.get("data", {}).get("text/html", "") for output in outputs]
    assert sum("<svg" in html for html in shown) == 2  # the run and the results
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "WRONG" not in printed
    assert len(re.findall(r"e-\d\d[:：]", printed)) == 9  # every parameter of the W-RNN
    assert re.search(r"--- W-RNN\nTo be, or", printed)
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_a_training_draws_itself_below_its_cell(tmp_path):
    cells = [
        "import recurra\nopen('plays.txt', 'w').write('to be, or not to be? ' * 200)",
        SMALL,
        "recurra.train('plays.txt', 'rnn', RECIPE, engine='reference', "
        "report=recurra.live_report()).steps",
    ]
    book = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells)))
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown, result = book.cells[2].outputs
    assert result["data"]["text/plain"] == "20"
    page = shown["data"]["text/html"]
    assert '<progress max="1" value="1.0000"' in page
    assert "<svg" in page
    assert "step 20, the end" in page
