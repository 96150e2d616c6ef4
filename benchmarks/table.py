"""Measurements of one case -> facts for JSON -> a row of the table."""

from statistics import quantiles
from typing import Any

from cases import Task
from contenders import CONTENDERS, OURS, PEAK, RIVALS
from contenders.gemm import FLOPS
from measure import Measurement

Facts = dict[str, Any]


def facts(results: dict[str, Measurement]) -> Facts:
    """Everything known about a case. Times in seconds, memory in MB."""
    case = next(iter(results.values())).case
    flops = Task(case).flops
    medians = {name: m.median for name, m in results.items() if m.seconds}
    rivals = [name for name in RIVALS if name in medians]
    best = min(rivals, key=medians.__getitem__) if rivals else None
    peak = FLOPS / min(results[PEAK].seconds) if PEAK in medians else None
    ours = medians.get(OURS)
    return {
        "network": case.network,
        "shape": case.shape._asdict(),
        "optimizer": case.optimizer,
        "threads": case.threads,
        "flops": flops,
        "peak_flops_per_second": peak,
        "fraction_of_peak": flops / ours / peak if ours and peak else None,
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
H hidden units, B streams, T time steps. `ahead`: the best rival's time over Recurra's; the second
`course`: the course program's. `peak`: floating-point operations of Recurra's products over its
time, as a part of the fastest large float32 product measured in between. MB: the most a process
held while stepping, libraries included, for Recurra, PyTorch and JAX (the leanest form of each).
`(s)`: seconds until torch.compile had taken three steps. `*` torch.nn has no such network; its
nearest does as much work or a little more. `>` not ready within the cap. A dash: does not apply."""

_MS = (OURS, "course", *RIVALS)
_HEAD = ("network", "VxHxBxT", "step", "cores")
HEADER = (*_HEAD, *_MS, "(s)", "ahead", "course", "peak", "MB", "torch", "jax")
WIDTHS = [max(5, len(name)) for name in HEADER]
WIDTHS[:4] = [14, 14, 7, 5]


def row(case: Facts) -> list[str]:
    """A case's cells, under HEADER."""
    contenders = case["contenders"]
    return [
        case["network"],
        "x".join(map(str, case["shape"].values())),
        case["optimizer"],
        str(case["threads"]),
        *(_time(contenders.get(name)) for name in _MS),
        _number(contenders.get("torch.compile", {}).get("ready"), ".0f"),
        _number(case["ahead_of_best_rival"], ".2f", "x"),
        _number(case["ahead_of_course"], ".0f", "x"),
        _number(case["fraction_of_peak"], ".0%"),
        *(_memory(contenders, prefix) for prefix in (OURS, "torch", "jax")),
    ]


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
