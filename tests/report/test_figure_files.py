"""Figures and tables of a report as files: what they hold, and what other programs make of them."""

import csv
import io
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest

import recurra
from command_line import write_text
from recurra.view.tables import Cells, csv_text, latex


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    text = write_text(folder / "a.txt")
    recipe = recurra.MODERN.with_(
        hidden=4, steps=20, batch=2, seq_len=8, record_every=5, evaluate_every=10
    )
    recurra.train([text], "rnn", recipe, engine="reference", out=folder / "run")
    return folder / "run"


def test_every_figure_stands_alone_with_its_numbers(run, tmp_path):
    folder = tmp_path / "figures"
    recurra.write_report(run, tmp_path / "one.html", characters=0, figures=folder)
    names = {path.name for path in folder.iterdir()}
    assert {"held-out.svg", "held-out.csv", "train.svg", "table-1.csv", "table-1.tex"} <= names
    for path in folder.glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    rows = list(csv.DictReader((folder / "held-out.csv").read_text("utf-8").splitlines()))
    records = [r for r in recurra.Run.open(run).metrics() if r["kind"] == "evaluation"]
    found = [(float(row["x"]), float(row["y"])) for row in rows]
    assert found == [(r["characters"], r["nats_per_char"]) for r in records]


def test_markdown_has_its_pictures_beside_it(run, tmp_path):
    out = tmp_path / "my report.md"
    recurra.write_report(run, out, characters=0)
    text = out.read_text("utf-8")
    found = re.findall(r"!\[[^\]]*\]\((.*?)\)", text)
    assert found == ["my%20report-figures/held-out.svg", "my%20report-figures/train.svg"]
    for name in found:
        assert (tmp_path / name.replace("%20", " ")).exists()
    if pandoc := shutil.which("pandoc"):
        subprocess.run([pandoc, out.name, "-o", "one.docx"], cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    ("format", "message"), [("gif", "no figure format gif"), ("pdf", r"pip install .*\[figures\]")]
)
def test_a_format_that_cannot_be_written_leaves_no_folder(tmp_path, monkeypatch, format, message):
    """And nothing is read before: there is no such run."""
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(recurra.SettingError, match=message):
        recurra.write_report(
            tmp_path / "run", tmp_path / "a.html", figures=tmp_path / "f", figure_format=format
        )
    assert not (tmp_path / "f").exists()


def test_a_table_of_latex_fits_a_page(tmp_path):
    """Runs are told apart by network and seed, in each of its parts."""
    headings = ["network", "seed", *(f"a figure, number {n}" for n in range(9))]
    rows = [[network, seed, *["1,234.5678"] * 9] for seed in "12" for network in ("rnn", "宝玉")]
    text = latex(Cells(headings, rows, [False, *[True] * 10]))
    parts = text.split(r"\par\medskip")
    assert len(parts) == 5
    shown = [re.split(r" & | \\\\", line) for line in text.splitlines() if " & " in line]
    assert all(cells[:2] in [headings[:2], *(row[:2] for row in rows)] for cells in shown)
    heads = [cells[2:-1] for cells in shown if cells[0] == "network"]
    assert [heading for head in heads for heading in head] == headings[2:]
    assert len(shown) == 5 * len(parts)
    whole = latex(Cells(headings[:3], [row[:3] for row in rows], [False, True, True]))
    assert whole.count("tabular") == 2
    if pdflatex := shutil.which("pdflatex"):
        page = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
        plain = text.replace("宝玉", "W-RNN")  # letters of other scripts need another LaTeX
        (tmp_path / "t.tex").write_text(page + plain + r"\end{document}", "utf-8")
        command = [pdflatex, "-halt-on-error", "t.tex"]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert "Overfull" not in done.stdout


def test_a_table_of_latex_takes_any_text(tmp_path):
    cells = Cells(
        ["a & b", "100 %"], [["x_1 \\ {#} ~ ^ $", "−0.5"], ["=1+1\n", "1 – 2"]], [False, True]
    )
    text = latex(cells)
    assert r"a \& b & 100 \% \\" in text
    assert r"x\_1 \textbackslash{} \{\#\} \textasciitilde{} \textasciicircum{} \$ & $-$0.5" in text
    rows = [*csv.reader(io.StringIO(csv_text(cells.headings, cells.rows), newline=""))]
    assert rows == [[*cells.headings], ["x_1 \\ {#} ~ ^ $", "−0.5"], ["'=1+1\n", "1 – 2"]]
    if pdflatex := shutil.which("pdflatex"):
        page = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + text
        (tmp_path / "t.tex").write_text(page + r"\end{document}", "utf-8")
        subprocess.run([pdflatex, "-halt-on-error", "t.tex"], cwd=tmp_path, check=True)
