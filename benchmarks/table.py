"""Measurements of one case -> facts for JSON -> a row of the table."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from statistics import quantiles
from typing import Any

from cases import Task
from contenders import CELLS, CONTENDERS, OURS, PEAK, READING, RIVALS
from contenders.gemm import FLOPS
from contenders.reading import rounds
from measure import Measurement

Facts = dict[str, Any]


def facts(results: dict[str, Measurement]) -> Facts:
    """Everything known about a case. Times in seconds, memory in MB."""
    case = next(iter(results.values())).case
    task = Task(case)
    flops = task.flops
    medians = {name: m.median for name, m in results.items() if m.seconds}
    rivals = [name for name in RIVALS if name in medians]
    best = min(rivals, key=medians.__getitem__) if rivals else None
    peak = FLOPS / min(results[PEAK].seconds) if PEAK in medians else None
    bandwidth = None
    if READING in medians:
        bandwidth = rounds(task) * task.recurrent_bytes / min(results[READING].seconds)
    floor = task.floor(peak, bandwidth) if peak and bandwidth is not None else None
    ours = medians.get(OURS)
    return {
        "network": case.network,
        "shape": case.shape._asdict(),
        "optimizer": case.optimizer,
        "threads": case.threads,
        "flops": flops,
        "peak_flops_per_second": peak,
        "fraction_of_peak": flops / ours / peak if ours and peak else None,
        "recurrent_bytes": task.recurrent_bytes,
        "peak_bytes_per_second": bandwidth,
        "floor": floor,
        "times_the_floor": ours / floor if ours and floor else None,
        "best_rival": best,
        "ahead_of_best_rival": medians[best] / ours if ours and best else None,
        "ahead_of_course": medians["course"] / ours if ours and "course" in medians else None,
        "contenders": {name: _contender(m) for name, m in results.items()},
    }


def _contender(m: Measurement) -> Facts:
    if not m.seconds:
        return {"failure": m.failure}
    lower, _, upper = quantiles(m.seconds, n=4)
    return {
        "median": m.median,
        "quartiles": [lower, upper],
        "steps": len(m.seconds),
        "ready": m.ready,
        "peak_memory": m.peak,
        "libraries_memory": m.libraries,
        "same_network": CONTENDERS[m.contender].same(m.case),
        **({"failure": m.failure} if m.failure else {}),
    }


LEGEND = """\
Milliseconds of one exact training step (forward, backward, clip, update), median; V characters,
H hidden units, B streams, T time steps. `ahead`: the best rival's time over Recurra's; `of course`:
the course program's. `limit`: Recurra's time over the least that these cores need,
max(6 T B weights / F, 2 T M / R): every weight of a product takes two operations for a character
forward and four backward, at the speed F of the fastest large float32 product measured in between;
the M bytes of matrices whose products wait for the time step before are read once forward and once
backward in each time step, each core its part, at the speed R at which the cores, measured in
between, read an array of M bytes again and again, from whatever cache holds it. `peak`: the
operations over Recurra's time, as a part of F. MB: the most a process held while stepping,
libraries included (the leanest form of each library). `(s)`: seconds until torch.compile had taken
three steps. `*` torch.nn has no such network; its nearest does as much work or a little more.
`libxsmm*` is less than a step and no rival in `ahead`: the forward and backward pass of LIBXSMM's
own layers (for gru2 a GRU with its reset gate before the product), without look-up, output layer,
clip and update, for wrnn also without R. `>` not ready within the cap. A dash: does not apply."""


def columns(rivals: list[str]) -> dict[str, Callable[[Facts], str]]:
    """Headings, and what turns the facts of a case into a cell, with these rivals."""
    shown = {
        "network": itemgetter("network"),
        "VxHxBxT": lambda case: "x".join(map(str, case["shape"].values())),
        "step": itemgetter("optimizer"),
        "cores": lambda case: str(case["threads"]),
    }
    for name in (OURS, *(name for name in ("course", *RIVALS, CELLS) if name in rivals)):
        shown[name] = lambda case, name=name: _time(case["contenders"].get(name))
    if "torch.compile" in rivals:
        shown["(s)"] = lambda case: _number(
            case["contenders"].get("torch.compile", {}).get("ready"), ".0f"
        )
    shown["ahead"] = lambda case: _number(case["ahead_of_best_rival"], ".2f", "x")
    if "course" in rivals:
        shown["of course"] = lambda case: _number(case["ahead_of_course"], ".0f", "x")
    shown["limit"] = lambda case: _number(case["times_the_floor"], ".2f", "x")
    shown["peak"] = lambda case: _number(case["fraction_of_peak"], ".0%")
    shown["MB"] = lambda case: _memory(case["contenders"], OURS)
    for library in ("torch", "jax", "tensorflow", "mlx", "dynet"):
        if any(name.startswith(library) for name in rivals):
            shown[f"{library} MB"] = lambda case, of=library: _memory(case["contenders"], of)
    return shown


def widths(headings: Iterable[str]) -> list[int]:
    return [14, 14, 7, 5, *(max(5, len(name)) for name in [*headings][4:])]


def _time(contender: Facts | None) -> str:
    if contender is None:
        return "-"
    if "median" not in contender:
        return contender["failure"] if contender["failure"].startswith(">") else "failed"
    ms = 1e3 * contender["median"]
    return f"{ms:.{2 if ms < 10 else 1 if ms < 100 else 0}f}" + "*" * (
        not contender["same_network"]
    )


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


def _memory(contenders: dict[str, Facts], prefix: str) -> str:
    mine = [c for name, c in contenders.items() if name.startswith(prefix)]
    return _number(min((c["peak_memory"] for c in mine if "median" in c), default=None), ".0f")
