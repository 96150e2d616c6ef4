"""An optimiser and an engine of a user's own: this file registers them, and touches no other.

The engine keeps its numbers in Python lists. Both train, are killed, go on to the same bytes, are
evaluated, write and appear in a report. As a program, ``FOLDER ENGINE OPTIMIZER [kill|look]``,
this file trains the run of that folder, from where it is.
"""
# ruff: noqa: T201

import itertools
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import recurra
from recurra.compute.base import Engine
from recurra.compute.optimizers.base import Optimizer
from recurra.compute.reference import ReferenceEngine
from recurra.training.records import Progress


class Nesterov(Optimizer):
    """Momentum that looks ahead."""

    name = "nesterov"
    slots = ("velocity",)
    kernel = """
        velocity = beta * velocity + g
        p = p - rate * (g + beta * velocity)
    """

    def direction(self, gradient, slots, update):
        velocity = slots["velocity"]
        velocity *= self.settings.momentum
        velocity += gradient
        return gradient + self.settings.momentum * velocity

    def constants(self, rate, update):
        return {"rate": rate, "beta": self.settings.momentum}


class ListEngine(Engine):
    """Numbers in lists of lists; for each computation the reference engine borrows them."""

    def __init__(self, *facts):
        super().__init__(*facts)
        self.borrower = ReferenceEngine(*facts)
        self.lists = {}

    def load(self, arrays):
        for name, array in arrays.items():
            shape = self.shapes.parameters.get(name.partition("/")[2], array.shape)
            if name not in self.lists and array.shape != shape:
                raise recurra.SettingError(f"parameter {name} has another shape")
            self.lists[name] = array.tolist()

    def dump(self, *groups):
        names = [name for name in self.lists if name.partition("/")[0] in groups]
        return {name: np.array(self.lists[name], self.dtype) for name in names}

    def copy(self, source, target):
        copies = {f"{target}/{n.partition('/')[2]}": a for n, a in self.dump(source).items()}
        self.load(copies)

    def average(self, weight):
        for name, mean in self.dump("average").items():
            now = np.array(self.lists[name.replace("average", "parameter", 1)])
            self.lists[name] = (mean + weight * (now - mean)).tolist()

    def all_finite(self):
        flat = [a.ravel().tolist() for a in self.dump("parameter").values()]
        return all(map(math.isfinite, itertools.chain(*flat)))

    def prepare(self, settings):
        self.borrower.prepare(settings)
        self.load(self.borrower.dump("optimizer", "state"))

    def step(self, inputs, targets, rate, **facts):
        self.borrower.load(self.dump("parameter", "optimizer", "state"))
        loss = self.borrower.step(inputs, targets, rate, **facts)
        self.load(self.borrower.dump("parameter", "optimizer", "state"))
        return loss

    def _borrowed(self, weights):
        arrays = self.dump(weights).items()
        self.borrower.load({name.replace(weights, "parameter", 1): a for name, a in arrays})
        return self.borrower

    def zero_state(self, batch):
        return self._listed(self.borrower.zero_state(batch))

    def load_state(self, arrays):
        return self._listed(arrays)

    def dump_state(self, state):
        return {name: np.array(past, self.dtype) for name, past in state.items()}

    def _listed(self, state):
        return {name: past.tolist() for name, past in state.items()}

    def losses(self, inputs, targets, state, weights="parameter"):
        borrower, past = self._borrowed(weights), self.dump_state(state)
        losses, after = borrower.losses(inputs, targets, past)
        return losses, self._listed(after)

    def next_log_probabilities(self, inputs, state, weights="parameter"):
        borrower, past = self._borrowed(weights), self.dump_state(state)
        log_p, after = borrower.next_log_probabilities(inputs, past)
        return log_p, self._listed(after)

    def loss_and_gradients(self, inputs, targets, state, **options):
        borrower, past = self._borrowed("parameter"), self.dump_state(state)
        loss, gradients, after = borrower.loss_and_gradients(inputs, targets, past, **options)
        return loss, gradients, self._listed(after)


def register():
    recurra.register_optimizer(Nesterov)
    recurra.register_engine("lists", "numbers in lists", lambda: ListEngine)


def program(folder, engine, optimizer, task="train"):
    register()
    text = Path(folder).parent / "text.txt"
    recipe = recurra.MODERN.with_(
        hidden=5, batch=2, seq_len=6, steps=24, optimizer=optimizer, momentum=0.5, lr=0.02,
        dtype="float64", evaluate_every=7, evaluate_characters=100, sample_every=10,
        sample_characters=5, record_every=1, average=0.5,
    )  # fmt: skip
    if Path(folder).exists():
        trainer = recurra.resume(recurra.Run.open(folder))
    else:
        network = recurra.load_network("wrnn")
        trainer = recurra.start([text], network, recipe, out=folder, engine=engine, threads=1)
    if task == "look":
        run = trainer.run
        assert all(
            row.passed for row in recurra.check_gradients(trainer.network, engine, entries=2)
        )
        print([score.loss.nats_per_char for score in recurra.score(run, engine=engine, threads=1)])
        model = recurra.load_model(run)
        writer = recurra.Writer(model, seed=1, engine=model.engine(engine))
        print(len("".join(writer.write(20))))
        recurra.write_report([run.folder], out=run.folder.parent / "report.html")
        return
    for record in trainer.records():
        if task == "kill" and isinstance(record, Progress) and record.step == 11:
            os.kill(os.getpid(), signal.SIGKILL)


def run_program(*arguments):
    return subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there nobody sends SIGKILL")
@pytest.mark.parametrize(
    ("engine", "optimizer"),
    [
        pytest.param("reference", "nesterov", marks=pytest.mark.long),
        ("compiled", "nesterov"),
        ("lists", "adamw"),
    ],
)
def test_it_trains_is_killed_and_goes_on(tmp_path, engine, optimizer):
    (tmp_path / "text.txt").write_text("To be, or not to be: that is the question.\n" * 30, "utf-8")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run_program(whole, engine, optimizer).stderr == ""
    assert run_program(broken, engine, optimizer, "kill").returncode == -signal.SIGKILL
    assert recurra.Run.open(broken).has("last")
    assert run_program(broken, engine, optimizer).stderr == ""
    for name in ("last.safetensors", "best.safetensors"):
        assert (whole / name).read_bytes() == (broken / name).read_bytes()
    looked = run_program(whole, engine, optimizer, "look")
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.splitlines()[1] == "20"
    assert optimizer in (tmp_path / "report.html").read_text("utf-8")
    if optimizer == "nesterov":  # where it is not registered
        with pytest.raises(recurra.RunError, match="optimizer has to be one of"):
            recurra.resume(recurra.Run.open(whole))


if __name__ == "__main__":
    program(*sys.argv[1:])
