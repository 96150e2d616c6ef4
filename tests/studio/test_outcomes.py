"""Searches and comparisons begun from the page: processes of their own, shown as they go."""

import os
import re
import signal
import tomllib

import pytest

from command_line import write_text
from recurra.comparison.comparison import Comparison
from recurra.studio.jobs import Jobs
from recurra.studio.workspace import Workspace
from recurra.tuning.space import parse_space
from recurra.tuning.study import Study
from recurra.view.words import Words
from serving import look, serving, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

SETTINGS = {
    "hidden": 4, "batch": 2, "seq_len": 8, "warmup": 0, "record_every": 5, "evaluate_every": 10,
    "evaluate_characters": 100, "sample_every": 0,
}  # fmt: skip
COMMON = {"texts": ["novel.txt"], "engine": "reference", "settings": SETTINGS}
SEARCH = {
    **COMMON, "network": "rnn", "space": "lr = [0.01, 0.003]\n", "length": 320, "finalists": 0,
    "workers": 1, "pruner": "none",
}  # fmt: skip
COMPARISON = {**COMMON, "networks": ["rnn", "wrnn"], "seeds": 1, "steps": "20", "match": "hidden"}
COMPARISON["settings"] = {name: value for name, value in SETTINGS.items() if name != "hidden"}
COMPARISON["hidden"] = "4"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("outcomes")
    write_text(place / "novel.txt")
    (place / "old").mkdir()
    (place / "old" / "config.json").write_text("{}", "utf-8")
    return place


@pytest.fixture(scope="module")
def client(place):
    with serving(place) as (_, client):
        yield client


def begin(client, verb, what, asked):
    answer = client.post(f"/api/jobs/{verb}/{what}", json=asked)
    assert answer.is_success, answer.text
    return answer.json()


def state(client, id):
    return look(client)["others"].get(id, {}).get("state")


def report(client, id, language="en"):
    return client.get("/api/outcomes/report", params={"entry": id, "language": language}).text


@pytest.mark.long
def test_a_search_with_its_map_course_and_winner(client, place):
    asked = {**SEARCH, "space": "lr = [0.01, 0.003]\nbatch = [2, 3]\n"}
    told = begin(client, "tune", "estimate", asked)
    assert (told["trials"], told["seconds"] > 0) == (4, True)
    id = begin(client, "tune", "start", asked)["entry"]
    assert id.startswith("studies/rnn-novel-0")
    assert (place / f"{id}.toml").read_text("utf-8") == asked["space"]
    until(lambda: state(client, id) == "done")
    study = Study.open(place / id)
    assert study.spec.length == 320
    shown = report(client, id)
    winner = study.winner()
    assert f"trial {winner.number}" in shown.lower()
    assert shown.count("<figure>") >= 3  # course, expected best, importance or map
    assert "runs have begun" not in shown
    assert "试验" in report(client, id, "zh")


def test_one_is_stopped_and_goes_on_whichever_server_began_it(client, place):
    id = begin(client, "tune", "start", {**SEARCH, "length": 10**8, "trials": 2})["entry"]
    until(lambda: state(client, id) == "running" and "1 of 2 runs" in report(client, id))
    workspace = Workspace(place)
    other = Jobs(workspace)  # as in a server that is started after this one was killed
    number = other.process(workspace.entry(id))
    assert number
    again = client.post("/api/jobs/resume", json={"entry": id})
    assert "goes on already" in again.text
    other.stop(workspace.entry(id))
    until(lambda: state(client, id) == "stopped")
    begin_again = client.post("/api/jobs/resume", json={"entry": id, "budget": {"steps": 3}})
    assert "only a run goes on for longer" in begin_again.text
    client.post("/api/jobs/resume", json={"entry": id}).raise_for_status()
    until(lambda: state(client, id) == "running")
    os.kill(until(lambda: other.process(workspace.entry(id))), signal.SIGKILL)
    until(lambda: state(client, id) == "stopped")


def test_a_search_that_has_all_its_trials_is_done_and_a_damaged_one_is_not(client, place):
    asked = {**SEARCH, "space": "lr = [0.01, 0.003]\n", "trials": 1}
    id = begin(client, "tune", "start", asked)["entry"]
    until(lambda: state(client, id) == "done")
    journal = place / id / "journal.log"
    journal.write_bytes(b"{}\n" + journal.read_bytes())
    until(lambda: state(client, id) == "stopped")


def test_a_comparison_with_its_verdict_and_one_of_its_runs(client, place):
    told = begin(client, "compare", "estimate", COMPARISON)
    assert [(one["network"], one["runs"]) for one in told["runs"]] == [("rnn", 1), ("wrnn", 1)]
    id = begin(client, "compare", "start", COMPARISON)["entry"]
    assert id == "comparisons/rnn-wrnn-novel-001"
    until(lambda: state(client, id) == "done")
    assert Comparison.open(place / id).names == ["rnn", "wrnn"]
    shown = report(client, id)
    assert "rnn" in shown
    assert "<svg" in shown
    runs = [f"{id}/runs/4-steps20/{name}/seed-0" for name in ("rnn", "wrnn")]
    again = begin(client, "compare", "start", {"runs": runs})["entry"]
    assert again == "comparisons/seed-0-seed-0-001"
    until(lambda: state(client, again) == "done")


@pytest.mark.parametrize(
    ("verb", "fields", "part"),
    [
        ("tune", {"space": ""}, "the space"),
        ("tune", {"space": "lr = ["}, "is not TOML"),
        ("tune", {"space": "[" * 20_000}, "is not TOML"),
        ("tune", {"space": 'network = ["rnn", "lstm"]'}, "name none beside it"),
        ("tune", {"sampler": "best"}, "choose one of grid"),
        ("tune", {"pruner": "--out=/tmp"}, "choose one of none"),
        ("tune", {"texts": []}, "choose a text"),
        ("tune", {"texts": ["../x"]}, "the folder has no"),
        ("tune", {"trials": "3"}, "trials has to be"),
        ("tune", {"workers": 10**9}, "from 1 to 64"),
        ("compare", {"seeds": 10**9}, "from 1 to 1,000"),
        ("tune", {"trials": -1}, "from 1 to 100,000"),
        ("tune", {"finalists": 10**30}, "from 0 to 1,000"),
        ("tune", {"storage": "postgresql://x"}, "a field that Recurra does not know"),
        ("tune", {"settings": {"lr": -1.0}}, "lr has to be"),
        ("compare", {"networks": ["rnn"]}, "choose two or more"),
        ("compare", {"networks": ["rnn", "/etc/passwd"]}, "the folder has no"),
        ("compare", {"match": "size"}, "choose one of parameters"),
        ("compare", {"runs": ["old"]}, "keep their texts"),
        ("compare", {"texts": [], "networks": [], "settings": {}, "runs": ["../x"]}, "the folder"),
        ("compare", {"engine": "abacus"}, "choose one of"),
    ],
)
def test_what_is_refused_at_once(client, place, verb, fields, part):
    asked = {**(SEARCH if verb == "tune" else COMPARISON), **fields}
    before = sorted(place.rglob("*.toml"))
    answer = client.post(f"/api/jobs/{verb}/start", json=asked)
    assert answer.status_code in (400, 404)
    assert part in answer.json()["error"]["message"]
    assert sorted(place.rglob("*.toml")) == before


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_range_that_the_page_shows_is_one(language):
    shown = re.search(r"lr = \{.*?\}", Words(language)("studio space text"))[0]
    found = parse_space(tomllib.loads(shown)).parameters["lr"]
    assert (found.ends, found.log) == ((1e-4, 1e-2), True)


def test_what_only_the_command_can_refuse_is_told_by_the_estimate(client):
    answer = client.post("/api/jobs/compare/estimate", json={**COMPARISON, "hidden": "four"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Invalid value for --hidden")
