"""A GPU in less than ten minutes: is it right, and how fast is it? Prints a table in Markdown.

    python benchmarks/gpu.py                      # on the GPU that is there
    python benchmarks/gpu.py --device cpu --smoke # tiny, on any machine: does this script work?

First every library network's loss and gradients are compared with the reference engine. Then whole
training steps are timed (forward, loss, backward, clipping, AdamW), float32, one network that cuDNN
has and one that it has not. What does not run here, or not within its time, is a row that says so.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from cases import Case, Shape, Task
from contenders.pytorch import TORCH
from contenders.walk import Walk, plain
from torch import Tensor, nn

from recurra.compute.base import StepSettings
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.errors import RecurraError
from recurra.lang.library import library, load_network
from recurra.lang.shape_solver import ShapeSolver

SHAPES = [
    Shape(65, 768, 16, 1024),
    *(Shape(v, hidden, 32, 64) for v in (65, 5887) for hidden in (256, 1024)),
]
SMOKE = [Shape(11, 8, 2, 6)]
NETWORKS = ("lstm", "wrnn")
SECONDS = 4.0  # to measure one contender at one shape
BUDGET = 540.0  # for all of it
# so many time steps are a graph that torch.compile still unrolls in a minute
UNROLLED = 64

Step = Callable[[np.ndarray, np.ndarray], float]


# --------------------------------------------------------------------------------------- equality


def differences(device: str) -> Iterator[tuple[str, float]]:
    """Each library network with the largest relative error of its loss and gradients."""
    dtype = np.float32 if device == "mps" else np.float64
    for name in library():
        network = load_network(name)
        shapes = ShapeSolver(network).shapes(23, 16)
        found = []
        for engine_name in (f"torch:{device}", "reference"):
            own = dtype if engine_name != "reference" else np.float64
            engine = make_engine(engine_name, make_plan(network), shapes, own)
            problem = random_problem(engine, 9, 4, np.random.default_rng(0))
            load_parameters(engine, problem.parameters)
            loss, gradients, _ = engine.loss_and_gradients(
                problem.inputs, problem.targets, engine.load_state(problem.state)
            )
            found.append({"loss": np.array(loss), **gradients})
        got, want = found
        yield name, max(abs(got[n] - w).max() / abs(w).max() for n, w in want.items())


# ------------------------------------------------------------------------------------- contenders


def ours(task: Task, device: str) -> Step:
    engine = make_engine(f"torch:{device}", task.plan, task.shapes)
    load_parameters(engine, task.parameters)
    optimizer = make_optimizer(task.settings)
    engine.prepare(StepSettings(optimizer, task.batch, task.steps, scale=1.0 / task.batch))
    rng, update = np.random.default_rng(0), iter(range(1, sys.maxsize))

    def step(inputs: np.ndarray, targets: np.ndarray) -> float:
        facts = {"update": next(update), "restarted": False, "rng": rng}
        return engine.step(inputs, targets, task.rate, **facts)

    return step


class Rival:
    """Autograd and torch.optim around a loss; the state is carried."""

    def __init__(self, task: Task, device: str, parameters: list[Tensor], fused: bool) -> None:
        self.task, self.device, self.list = task, device, parameters
        s = task.settings
        self.optimizer = torch.optim.AdamW(
            parameters, task.rate, (s.beta1, s.beta2), s.eps, s.weight_decay, fused=fused
        )

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        raise NotImplementedError

    def __call__(self, inputs: np.ndarray, targets: np.ndarray) -> float:
        there = [torch.from_numpy(t).long().to(self.device) for t in (inputs, targets)]
        loss = self.loss(*there)
        (loss / self.task.batch).backward()
        if self.task.settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.list, self.task.settings.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()


class Walked(Rival):
    """The network as it is usually typed, or with all that can leave the time loop outside."""

    def __init__(self, task: Task, device: str, *, compiled: bool) -> None:
        if compiled and task.steps > UNROLLED:
            raise RecurraError(f"torch.compile unrolls {task.steps:,} time steps for many minutes")
        plan = task.plan if compiled else plain(task.plan)
        self.walk = Walk(plan, TORCH, stacked=compiled)
        self.p = {
            name: nn.Parameter(torch.from_numpy(value).to(device))
            for name, value in task.parameters.items()
        }
        sizes = task.plan.sizes(task.shapes)
        self.state = {
            name: torch.zeros(lags, task.batch, sizes[name], device=device)
            for name, lags in task.plan.state.items()
        }
        self.logits = torch.compile(self.walk, dynamic=False) if compiled else self.walk
        super().__init__(task, device, list(self.p.values()), compiled)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        rows = {name: F.embedding(inputs, self.p[name]) for name in self.walk.lookups}
        logits, state = self.logits(self.p, rows, self.state)
        self.state = {name: value.detach() for name, value in state.items()}
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


class Layer(Rival):
    """torch.nn.LSTM on an embedding: cuDNN on an NVIDIA GPU."""

    def __init__(self, task: Task, device: str) -> None:
        if task.case.network != "lstm":
            raise RecurraError("it has four cells, and this is none of them")
        vocabulary, hidden, batch, _ = task.case.shape
        self.embedding = nn.Embedding(vocabulary, hidden).to(device)
        self.layer = nn.LSTM(hidden, hidden).to(device)
        self.output = nn.Linear(hidden, vocabulary).to(device)
        self.state = tuple(torch.zeros(1, batch, hidden, device=device) for _ in range(2))
        modules = (self.embedding, self.layer, self.output)
        super().__init__(task, device, [p for m in modules for p in m.parameters()], True)

    def recur(self, rows: Tensor) -> Tensor:
        hidden, state = self.layer(rows, self.state)
        self.state = tuple(s.detach() for s in state)
        return hidden

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        logits = self.output(self.recur(self.embedding(inputs)).flatten(0, 1))
        return F.cross_entropy(logits, targets.flatten(), reduction="sum")


class Flash(Layer):
    """FlashRNN's fused LSTM (Poeppel et al. 2024), if it is installed; the state is not carried."""

    def __init__(self, task: Task, device: str) -> None:
        super().__init__(task, device)
        from flashrnn import flashrnn

        self.flash, hidden = flashrnn, task.case.shape.hidden
        self.recurrent = nn.Parameter(torch.randn(4, 1, hidden, hidden, device=device) * 0.01)
        self.bias = nn.Parameter(torch.zeros(4, 1, hidden, device=device))
        self.list += [self.recurrent, self.bias]
        self.optimizer.add_param_group({"params": [self.recurrent, self.bias]})

    def recur(self, rows: Tensor) -> Tensor:
        weights = self.layer.weight_ih_l0
        gates = (rows @ weights.T).transpose(0, 1).unflatten(2, (4, 1, -1))
        found = self.flash(gates, self.recurrent, self.bias, function="lstm", dtype="float32")
        return found[0][0].flatten(2).transpose(0, 1)


CONTENDERS: dict[str, Callable[[Task, str], Step]] = {
    "recurra": ours,
    "plain loop": partial(Walked, compiled=False),
    "torch.compile": partial(Walked, compiled=True),
    "torch.nn": Layer,
    "FlashRNN": Flash,
}


# --------------------------------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Time:
    """Seconds of the fastest training step, and until the third step was done."""

    step: float
    start: float


def measure(make: Callable[[Task, str], Step], task: Task, device: str) -> Time:
    """Steps one after the other; each ends when its loss has come back."""
    begun = time.perf_counter()
    step, batches = make(task, device), task.batches()
    # the first compiles, the second is captured
    for inputs, targets in islice(batches, 3):
        loss = step(inputs, targets)
    start = time.perf_counter() - begun
    fastest, end = math.inf, time.perf_counter() + SECONDS
    while time.perf_counter() < end or fastest == math.inf:
        inputs, targets = next(batches)
        before = time.perf_counter()
        loss = step(inputs, targets)
        fastest = min(fastest, time.perf_counter() - before)
    if not math.isfinite(loss):
        raise RecurraError("its loss is no number")
    return Time(fastest, start)


def rows(device: str, shapes: list[Shape], who: list[str], seconds: float) -> Iterator[str]:
    """The table, a line at a time."""
    yield "| network | shape | who | µs a time step | characters/s | start, s |"
    yield "|---|---|---|---:|---:|---:|"
    end = time.perf_counter() + seconds
    for network in NETWORKS:
        for shape in shapes:
            for name in who:
                begin = f"| {network} | {shape} | {name} |"
                if time.perf_counter() > end:
                    yield f"{begin} the time for all was over | | |"
                    continue
                task = Task(Case(network, shape, "adamw"))
                task.settings = replace(task.settings, weight_decay=0.01)
                try:
                    found = measure(CONTENDERS[name], task, device)
                except Exception as error:  # noqa: BLE001 - a rival's fault is a row of the table
                    reason = (str(error).splitlines() or [type(error).__name__])[0]
                    yield f"{begin} {reason[:80].replace('|', '/')} | | |"
                    continue
                speed = shape.batch * shape.steps / found.step
                micro = found.step / shape.steps * 1e6
                yield f"{begin} {micro:,.1f} | {speed:,.0f} | {found.start:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda, xpu, mps or cpu")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does this script work?")
    parser.add_argument("--who", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--seconds", type=float, default=BUDGET, help="for all measurements")
    asked = parser.parse_args()
    if asked.smoke:
        globals()["SECONDS"] = 0.0
    try:
        print(f"PyTorch {torch.__version__}, {asked.device}", end="")
        print(f": {torch.cuda.get_device_name()}" if asked.device == "cuda" else "", flush=True)
        tolerance = 1e-4 if asked.device == "mps" else 1e-9
        wrong = [(n, error) for n, error in differences(asked.device) if not error <= tolerance]
    except (RecurraError, AssertionError, RuntimeError) as error:
        sys.exit(f"\n{error}")
    if wrong:
        sys.exit("not the reference's numbers: " + ", ".join(f"{n} {e:.1e}" for n, e in wrong))
    print(f"all {len(library())} library networks: the loss and gradients of the reference\n")
    shapes = SMOKE if asked.smoke else SHAPES
    for line in rows(asked.device, shapes, asked.who, asked.seconds):
        print(line, flush=True)


if __name__ == "__main__":
    main()
