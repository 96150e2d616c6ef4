"""docs/benchmarks.md, written from a run's facts."""

from typing import Any

from table import LEGEND, head, line, row

TEMPLATE = """\
# Benchmarks

One training step of Recurra, PyTorch and JAX on the same cores, and of a NumPy program as courses
teach it (one character at a time, one-hot columns, dense updates, float64). All compute the same:
`python benchmarks/run.py --check` compares losses and parameters over three steps.

Written on {when} by

    python benchmarks/run.py {arguments}

on

{machine}

{legend}

{table}

## Repeat it

    pip install -e ".[bench]" -c constraints.txt
    python benchmarks/run.py --markdown docs/benchmarks.md

Absolute times belong to a machine, and drift; the ratios are what to compare. Every contender runs
in a process of its own with its own threads and is pinned to its cores; contenders take turns, so
that whatever else the machine does hits all of them. torch.compile and JAX get static shapes,
PyTorch its fused optimisers, JAX donated buffers; both get products hoisted out of the time loop
and stacked (`jax` alone without), and large embeddings updated only in the rows that occur.
A network of your own: `python benchmarks/run.py --networks my.eq --shapes 65x256x32x64`.

Other tables:

    python benchmarks/scaling.py       # time and memory over T and B
    python benchmarks/writing.py       # characters a second when writing
    python benchmarks/cold_start.py    # seconds from the command to the first step
"""


def page(result: dict[str, Any], arguments: str) -> str:
    return TEMPLATE.format(
        when=result["when"],
        arguments=arguments,
        machine="\n".join(f"- {key}: {value}" for key, value in result["machine"].items()),
        legend=LEGEND,
        table="\n".join([*head(), *(line(row(case)) for case in result["cases"])]),
    )
