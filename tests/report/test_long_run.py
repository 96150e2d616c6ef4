"""The report of a run with very many records: small, and in little memory."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

import recurra
from comparing import RECIPE, write_text

RECORDS, SPIKE = 200_000, 123_456
# The system's own count: that of `resource` begins with the memory of the process that forked.
PROGRAM = """
import re, sys
from pathlib import Path
from recurra import write_report
print(write_report(sys.argv[1], sys.argv[2], characters=0).stat().st_size)
print(int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long")
    recipe = RECIPE.with_(hidden=6, steps=6, warmup=2, record_every=2, evaluate_every=6)
    text = write_text(folder / "a.txt", 3000)
    trainer = recurra.start(
        [text], recurra.load_network("rnn"), recipe, out=folder / "run", engine="reference"
    )
    list(trainer.records())
    lines = (folder / "run" / "metrics.jsonl").read_text("utf-8").splitlines()
    progress, finished = json.loads(lines[0]), lines[-1]
    with (folder / "run" / "metrics.jsonl").open("w", encoding="utf-8") as file:
        for step in range(1, RECORDS):
            nats = 3.0 if step == SPIKE else 2.0 + 0.01 * math.sin(step) + 0.5 / (1 + step / 1000)
            progress |= {"step": step, "characters": 16 * step, "smooth_nats_per_char": nats}
            file.write(json.dumps(progress) + "\n")
        file.write(finished + "\n")
    return folder / "run"


def test_the_page_is_small_and_made_in_little_memory(run, tmp_path):
    if not Path("/proc/self/status").exists():
        pytest.skip("needs the memory figures of Linux")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, run, tmp_path / "page.html"], capture_output=True, text=True
    )
    assert done.stderr == ""
    size, memory = map(int, done.stdout.split())
    assert size < 200_000
    assert memory < 300 * 2**20
    page = (tmp_path / "page.html").read_text("utf-8")
    points = re.findall('<polyline points="([^"]*)"', page)
    assert 500 < max(len(path.split()) for path in points) < 2000


@pytest.mark.long
def test_its_card_in_a_notebook_is_small(run):
    from recurra.notebook.runs import show_run

    assert len(show_run(recurra.Run.open(run))) < 100_000
