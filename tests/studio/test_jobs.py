"""Trainings of the studio: processes that survive the server, seen by their folders alone."""

import contextlib
import os
import re
import signal
import subprocess

import httpx
import pytest

from command_line import RECURRA, SMALL, write_text
from recurra.errors import RecurraError
from recurra.storage.runs import Run
from recurra.storage.typed_json import read_typed
from recurra.studio.job_requests import TrainingRequest, options
from recurra.studio.jobs import Jobs
from recurra.studio.workspace import Workspace
from serving import look, serving, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

SETTINGS = {
    "hidden": 6, "batch": 2, "seq_len": 8, "steps": 40, "warmup": 5, "record_every": 5,
    "evaluate_every": 10, "sample_every": 20, "sample_characters": 30,
}  # fmt: skip
ENDLESS = {**SETTINGS, "steps": 10**7, "sample_every": 0}
LONG = 60.0  # seconds to wait for something that takes one


def asked(**fields):
    given = {"texts": ["texts/novel.txt"], "network": "rnn", "engine": "reference"}
    return {**given, "settings": SETTINGS, **fields}


@pytest.fixture
def place(tmp_path):
    (tmp_path / "texts").mkdir()
    write_text(tmp_path / "texts" / "novel.txt")
    return tmp_path


@pytest.fixture
def studio(place):
    with serving(place) as (server, client):
        yield server, client
        for run in place.glob("runs/*"):
            if number := Run.open(run).holder:
                os.kill(number, signal.SIGKILL)
                until(lambda run=run: Run.open(run).holder is None)


def state(client, run):
    found = look(client)["runs"].get(run)
    return found and found["state"]


def test_a_training_from_beginning_to_end(studio, place):
    _, client = studio
    begun = client.post("/api/jobs/train/start", json=asked()).json()
    assert begun == {"entry": "runs/rnn-novel-001"}
    until(lambda: state(client, begun["entry"]) == "done")
    row = look(client)["runs"][begun["entry"]]
    assert (row["network"], row["text"], row["steps"]) == ("rnn", "novel", 40)
    assert row["cells"][0] == "runs/rnn-novel-001"
    run = Run.open(place / begun["entry"])
    finished = run.metrics()[-1]
    assert row["held_out"] == finished["val_nats_per_char"]
    assert row["parameters"] == finished["parameters"]
    assert {name: run.config["recipe"][name] for name in SETTINGS} == SETTINGS
    shown = client.get("/api/train/run", params={"run": begun["entry"]}).json()
    assert [len(sample["text"]) for sample in shown["samples"]] == [30, 30]
    assert shown["commands"][0].startswith("recurra train ")


@pytest.mark.long
def test_it_is_the_same_as_the_command(studio, place):
    _, client = studio
    client.post("/api/jobs/train/start", json=asked(settings={**SETTINGS, "clip_norm": None}))
    until(lambda: state(client, "runs/rnn-novel-001") == "done")
    command = ["train", place / "texts/novel.txt", "--network=rnn", *SMALL, "--clip-norm=none"]
    command = [*RECURRA, *map(str, command), "--out", str(place / "own"), "-q"]
    assert subprocess.run(command).returncode == 0
    for name in ("last.safetensors", "best.safetensors"):
        ours = place / "runs/rnn-novel-001" / name
        assert ours.read_bytes() == (place / "own" / name).read_bytes()


def test_stop_then_go_on_then_for_longer(studio, place):
    _, client = studio
    run = client.post("/api/jobs/train/start", json=asked(settings=ENDLESS)).json()["entry"]
    metrics = place / run / "metrics.jsonl"
    until(lambda: metrics.exists() and metrics.stat().st_size > 1000)
    assert state(client, run) == "running"
    again = client.post("/api/jobs/resume", json={"entry": run})
    assert (again.status_code, "goes on already" in again.text) == (400, True)
    assert client.post("/api/jobs/stop", json={"entry": run}).status_code == 200
    until(lambda: state(client, run) == "stopped")
    assert Run.open(place / run).has("last")
    steps = look(client)["runs"][run]["steps"]
    none = client.post("/api/jobs/stop", json={"entry": run})
    assert none.json()["error"]["message"] == (
        f"no process that can be stopped from here works on {run[5:]} now"
    )
    budget = {"entry": run, "budget": {"steps": steps + 20}}
    assert client.post("/api/jobs/resume", json=budget).status_code == 200
    until(lambda: state(client, run) == "done")
    assert look(client)["runs"][run]["steps"] == steps + 20
    assert client.post(
        "/api/jobs/resume", json={"entry": run, "budget": {"steps": steps + 30}}
    ).status_code == 200  # fmt: skip
    until(lambda: look(client)["runs"][run]["steps"] == steps + 30)


def test_a_run_of_a_terminal_appears_and_can_be_stopped(studio, place):
    _, client = studio
    command = [*RECURRA, "train", place / "texts/novel.txt", "--out", place / "mine/run", *SMALL]
    command += ["--steps=10000000", "--sample-every=0", "-q"]
    with subprocess.Popen(list(map(str, command)), stderr=-1) as child:
        until(lambda: state(client, "mine/run") == "running")
        until(lambda: look(client)["runs"]["mine/run"]["steps"])
        assert client.post("/api/jobs/stop", json={"entry": "mine/run"}).status_code == 200
        assert child.wait(LONG) == 143
    until(lambda: state(client, "mine/run") == "stopped")


@contextlib.contextmanager
def server_process(place):
    """A server as a process, which is killed at the end, and its client."""
    command = [*RECURRA, "studio", "--no-browser", str(place)]
    with subprocess.Popen(command, stdout=-1, text=True) as child:
        try:
            address = r"(http://[\d.:]+)/\?token=([\w-]+)\n"
            origin, token = re.fullmatch(address, child.stdout.readline()).groups()
            key = {"authorization": f"Bearer {token}"}
            with httpx.Client(base_url=origin, headers=key, timeout=LONG) as client:
                yield client
        finally:
            child.kill()


def test_the_server_is_killed_and_the_training_goes_on(place):
    with server_process(place) as client:
        run = client.post("/api/jobs/train/start", json=asked(settings=ENDLESS)).json()["entry"]
        until((place / run / "metrics.jsonl").exists)
    number = Run.open(place / run).holder
    try:
        with server_process(place) as client:
            assert state(client, run) == "running"
            steps = look(client)["runs"][run]["steps"]
            until(lambda: look(client)["runs"][run]["steps"] > steps)
            # and the training is killed: told, and resumed
            os.kill(number, signal.SIGKILL)
            until(lambda: state(client, run) == "killed")
            steps = look(client)["runs"][run]["steps"]
            budget = {"entry": run, "budget": {"steps": steps + 50}}
            assert client.post("/api/jobs/resume", json=budget).status_code == 200
            until(lambda: state(client, run) == "done")
            assert look(client)["runs"][run]["steps"] == steps + 50
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def test_what_fails_before_there_is_a_run_is_told(studio, place):
    _, client = studio
    (place / "texts" / "noise.txt").write_bytes(bytes(range(256)) * 20)
    assert client.post("/api/jobs/train/start", json=asked(texts=["texts/noise.txt"])).is_success
    (failed,) = until(lambda: look(client)["failed"])
    assert failed["run"] == "rnn-noise-001"
    assert "noise.txt" in failed["message"]
    assert "\n" not in failed["message"]
    assert look(client)["runs"] == {}


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"texts": []}, "name what to train on"),
        ({"texts": ["texts/none.txt"]}, "the folder has no 'texts/none.txt'"),
        ({"texts": ["../../etc/passwd"]}, "the folder has no"),
        ({"texts": ["/etc/passwd"]}, "the folder has no"),
        ({"texts": ["http://127.0.0.1/x"]}, "the folder has no"),
        ({"texts": ["-"]}, "the folder has no"),
        ({"network": "rnnn"}, "the folder has no 'rnnn'"),
        ({"network": "texts/novel.txt"}, "name one of the library"),
        ({"choices": {"f9": "tanh"}}, "f9"),
        ({"settings": {"hiden": 3}}, "a recipe has no such field"),
        ({"settings": {"out": "/tmp/x"}, "preset": "fast"}, "a recipe has no such field"),
        ({"settings": {"hidden": 0}}, "hidden has to be a whole number, 1 or more"),
        ({"settings": {"steps": None}}, "this recipe never stops"),
        ({"recipe": "best"}, "best is none of modern, classic"),
        ({"preset": "fast", "recipe": "classic"}, "a preset brings its own"),
        ({"keep_optimizer": True}, "name the run"),
        ({"init_from": "runs/none", "network": None, "settings": {}}, "the folder has no run"),
        ({"threads": 0}, "from 1 to 256"),
        ({"threads": 10**9}, "from 1 to 256"),
        ({"settings": {"sample_characters": 10**9}}, "from 1 to 100,000"),
        ({"out": "/tmp/x"}, "a field that Recurra does not know"),
        ({"winner": "x"}, "a field that Recurra does not know"),
        ({"settings": {"hidden": [1]}}, "settings.hidden has to be"),
        ({"texts": "novel.txt"}, "texts has to be a list"),
    ],
)
def test_what_is_refused(place, fields, part):
    workspace = Workspace(place)
    with pytest.raises(RecurraError) as refused:
        read_typed(TrainingRequest, asked(**fields), "the request").command(workspace, place / "x")
    assert part in str(refused.value)
    assert {path.name for path in place.iterdir()} == {"texts"}


def test_a_refusal_begins_nothing(studio, place):
    _, client = studio
    response = client.post("/api/jobs/train/start", json=asked(texts=[]))
    assert response.status_code == 400
    assert "name what to train on" in response.json()["error"]["message"]
    assert not (place / "runs").exists()
    assert look(client)["beginning"] == look(client)["failed"] == []


def test_words_of_a_setting():
    settings = {
        "hidden": {"a": 3, "b": 4}, "carry_state": False, "eps_inside_root": True, "lr": 0.1 + 0.2,
        "clip_norm": None, "init": "classic", "batch": 7,
    }  # fmt: skip
    assert options(settings) == [
        "--hidden=a=3,b=4", "--no-carry-state", "--eps-inside-root", "--lr=0.30000000000000004",
        "--clip-norm=none", "--init=classic", "--batch=7",
    ]  # fmt: skip


def test_jobs_are_bounded(place):
    workspace = Workspace(place)
    jobs = Jobs(workspace, most=1)
    request = read_typed(TrainingRequest, asked(settings=ENDLESS), "the request")

    def start():
        return jobs.start("runs", "rnn", lambda out: request.command(workspace, out))

    job = start()
    with pytest.raises(RecurraError, match="1 processes go on already"):
        start()
    job.process.kill()
    job.process.wait()
    job = start()
    assert job.alive
    job.process.kill()
    job.process.wait()


def test_a_folder_of_runs_that_leads_elsewhere_is_refused(studio, place, tmp_path_factory):
    _, client = studio
    (place / "runs").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    response = client.post("/api/jobs/train/start", json=asked())
    assert response.status_code == 400
    assert "is a link, or a file" in response.text
    (place / "runs").unlink()
