"""How soon a studio answers, as a person would notice it: figures, no limits.

    python tests/long/studio_speed.py

From the command to the last byte of the first page, of all its files, of the gallery; the bytes of
the whole first page; a run of 100,000 records as a curve in Chromium: its tasks above 50 ms, while
it is loaded and under the mouse; what a move of the mouse over a written text costs; writing as the
page, as a program and as the command line have it. Linux only; two minutes. Needs Chromium.
"""
# ruff: noqa: T201

import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "src")]

import httpx  # noqa: E402

import recurra  # noqa: E402
from chromium import PROGRAM, Chromium  # noqa: E402
from command_line import RECURRA, process  # noqa: E402
from studio_process import cpu_seconds, studio_process  # noqa: E402

STARTS, RECORDS = 10, 100_000
WRITTEN, TURNS = 20_000, 5  # characters
PLACES = ("network", "train", "write", "inside")
WATCH = """window.tasks = []; new PerformanceObserver((list) =>
  tasks.push(...list.getEntries().map((one) => Math.round(one.duration))))
  .observe({ type: "longtask" })"""
MOVES = """(() => {
  const sheet = document.querySelector("#place-write textarea");
  const spans = [...document.querySelectorAll("#place-write pre.paper span[data-i]")];
  return spans.filter((_, i) => i % 5 === 0).slice(0, 60).map((span) => {
    const { left, top, width, height } = span.getBoundingClientRect();
    const begun = performance.now();
    sheet.dispatchEvent(new MouseEvent("mousemove",
      { clientX: left + width / 2, clientY: top + height / 2, bubbles: true }));
    document.body.offsetHeight; // laid out
    return performance.now() - begun;
  });
})()"""


def start(folder: Path) -> tuple[list[float], int]:
    """Seconds from the command until each part of the first page is there, and its bytes."""
    begun, times, size = time.perf_counter(), list[float](), 0
    command = [*RECURRA, "studio", "--no-browser", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            origin, token = server.stdout.readline().strip().split("/?token=")
            key = {"authorization": f"Bearer {token}"}
            # without the certificates, which take a client 30 ms to read
            with httpx.Client(base_url=origin, headers=key, timeout=60, verify=False) as client:
                page = client.get("/")
                times.append(time.perf_counter() - begun)
                files = [*re.findall(r'"(/static/[^"]+)"', page.text), "/static/network.js"]
                for file in files:  # grows
                    script = client.get(file)
                    size += len(script.content)
                    found = re.findall(r'from "\.(/[^"]+)"', script.text)
                    files += [f"/static{one}" for one in found if f"/static{one}" not in files]
                size += len(page.content) + len(client.get("/api/words/en").content)
                times.append(time.perf_counter() - begun)
                size += len(client.get("/api/network/gallery").content)
                times.append(time.perf_counter() - begun)
        finally:
            server.kill()
    return times, size


def starts(folder: Path) -> None:
    found = [start(folder) for _ in range(STARTS)]
    page, files, gallery = (
        statistics.median(one) for one in zip(*(times for times, _ in found), strict=True)
    )
    print(f"first page after {page:.2f} s, its files {files:.2f} s, the gallery {gallery:.2f} s")
    print(f"bytes of all of these: {found[0][1]:,}")


def curve(page: Chromium, server: int) -> None:
    page.run(WATCH)
    cpu, begun = cpu_seconds(server), time.perf_counter()
    page.run("location.hash = 'train?run=runs%2Flong&y=train'")
    page.wait("document.querySelector('#place-train figure polyline')")
    shown, cpu = time.perf_counter() - begun, cpu_seconds(server) - cpu
    box = page.run("(() => { const { x, y, width, height } = "
                   "document.querySelector('#place-train figure').getBoundingClientRect();"
                   "return [x, y, width, height]; })()")  # fmt: skip
    loading = page.run("tasks.splice(0)")
    for step in range(100):
        x, y = box[0] + box[2] * step / 100, box[1] + box[3] / 2
        page("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    points = page.run("document.querySelector('#place-train figure polyline').points.length")
    moving = page.run("tasks.splice(0)")
    print(f"curve of {RECORDS:,} records: shown after {shown:.2f} s, {cpu:.2f} s of the server, "
          f"{points:,} points drawn")  # fmt: skip
    print(f"tasks above 50 ms: {loading} while it is loaded, {moving} under the mouse (ms)")


def hover(page: Chromium) -> None:
    page.run("location.hash = 'write?run=runs%2Flstm&seed=1&characters=300'")
    page.wait("document.querySelector('#place-write select')?.value")
    page.type("#place-write textarea.paper", "The ")
    page.click("#place-write button.main")
    page.wait("document.querySelectorAll('#place-write pre.paper span[data-i]').length > 300")
    page.wait("!document.querySelector('#place-write button.main').disabled")
    page.run("scrollTo(0, 0)")
    times = sorted(page.run(MOVES))
    print(f"hover: {statistics.median(times):.1f} ms, at most {times[-1]:.1f} ms")


def writing(client: httpx.Client, folder: Path) -> None:
    """Characters a second of the page, of a program and of the command line, in turns."""
    run, text = "runs/lstm", "The "
    page = {"run": run, "text": text, "characters": WRITTEN}
    program = {"model": run, "prompt": text, "max_tokens": WRITTEN, "stream": True}

    def ask(path: str, form: dict[str, object], seed: int) -> float:
        begun = time.perf_counter()
        client.post(path, json={**form, "seed": seed}).raise_for_status()
        return time.perf_counter() - begun

    def command(length: int, seed: int) -> float:
        begun = time.perf_counter()
        done = process("write", folder / run, text, "--chars", length, "--seed", seed)
        assert done.returncode == 0, done.stderr
        return time.perf_counter() - begun

    forms = {"page": ("/api/write/continue", page), "program": ("/v1/completions", program)}
    command(20 * WRITTEN, 0)  # the kernel that writes is compiled by now
    seconds: dict[str, list[float]] = {"page": [], "program": [], "command line": []}
    for seed in range(1 + TURNS):
        for name, (path, form) in forms.items():
            seconds[name].append(ask(path, form, seed))
        seconds["command line"].append(command(WRITTEN, seed) - command(1, seed))
    for name, turns in seconds.items():
        speed = WRITTEN / statistics.median(turns[1:])  # the first one loads the kernels
        print(f"writing, {name}: {speed:,.0f} characters a second, {turns[0]:.2f} s at first")


def main() -> None:
    if PROGRAM is None:
        sys.exit("no browser: Chromium is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = folder / "text.txt"
        text.write_text("The old keeper lit the lamp before the rain came.\n" * 800, "utf-8")
        tiny = {"hidden": 2, "batch": 1, "seq_len": 4, "warmup": 0, "sample_every": 0}
        rare = {"evaluate_every": 10_000, "evaluate_characters": 100, "record_every": 1}
        long = recurra.MODERN.with_(steps=RECORDS, **tiny, **rare)
        recurra.train(text, "rnn", long, out=folder / "runs/long")
        recipe = recurra.MODERN.with_(hidden=128, steps=200, batch=16, sample_every=0)
        recurra.train(text, "lstm", recipe, out=folder / "runs/lstm")
        starts(folder)
        with studio_process(folder) as (server, client):
            with Chromium(Path(name, "profile")) as page:
                key = client.headers["authorization"].partition(" ")[2]
                page.open(f"{str(client.base_url).rstrip('/')}/?token={key}")
                page.follow()
                page.wait("document.querySelector('#place-network .diagram svg')")
                curve(page, server.pid)
                hover(page)
            writing(client, folder)


if __name__ == "__main__":
    main()
