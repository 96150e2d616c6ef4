"""The list of the runs of a folder: every run in it, with what its own files say."""

import csv
import io
import json
import shutil

import pytest

import recurra
from recurra.training.run_list import RUN_LIST, list_runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    top = tmp_path_factory.mktemp("lab")
    text = top / "sums.txt"
    text.write_text("".join(f"{n} + {n} = {2 * n}\n" for n in range(200)), "utf-8")
    recipe = recurra.MODERN.with_(hidden=4, steps=8, evaluate_every=4, batch=4, seq_len=16)
    for name, lr in (("a", 0.03), ("deep/b", 0.001)):
        recurra.train(
            [text], "rnn", recipe.with_(lr=lr), engine="reference", out=top / "runs" / name
        )
    shutil.copytree(top / "runs" / "a", top / "runs" / "broken")
    (top / "runs" / "broken" / "config.json").write_text('{"format": 1}', "utf-8")
    unfinished = top / "runs" / "unfinished"
    shutil.copytree(top / "runs" / "a", unfinished)
    lines = (unfinished / "metrics.jsonl").read_text("utf-8").splitlines(keepends=True)
    (unfinished / "metrics.jsonl").write_text("".join(lines[:2]), "utf-8")
    return top / "runs"


def test_every_run_is_there_the_best_first(folder):
    rows = list_runs(folder)
    names = [row.run for row in rows]
    assert sorted(names) == ["a", "broken", "deep/b", "unfinished"]
    losses = [row.held_out for row in rows if row.held_out is not None]
    assert losses == sorted(losses)
    by_name = {row.run: row for row in rows}
    finished = recurra.Run.open(folder / "a").metrics()[-1]
    assert by_name["a"].held_out == finished["val_nats_per_char"]
    assert by_name["a"].ended == "steps"
    assert by_name["unfinished"].ended == "running"
    assert by_name["unfinished"].parameters is None
    assert "config.json" in by_name["broken"].problem
    by_rate = list_runs(folder, "lr", reverse=True)
    assert [row.recipe.lr for row in by_rate if row.recipe] == [0.03, 0.03, 0.001]
    assert list_runs(folder / "a")[0].run == "."


def test_table_csv_and_json_say_the_same(folder, call):
    rows = list_runs(folder)
    shown = call("runs", folder)[1]
    assert all(row.run in shown for row in rows)
    found = list(csv.DictReader(io.StringIO(call("runs", folder, "--csv")[1])))
    assert [row["run"] for row in found] == [row.run for row in rows]
    records = json.loads(call("runs", folder, "--json")[1])["runs"]
    assert [list(record) for record in records] == [list(row) for row in found]
    assert {record["seq_len"] for record in records} == {16, None}


def test_what_cannot_be_listed_is_a_sentence(folder, tmp_path):
    with pytest.raises(recurra.SettingError, match="no column loss: sort by one of run, network"):
        list_runs(folder, "loss")
    with pytest.raises(recurra.RunError, match="is no folder: name one that holds runs"):
        list_runs(tmp_path / "nowhere")
    assert list_runs(tmp_path) == []
    assert len({column.key for column in RUN_LIST.columns}) == len(RUN_LIST.columns)
