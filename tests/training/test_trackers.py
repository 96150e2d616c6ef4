"""Trackers: what other programs read is what the records say."""

import csv
import importlib.util
import subprocess
import sys

import pytest

import recurra
from command_line import SMALL, process, write_text
from recurra.training.records import Evaluation, Progress, Sample

has_writer = importlib.util.find_spec("tensorboardX") is not None
has_reader = importlib.util.find_spec("tensorboard") is not None
RECIPE = recurra.MODERN.with_(
    hidden=4, steps=20, batch=2, seq_len=8, record_every=5, evaluate_every=10, sample_every=10,
    sample_characters=20,
)  # fmt: skip


def test_the_table_of_curves_is_the_same_after_a_kill(tmp_path):
    text = write_text(tmp_path / "a.txt")
    records = []
    recurra.train(
        [text], "rnn", RECIPE, engine="reference", out=tmp_path / "run", log="csv",
        report=records.append,
    )  # fmt: skip
    path = tmp_path / "run" / "curves.csv"
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    kept = [record for record in records if isinstance(record, Progress | Evaluation)]
    assert len(rows) == len(kept) > 4
    for row, record in zip(rows, kept, strict=True):
        column = "train_nats_per_char" if isinstance(record, Progress) else "held_out_nats_per_char"
        value = getattr(record, "smooth_nats_per_char", record.nats_per_char)
        assert (int(row["step"]), float(row[column])) == (record.step, value)
    path.write_text("half a")
    process("train", "--resume", tmp_path / "run", "--steps", 30, "--log", "csv", check=True)
    again = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    assert again[: len(rows)] == rows
    assert int(again[-1]["step"]) == 30
    assert all(float(row["gradient_norm"]) > 0 for row in again if row["rate"])


@pytest.mark.skipif(not (has_writer and has_reader), reason="TensorBoard is not installed")
@pytest.mark.filterwarnings("ignore")  # of TensorBoard itself
def test_tensorboard_reads_the_folder(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    text = write_text(tmp_path / "a.txt")
    records = []
    recurra.train(
        [text], "rnn", RECIPE, engine="reference", out=tmp_path / "run", log=str(tmp_path / "all"),
        report=records.append,
    )  # fmt: skip
    process("train", "--resume", tmp_path / "run", "--steps", 30, "--log", tmp_path / "all",
            check=True)  # fmt: skip
    events = EventAccumulator(str(tmp_path / "all" / "run"))
    events.Reload()
    found = [(event.step, event.value) for event in events.Scalars("loss/held-out")]
    own = [(r.step, r.nats_per_char) for r in records if isinstance(r, Evaluation)]
    assert [step for step, _ in found] == sorted({step for step, _ in found})
    assert found[: len(own)] == [(step, pytest.approx(loss, rel=1e-6)) for step, loss in own]
    assert found[-1][0] == 30
    tags = events.Tags()
    for name in ("all", "U", "W", "V", "s1", "s2"):
        assert f"gradient/{name}" in tags["scalars"]
        assert all(event.value > 0 for event in events.Scalars(f"gradient/{name}"))
        assert name == "all" or name in tags["histograms"]
    (sample, *_) = [record.text for record in records if isinstance(record, Sample)]
    texts = events.Tensors("sample/text_summary")
    assert sample.rstrip() in texts[0].tensor_proto.string_val[0].decode()


def test_a_missing_package_is_one_sentence(tmp_path):
    text = write_text(tmp_path / "a.txt")
    code = (
        "import sys; sys.modules['tensorboardX'] = None; from recurra.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "train", text, "--log", "tensorboard", *SMALL],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.decode().strip().splitlines()[-1] == (
        'Error: files for TensorBoard need one more package: pip install "recurra[tensorboard]"'
    )
    assert [*tmp_path.iterdir()] == [text]  # no folder that stands in the way of the next try
