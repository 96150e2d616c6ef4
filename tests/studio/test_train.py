"""The place Train: records as they are written, curves, the form, reports; whatever files hold."""

import json
import re
import shutil
import time
from dataclasses import fields

import httpx
import numpy as np
import pytest

from recurra.comparison.create import compare_runs
from recurra.comparison.results import evaluate_test
from recurra.storage.runs import Run
from recurra.studio.feed import SAMPLES, Feed, Feeds
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import CLASSIC, MODERN, Recipe
from serving import look, serving

RUN = "runs/rnn"


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder / RUN, tmp_path / "run")
    return tmp_path / "run"


def told(feed):
    return (
        feed.progress,
        feed.samples.copy(),
        feed.finished,
        feed.curve("held_out", "steps")[1].tolist(),
    )


# -- records


@pytest.mark.parametrize("across", ["steps", "characters", "seconds"])
def test_curves_are_those_of_the_run(folder, across):
    feed, run = Feed(folder / RUN), FinishedRun.open(folder / RUN)
    feed.update()
    for quantity, losses in (("train", run.train), ("held_out", run.held_out)):
        x, y = feed.curve(quantity, across)
        np.testing.assert_array_equal(x, getattr(losses, across))
        np.testing.assert_array_equal(y, losses.nats)
    assert feed.opened.shapes.count == run.finished.parameters
    assert feed.finished == run.finished
    assert feed.best == run.held_out.nats.min()
    assert feed.outcome == "done"


def test_what_is_written_is_read_once(copy):
    lines = (copy / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    whole = Feed(copy)
    whole.update()
    (copy / "metrics.jsonl").write_bytes(b"")
    feed = Feed(copy)
    for line in lines:
        with (copy / "metrics.jsonl").open("ab") as file:
            file.write(line[:20])
            file.flush()
            before = told(feed)
            feed.update()  # half a line is none
            assert told(feed) == before
            file.write(line[20:])
        feed.update()
        assert told(feed) != before
    np.testing.assert_array_equal(feed.curve("train", "steps"), whole.curve("train", "steps"))
    assert (feed.samples, feed.finished) == (whole.samples, whole.finished)


def test_a_run_that_was_resumed_from_before_its_end_is_read_anew(copy):
    feed = Feed(copy)
    feed.update()
    steps = feed.curve("train", "steps")[0].tolist()
    run = Run.open(copy)
    run.truncate_metrics(10)
    feed.update()
    assert feed.finished is None
    assert feed.curve("train", "steps")[0].tolist() == [step for step in steps if step <= 10]
    # cut, and as long as before at the next look
    (copy / "metrics.jsonl").write_bytes((copy / "metrics.jsonl").read_bytes().replace(b"1", b"2"))
    feed.update()
    assert feed.curve("train", "steps")[0].tolist() != steps[:2]


def test_many_samples_and_many_runs_are_bounded(copy):
    run = Run.open(copy)
    for step in range(100, 100 + 3 * SAMPLES):
        run.append_metrics({"kind": "sample", "step": step, "text": "a"})
    feed = Feed(copy)
    feed.update()
    assert [sample.step for sample in feed.samples][-1] == 99 + 3 * SAMPLES
    assert len(feed.samples) == SAMPLES


def test_another_run_of_the_same_name(copy, folder):
    feeds = Feeds()
    assert feeds.of(copy) is feeds.of(copy)
    shutil.rmtree(copy)
    time.sleep(0.01)
    shutil.copytree(folder / RUN, copy, copy_function=shutil.copyfile)
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["network"] = "other"
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    assert feeds.of(copy).opened.config.network == "other"


# -- what the page asks


def test_a_chart(studio):
    _, client = studio
    for y in ("loss", "train", "held_out", "gradient_norm", "rate", "speed"):
        for x in ("steps", "characters", "seconds"):
            drawn = client.get("/api/train/chart", params={"run": [RUN], "x": x, "y": y}).text
            assert drawn.startswith("<svg")
            assert drawn.count("<polyline") == (2 if y == "loss" else 1)
    chinese = client.get("/api/train/chart", params={"run": RUN, "y": "loss", "language": "zh"})
    assert "步数" in chinese.text


@pytest.mark.parametrize(
    "query",
    [
        {}, {"run": [RUN] * 13}, {"run": RUN, "x": "y"}, {"run": RUN, "y": "<script>"},
        {"run": "nothing"}, {"run": "../x"}, {"run": RUN, "language": "xx"},
    ],
)  # fmt: skip
def test_a_chart_of_nothing(studio, query):
    _, client = studio
    response = client.get("/api/train/chart", params=query)
    assert response.status_code in (400, 404)
    assert response.headers["content-type"] == "application/json"


def test_twenty_thousand_records_are_a_small_drawing(copy):
    record = next(r for r in Run.open(copy).metrics() if r["kind"] == "progress")
    with (copy / "metrics.jsonl").open("w", encoding="utf-8") as file:
        for step in range(1, 20_001):
            file.write(
                json.dumps({**record, "step": step, "smooth_nats_per_char": 5 / step}) + "\n"
            )
    with serving(copy.parent) as (_, client):
        drawn = client.get("/api/train/chart", params={"run": "run", "y": "train"})
    assert len(drawn.content) < 40_000


def test_the_form_has_every_field_with_both_recipes_values(studio):
    _, client = studio
    form = client.get("/api/jobs/form").json()
    told = {one["name"]: one for one in form["fields"]}
    assert set(told) == {field.name for field in fields(Recipe)} - {"name"}
    for name, one in told.items():
        assert one["values"] == {
            "modern": getattr(MODERN, name), "classic": getattr(CLASSIC, name),
        }  # fmt: skip
        assert one["help"]["en"]
        assert re.search(r"[\u4e00-\u9fff]", one["help"]["zh"])


def test_a_comparison_with_its_verdict(folder, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(folder / RUN, tmp_path / name)
        config = json.loads((tmp_path / name / "config.json").read_text("utf-8"))
        assert config["network"] == "rnn"
    comparison = compare_runs(
        {"one": [tmp_path / "a"], "other": [tmp_path / "b"]}, out=tmp_path / "comparison"
    )
    results = evaluate_test(comparison)
    with serving(tmp_path) as (_, client):
        other = look(client)["others"]["comparison"]
        assert (other["kind"], other["label"], other["state"]) == (
            "comparison",
            "comparison",
            "done",
        )
        for language in ("en", "zh"):
            query = {"entry": "comparison", "language": language}
            told = client.get("/api/outcomes/report", params=query).text
            for difference in results.differences:
                assert difference.sentence(language) in told
            assert "<style" not in told


def test_what_has_no_report_says_why(studio):
    _, client = studio
    response = client.get("/api/outcomes/report", params={"entry": "nothing"})
    assert response.json()["error"]["message"] == "the folder has no entry nothing"


# -- hostile folders


def test_markup_and_control_characters_are_text(folder, tmp_path):
    evil = "<img src=x onerror=alert(1)>\x1b[2J&"
    shutil.copytree(folder / RUN, tmp_path / evil)
    config = json.loads((tmp_path / evil / "config.json").read_text("utf-8"))
    config["network"] = config["text"]["sources"][0] = evil
    (tmp_path / evil / "config.json").write_text(json.dumps(config), "utf-8")
    with serving(tmp_path) as (_, client):
        ((id, row),) = look(client)["runs"].items()
        assert "\x1b" not in id
        assert "\x1b" not in json.dumps(row, ensure_ascii=False)
        drawn = client.get("/api/train/chart", params={"run": [id, id]}).text
        assert "<img" not in drawn
        assert "&lt;img src=x" in drawn
        shown = client.get("/api/train/run", params={"run": id})
        assert shown.headers["content-type"] == "application/json"
        assert "\x1b" not in shown.json()["commands"][0]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "{}"), ("config.json", "["), ("config.json", "null"),
        ("metrics.jsonl", "nonsense\n"), ("metrics.jsonl", '{"step": 1}\n'),
        ("metrics.jsonl", '{"step": 1, "kind": "progress", "rate": "x"}\n'),
        ("vocabulary.json", "{}"), ("equations.eq", "a[t] = \n"), ("extensions.json", "x"),
        ("metrics.jsonl", "[" * 100_000 + "\n"), ("clock.json", "x"),
    ],
)  # fmt: skip
def test_a_damaged_run_is_a_row_with_a_sentence(copy, folder, file, content):
    shutil.copytree(folder / RUN, copy.parent / "good")
    (copy / file).write_text(content, "utf-8")
    with serving(copy.parent) as (_, client):
        rows = look(client)["runs"]
        assert rows["good"]["state"] == "done"
        if file not in ("extensions.json", "clock.json"):  # which the table does not need
            assert rows["run"]["state"] == "damaged"
            assert rows["run"]["message"].count("\n") <= 2
        for path in ("run", "chart"):
            response = client.get(f"/api/train/{path}", params={"run": "run"})
            assert response.status_code in (200, 400, 404)


def test_a_pipe_in_place_of_a_file_holds_nobody_up(copy):
    os = pytest.importorskip("os")
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes")
    (copy / "metrics.jsonl").unlink()
    os.mkfifo(copy / "metrics.jsonl")
    with serving(copy.parent) as (_, client):
        assert look(client)["runs"]["run"]["state"] == "damaged"
        with pytest.raises(httpx.HTTPStatusError):
            client.get("/api/train/chart", params={"run": "run"}).raise_for_status()
