"""Do all contenders compute the same? Else their times could not be compared.

Three whole steps on a small shape, state carried over: the losses, and where the parameters end.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from cases import OPTIMIZERS, TABLE, Case, Shape, Task
from contenders import CONTENDERS

from recurra.compute.base import StepSettings
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.registry import make_engine

# one stream with a vocabulary large enough for sparse embeddings, and several with a small one
SHAPES = (Shape(60, 7, 1, 6), Shape(11, 7, 3, 6))
# float32 rounds parameters that are a thousand times their moves; a mistake shows at 0.1 and more
RATE, TOLERANCE = 0.1, 1e-3
LIMITS = {"adagrad": {"clip_value": 0.02}, "adamw": {"clip_norm": 0.3}}  # low enough to bite


def differences(name: str, case: Case) -> dict[str, float]:
    """The largest relative error of each quantity, against the reference engine in float64."""
    limits = LIMITS[case.optimizer]
    settings = replace(OPTIMIZERS[case.optimizer][1], eps=CONTENDERS[name].eps, **limits)
    task, other = Task(case, RATE, settings), Task(case, RATE, settings)
    oracle = make_engine("reference", other.plan, other.shapes, np.float64)
    oracle.load({f"parameter/{name}": value for name, value in other.parameters.items()})
    optimizer, rng = make_optimizer(settings), np.random.default_rng(0)
    oracle.prepare(StepSettings(optimizer, task.batch, task.steps, scale=1.0 / task.batch))
    contender = CONTENDERS[name].make(task)
    losses = []
    for update, (inputs, targets) in enumerate(islice(task.batches(), 3), 1):
        loss = oracle.step(inputs, targets, RATE, update=update, restarted=False, rng=rng)
        losses.append((loss, contender.step(inputs, targets)))
    dumped = oracle.dump("parameter")
    exact = {name.partition("/")[2]: value for name, value in dumped.items()}
    errors = {f"loss {i + 1}": abs(mine / loss - 1.0) for i, (loss, mine) in enumerate(losses)}
    found, before = contender.parameters(), Task(case).parameters
    for parameter, value in exact.items():
        moved = np.abs(value - before[parameter]).max()
        errors[parameter] = float(np.abs(found[parameter] - value).max() / moved)
    return errors


def errors(name: str, networks: list[str]) -> list[tuple[str, float]]:
    """A line for each case of a contender, and the largest error in it."""
    found, entry = [], CONTENDERS[name]
    for network in networks:
        for shape in SHAPES:
            for optimizer in OPTIMIZERS:
                case = Case(network, shape, optimizer)
                if entry.suits(case) and entry.same(case):
                    worst, error = max(differences(name, case).items(), key=lambda item: item[1])
                    line = f"{name:14} {network:15} {shape} {optimizer:8} {error:.1e} ({worst})"
                    found.append((line, error))
    return found


def check(names: list[str], networks: list[str] | None = None) -> Iterator[str]:
    """The lines of all contenders, each in a process of its own, and an error if any disagrees."""
    wrong = []
    for name in names:
        command = [CONTENDERS[name].python, __file__, name, *(networks or TABLE)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        yield from (line for line, _ in found)
        wrong += [line for line, error in found if not error < TOLERANCE]
    if wrong:
        raise SystemExit("contenders that disagree with the reference:\n" + "\n".join(wrong))


if __name__ == "__main__":
    print(json.dumps(errors(sys.argv[1], sys.argv[2:])))
