"""A compiled derivative that is wrong in any one line is seen by the comparison with autograd.

The generated kernels run as plain Python here, so that none of the hundreds of wrong ones has to
be compiled; what they call is compiled as ever.
"""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from equations_list import VALID
from gradient_tasks import EXACT, error, make_task
from recurra.lang.functions import FUNCTIONS
from recurra.lang.parser import parse
from strategies import POSITIVE

JIT = "from recurra.compute.numba.kernels.jit import jit, one_pass\n"
# A line of a way back -> the same line, wrong. What is set to zero, loops and dropout stay.
WRONG = (
    (r"( +(?:[dsz]\d+(?:_\d+)?|d_value) = )(.+)", r"\1 1.01 * (\2)"),
    (r"( +\S+\[.+\] \+?= )(?!\w*\(?0\.0\)?$)(.+)", r"\1 1.01 * (\2)"),
    (r"( +\w+ \+= )(.+)", r"\1 1.01 * (\2)"),
    (r"( +)(?!for|if|add_dropped)\w+\(.+\)", r"\1pass"),
)
CASES = [
    "norms of heads",
    "functions of heads",
    "gates by softmax",
    "sum, mean, dot",
    "concat",
    "matrices of blocks",
    "diagonal matrices",
    "largest and smallest of two",
    "powers",
    "waves",
    "logarithms of exponentials",
    "earlier characters",
    "memory of the delta rule, decays of rows and columns",
    "memories of blocks",
    "a matrix through functions, at two lags, dropped, summed",
]


def of_function(name: str) -> str:
    """A network that calls a function of a vector, and of an expression."""
    inside = "1.5 + sin({})" if name in POSITIVE else "{}"
    first, second = inside.format("U @ x[t] + W @ h[t-1] + s"), inside.format("1.4 * a[t-1]")
    return f"a[t] = {name}({first})\nh[t] = tanh(V @ a[t]) * {name}({second})\n" + (
        "o[t] = softmax(Q @ h[t])\n"
    )


TEXTS = {name: of_function(name) for name in FUNCTIONS}
TEXTS |= {case.name: case.text for case in VALID if case.name in CASES}
SHORT = "gelu", "no product in the loop"
TEXTS[SHORT[1]] = """
e[t] = E @ x[t]
a[t] = swish(A @ e[t] + k + u * h[t-1] - v * h[t-3]) * (B @ e[t] + C @ x[t-1])
h[t] = tanh(a[t] + e[t-2] * a[t-1]) + e[t] * (D @ x[t])
o[t] = softmax(Q @ h[t])
"""


def wrong_kernels(text: str) -> Iterator[tuple[str, str]]:
    """Each line of the ways back that computes, and the kernels with that line made wrong."""
    lines, backward = text.splitlines(), False
    for i, line in enumerate(lines):
        if line.startswith("def "):
            backward = line.startswith("def backward")
        for right, wrong in WRONG if backward else ():
            if re.fullmatch(right, line):
                changed = re.sub(right, wrong, line)
                yield line, "\n".join([*lines[:i], changed, *lines[i + 1 :]])
                break


def interpreted(text: str) -> Any:
    """Generated kernels as functions of Python."""
    assert JIT in text
    names: dict[str, Any] = {}
    exec(text.replace(JIT, "jit = one_pass = lambda function: function\n"), names)
    return SimpleNamespace(**names)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in SHORT else pytest.mark.long) for n in TEXTS],
)
def test_every_wrong_line_is_seen(name: str) -> None:
    network = parse(TEXTS[name])
    whole = make_task("compiled", network)
    want, text = whole.oracle().gradients, whole.engine.source.text  # type: ignore[attr-defined]

    def distance(kernels: str) -> float:
        task = make_task("compiled", network)  # whose arrays no other kernels have filled
        vars(task.engine)["_kernels"] = interpreted(kernels)
        p = task.problem
        with np.errstate(all="ignore"):
            got = task.engine.loss_and_gradients(p.inputs, p.targets, task.state)[1]
        return error(got, want)

    assert distance(text) <= EXACT
    wrong = list(wrong_kernels(text))
    assert len(wrong) > 5
    assert [line for line, kernels in wrong if distance(kernels) <= EXACT] == []
