"""The generated source holds nothing but what the plan says."""

import ast
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recurra
from gradient_tasks import check, make_task


@pytest.mark.parametrize(
    "comment",
    [
        '"""\nimport os\n"""',
        "'''; import os",
        "slow gate \\xi, \\N, \\u12 of C:\\users",
        "one\x0cimport os",
        "one\u2028import os",
        "-*- coding: utf-16 -*-",
        "ends in a backslash \\",
    ],
)
def test_comments_and_names_of_a_network_never_become_code(comment: str) -> None:
    network = recurra.load_network("wrnn")
    named = replace(network, name='a"""\nimport os', description=comment)
    text = recurra.generate_kernels(recurra.make_plan(named)).text
    kinds = [type(node) for node in ast.parse(text).body]
    assert kinds == [ast.Expr, *[ast.ImportFrom] * 7, *[ast.FunctionDef] * 5]
    # and networks that differ in words only are compiled once
    assert text == recurra.generate_kernels(recurra.make_plan(network)).text


def test_layers_share_their_functions() -> None:
    def functions(layers: int) -> set[str]:
        equations = (
            f"layers = {layers}\nh[0][t] = E @ x[t]\n"
            "h[l][t] = h[l-1][t] + tanh(V[l] @ norm(h[l-1][t]) + W[l] @ h[l][t-1] + s[l])\n"
            "o[t] = softmax(Q @ norm(h[layers][t]) + q)\n"
        )
        source = recurra.generate_kernels(recurra.make_plan(recurra.parse(equations)))
        return {call.function for call in (*source.forward, *source.backward)}

    assert functions(3) == functions(30)


# What generated names look like, and letters that have no ASCII.
NAME = st.from_regex(r"n[0-9]_?", fullmatch=True) | st.text("ab_éß", min_size=1, max_size=3)


@given(st.lists(NAME, min_size=9, max_size=9, unique=True))
def test_names_of_a_network_never_meet_in_a_kernel(names: list[str]) -> None:
    a, b, o, *parameters = names
    u, w, s, v, t, c = parameters
    equations = (
        f"{a}[t] = tanh({u} @ x[t] + {w} @ {a}[t-1] + {s})\n"
        f"{b}[t] = tanh({v} @ {a}[t] + {t} @ {b}[t-1])\n"
        f"{o}[t] = softmax({c} @ {b}[t])\n"
    )
    try:
        network = recurra.parse(equations)
    except recurra.EquationError:  # a name that means something else
        return
    source = recurra.generate_kernels(recurra.make_plan(network))
    functions = [node for node in ast.parse(source.text).body if isinstance(node, ast.FunctionDef)]
    by_name = {function.name: function for function in functions}
    assert len(by_name) == len(functions)
    for call in (*source.forward, *source.backward):
        arguments = [argument.arg for argument in by_name[call.function].args.args]
        assert len(arguments) == len(set(arguments)) == len(call.keys)
        assert all(name.isascii() for name in arguments)


def test_loops_over_a_memory_vectorise() -> None:
    """An index that may be below 0 counts from the end: a vector gathers it number by number."""
    equations = (
        "e[t] = E @ x[t]\nC: blocks(2)\n"
        "C[t] = outer(1, e[t]) * C[t-1] + outer(e[t-1], 1) * C[t-2] + mean(e[t]) * outer(e[t], a)\n"
        "h[t] = C[t] @ e[t] + C[t-1].T @ e[t]\no[t] = softmax(Q @ h[t])\n"
    )
    task = make_task("compiled", recurra.parse(equations))
    text = task.engine.source.text  # type: ignore[attr-defined]
    # of no module of ours, so that they are compiled: code from disk cannot be looked into
    names: dict[str, Any] = {"__name__": "generated"}
    exec(text, names)
    vars(task.engine)["_kernels"] = SimpleNamespace(**names)
    check(task)
    blocks = re.findall(r"^def ((?:for|back)ward_?\d*)([^@]+)", text, re.MULTILINE)
    loops = [name for name, lines in blocks if "for i in range" in lines]
    assert len(loops) == 6
    for name in loops:
        (code,) = names[name].inspect_llvm().values()
        assert re.search(r"fmul [a-z ]*<\d+ x double>", code), name
        assert "gather" not in code, name
