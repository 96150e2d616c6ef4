"""The table of trials for other programs."""

import csv
import io

from recurra.cli.studies import _csv


def test_no_cell_is_a_formula_and_numbers_stay_numbers():
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1", "a=1", "", '宝玉, "x"']
    table = [{"sample": text, "loss": -1.5, "step": -3, "none": None} for text in texts]
    rows = list(csv.DictReader(io.StringIO(_csv(table), newline="")))
    assert [row["sample"] for row in rows] == [f"'{text}" for text in texts[:8]] + texts[8:]
    assert {(row["loss"], row["step"], row["none"]) for row in rows} == {("-1.5", "-3", "")}
