"""A studio among strangers and accidents: every answer is one sentence, and it goes on.

    python tests/long/studio_hostile.py [PART ...]

Senseless numbers in every field of every request; names of other hosts and pages; paths and links
that lead out of the folder; bodies of 100 MB and clients that send a byte now and then; names and
contents with markup and control characters, in a browser; the server killed during a training, and
the training killed. Linux only; some minutes. Needs Chromium for the names.
"""
# ruff: noqa: T201

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "src")]

import httpx  # noqa: E402

import recurra  # noqa: E402
from chromium import PROGRAM, Chromium  # noqa: E402
from recurra.storage.runs import Run  # noqa: E402
from recurra.studio.completion import CompletionRequest  # noqa: E402
from recurra.studio.inside import Look  # noqa: E402
from recurra.studio.job_requests import REQUESTS  # noqa: E402
from recurra.studio.network import Equations  # noqa: E402
from recurra.studio.writing import Writing  # noqa: E402
from recurra.training.recipe import BUDGETS, Recipe  # noqa: E402
from serving import look, until  # noqa: E402
from studio_process import memory, studio_process  # noqa: E402

RUN = "runs/rnn"
NUMBERS = ("1000000000", "-1", "1e999", "NaN", f"1{'0' * 30}", '""', '"text"')
LARGE = {NUMBERS[0], NUMBERS[4]}
# numbers that may be as large as one likes
FREE = {"seed", "temperature", "top_k"}
EQUATIONS = "c = 0.5\nh[t] = c * tanh(U @ x[t] + W @ h[t-1] + b)\no[t] = softmax(V @ h[t] + s)\n"
SMALL = {
    "hidden": 4, "steps": 6, "batch": 2, "seq_len": 8, "warmup": 1, "record_every": 2,
    "evaluate_every": 2, "evaluate_characters": 100, "sample_every": 2, "sample_characters": 20,
}  # fmt: skip
TEXTS = {"texts": ["text.txt"], "engine": "reference"}
JOBS = {
    "train": {**TEXTS, "network": "own.eq", "settings": SMALL, "choices": {"c": 1}},
    "tune": {
        **TEXTS, "network": "rnn", "space": "lr = [0.01, 0.03]", "settings": SMALL, "trials": 2,
        "length": 500, "workers": 1,
    },
    "compare": {**TEXTS, "networks": ["rnn", "gru"], "settings": {"batch": 2}, "steps": "2"},
}  # fmt: skip
GROWTH = 64  # MiB that a server may grow by
MARKUP = '<img src=x onerror="window.hurt=1">&amp;\'\x1b[31m\u202e\n'


def numbers_of(form: type[Any]) -> list[str]:
    """The fields of a dataclass that are numbers."""
    hints = get_type_hints(form)
    kinds = {name: set(get_args(kind) or [kind]) for name, kind in hints.items()}
    return [each.name for each in fields(form) if kinds[each.name] & {int, float}]


def filled(base: dict[str, Any], raw: str, *path: str) -> str:
    """A body with a number put in as it stands."""
    body = json.loads(json.dumps(base))
    inner = body
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = "NUMBER"
    return json.dumps(body).replace('"NUMBER"', raw)


def sentence(answer: httpx.Response, *about: object) -> None:
    """A refusal is one sentence with a cause, and no traceback."""
    told = answer.json()["error"]["message"]
    assert 400 <= answer.status_code < 500, (*about, answer.status_code, told)
    assert told, about
    assert len(told) < 500, (*about, told)
    assert not {"\n", "Traceback"} & {*told, *told.split()}, (*about, told)


def asked(client: httpx.Client) -> Iterator[tuple[str, str, str, httpx.Response]]:
    """Each number of each request that is answered at once, with each senseless value."""
    network = {"text": EQUATIONS, "line": "h", "formula": "1", "hidden": 4, "vocabulary": 8}
    reading = {"run": RUN, "text": "to be or not", "start": 1, "end": 5}
    forms: list[tuple[str, type[Any], dict[str, Any]]] = [
        *((f"/api/network/{what}", Equations, network)
          for what in ("check", "explain", "gradients", "example", "answer", "steps")),
        *((f"/api/write/{what}", Writing, {"run": RUN, "text": "to be", "characters": 9})
          for what in ("read", "continue")),
        *((f"/api/inside/{what}", Look, reading) for what in ("read", "passages", "reach")),
        ("/v1/completions", CompletionRequest, {"model": RUN, "prompt": "to be"}),
    ]  # fmt: skip
    for path, form, base in forms:
        for name in numbers_of(form):
            for raw in NUMBERS:
                yield path, name, raw, client.post(path, content=filled(base, raw, name))
    for raw in NUMBERS:
        for path, name in (("/v1/completions", "prompt"), ("/detokenize", "tokens")):
            content = filled({"model": RUN}, f"[{raw}]", name)
            answer = client.post(path, content=content)
            if (name, raw[0]) != ("prompt", '"'):  # texts are prompts
                yield path, name, raw, answer
        for name in BUDGETS:
            if raw not in LARGE:  # those go on
                content = filled({"entry": RUN}, raw, "budget", name)
                yield (
                    "/api/jobs/resume",
                    name,
                    raw,
                    client.post("/api/jobs/resume", content=content),
                )


def numbers(folder: Path) -> None:
    with studio_process(folder) as (server, client):
        count, slowest, held = 0, 0.0, []
        for _ in range(2):  # what computes is loaded in the first turn
            for path, name, raw, answer in asked(client):
                count += 1
                slowest = max(slowest, answer.elapsed.total_seconds())
                if not (name in FREE and raw in LARGE and answer.status_code == 200):
                    sentence(answer, path, name, raw)
            held.append(memory(server.pid))
        grown = held[1] - held[0]
        print(f"numbers: {count} requests, the slowest {slowest:.2f} s; {grown:+.0f} MiB")
        assert grown < GROWTH


def jobs(folder: Path) -> None:
    """What begins a process is refused at once, or its process ends with a sentence, or is well."""
    with studio_process(folder) as (_, client):
        refused = failed = well = 0
        for kind in REQUESTS:
            paths = [(name,) for name in numbers_of(kind)]
            if kind.verb == "train":
                paths += [("settings", name) for name in numbers_of(Recipe)] + [("choices", "c")]
            if kind.verb == "compare":
                paths += [(name,) for name in ("hidden", "rates", *BUDGETS)]
            for path in paths:
                for raw in NUMBERS:
                    given = raw if path[0] not in (*BUDGETS, "hidden", "rates") else f'"{raw}"'
                    given = given.replace('""', '"')
                    content = filled(JOBS[kind.verb], given, *path)
                    begun = time.time()
                    answer = client.post(f"/api/jobs/{kind.verb}/start", content=content)
                    if answer.status_code != 200:
                        sentence(answer, kind.verb, path, raw)
                        refused += 1
                        continue
                    message = ended(client, answer.json()["entry"], begun)
                    assert not {"\n", "fault"} & {*message, *message.split()}, (path, raw)
                    failed, well = failed + bool(message), well + (not message)
        print(f"jobs: {refused} refused at once, {failed} failed with a sentence, {well} went well")


def ended(client: httpx.Client, entry: str, begun: float) -> str:
    """Wait until a job has ended, and stop it if that takes long; what it failed with."""
    end = time.monotonic() + 20
    while True:
        told = look(client)
        if messages := [one["message"] for one in told["failed"] if one["begun"] >= begun]:
            return str(messages[0])
        state = {**told["runs"], **told["others"]}.get(entry, {}).get("state", "beginning")
        if state not in ("beginning", "running"):
            return ""
        if time.monotonic() > end:
            client.post("/api/jobs/stop", json={"entry": entry})
        time.sleep(0.2)


def raw_request(port: int, head: str, body: bytes = b"") -> int:
    """The status of a request whose head is just this; 0 where the server hung up."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        with contextlib.suppress(OSError):
            return int((connection.recv(100).split() or [b"", b"0"])[1])
    return 0


def strangers(folder: Path) -> None:
    (folder / "out").symlink_to("/etc")
    (folder / "passwd.eq").symlink_to("/etc/passwd")
    with studio_process(folder) as (_, client):
        port, key = client.base_url.port or 0, f"Authorization: {client.headers['authorization']}"
        own = f"Host: 127.0.0.1:{port}\n{key}\nConnection: close"
        assert raw_request(port, f"GET /api/folder HTTP/1.1\n{own}") == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "0.0.0.0"):
            assert raw_request(port, f"GET / HTTP/1.1\nHost: {host}\n{key}") == 403, host
        for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}"):
            assert raw_request(port, f"GET / HTTP/1.1\n{own}\nOrigin: {origin}") == 403, origin
        assert raw_request(port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{port}") == 401
        ways = (
            "/static/../app.py",
            "/static/%2e%2e/app.py",
            "/../../etc/passwd",
            "/static//etc/passwd",
        )
        for way in ways:
            assert raw_request(port, f"GET {way} HTTP/1.1\n{own}") == 404, way
        for name in ("out", "out/passwd", "../x", "/etc/passwd", "%2e%2e/x", "a\0b", "..\\x"):
            run = client.get("/api/train/run", params={"run": name})
            text = client.post("/api/jobs/train/start", json={"texts": [name]})
            model = client.post("/v1/completions", json={"model": name, "prompt": "a"})
            for answer in (run, text, model):
                sentence(answer, name)
        told = client.get("/api/network/gallery").text + client.get("/api/folder").text
        assert "root:" not in told
    print("strangers: all refused")


def bodies(folder: Path) -> None:
    with studio_process(folder) as (server, client):
        port, key = client.base_url.port or 0, f"Authorization: {client.headers['authorization']}"
        client.get("/api/folder")
        before = memory(server.pid)
        head = f"POST %s HTTP/1.1\nHost: 127.0.0.1:{port}\n{key}\n"
        large, piece = b" " * 100 * 2**20, b"100000\r\n" + b" " * 2**20 + b"\r\n"
        for path in ("/api/network/check", "/api/texts?name=a", "/v1/completions"):
            told = raw_request(port, f"{head % path}Content-Length: {len(large)}", large)
            assert told in (413, 0), (path, told)
            told = raw_request(port, f"{head % path}Transfer-Encoding: chunked", 100 * piece)
            assert told in (413, 0), (path, told)
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for number in range(20):  # a byte now and then
            for connection in slow:
                connection.sendall((head % "/v1/completions")[number : number + 1].encode())
            assert client.get("/api/folder").status_code == 200
        for connection in slow:
            connection.close()
        grown = memory(server.pid) - before
        print(f"bodies: {grown:+.0f} MiB after six of 100 MB and 100 slow clients")
        assert grown < GROWTH


def names(folder: Path) -> None:
    """Files, texts and equations whose names and contents are markup, in every place."""
    safe = MARKUP.replace("/", "")
    (folder / safe).mkdir()
    (folder / RUN).rename(folder / safe / safe)
    (folder / "marked.txt").write_text((MARKUP + "to be or not to be " * 40) * 8, "utf-8")
    (folder / f"{safe}.eq").write_text(f"# {MARKUP.strip()}\n{EQUATIONS}", "utf-8")
    recipe = recurra.MODERN.with_(**SMALL)
    recurra.train(folder / "marked.txt", "rnn", recipe, out=folder / safe / "marked")
    with studio_process(folder) as (_, client), tempfile.TemporaryDirectory() as profile:
        entries = [one["id"] for one in client.get("/api/folder").json()["entries"]]
        assert len(entries) == 2
        origin = str(client.base_url).rstrip("/")
        token = client.headers["authorization"].partition(" ")[2]
        with Chromium(Path(profile)) as page:
            page.open(f"{origin}/?token={token}")
            page.follow()
            page.wait("document.querySelector('#place-network .diagram svg')")
            page.type("#place-network textarea", f"# {MARKUP.strip()}\n{EQUATIONS}")
            for id in entries:
                run = page.run(f"encodeURIComponent(encodeURIComponent({json.dumps(id)}))")
                once = page.run(f"encodeURIComponent({json.dumps(id)})")
                for place in (f"train?run={run}", f"write?run={once}&seed=1", f"inside?run={once}"):
                    page.run(f"location.hash = {json.dumps(place)}")
                    time.sleep(3)
            page.run("document.querySelector('[data-language=zh]').click()")
            time.sleep(2)
            assert page.run("window.hurt") is None
            assert page.run("document.querySelectorAll('img').length") == 0
            labels = "[...document.querySelectorAll('option, label, td, h3, li, svg text')]"
            shown = page.run(f"{labels}.map((one) => one.textContent).join()")
            assert "onerror" in shown  # as text
            assert not {"\x1b", "\u202e"} & {*shown}, shown
            assert page.problems() == [], page.problems()
    print("names: shown as text")


def kills(folder: Path) -> None:
    endless = {**JOBS["train"], "settings": {**SMALL, "steps": 10**8, "record_every": 20}}
    with studio_process(folder) as (server, client):
        run = client.post("/api/jobs/train/start", json=endless).json()["entry"]
        until((folder / run / "metrics.jsonl").exists)
        os.kill(server.pid, signal.SIGKILL)
    training = Run.open(folder / run).holder
    assert training
    with studio_process(folder) as (_, client):
        steps = until(lambda: look(client)["runs"][run]["steps"])
        until(lambda: look(client)["runs"][run]["steps"] > steps)
        os.kill(training, signal.SIGKILL)
        until(lambda: look(client)["runs"][run]["state"] == "killed")
        steps = look(client)["runs"][run]["steps"]
        budget = {"entry": run, "budget": {"steps": steps + 100}}
        client.post("/api/jobs/resume", json=budget).raise_for_status()
        until(lambda: look(client)["runs"][run]["state"] == "done")
        assert look(client)["runs"][run]["steps"] == steps + 100
    print("kills: the run outlived its server, and was resumed after its own end")


PARTS = (numbers, jobs, strangers, bodies, kills, names)


def main() -> None:
    wanted = sys.argv[1:]
    if PROGRAM is None:
        sys.exit("no browser: Chromium is not installed")
    for part in PARTS:
        if wanted and part.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            (folder / "text.txt").write_text("to be or not to be, that is the question\n" * 300)
            (folder / "own.eq").write_text(EQUATIONS)
            recipe = recurra.MODERN.with_(**SMALL)
            recurra.train(folder / "text.txt", "rnn", recipe, out=folder / RUN)
            part(folder)


if __name__ == "__main__":
    main()
