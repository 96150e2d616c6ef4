"""The generated source holds nothing but what the plan says."""

import ast
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recurra


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
    assert kinds == [ast.Expr, *[ast.ImportFrom] * 5, ast.FunctionDef, ast.FunctionDef]
    # and networks that differ in words only are compiled once
    assert text == recurra.generate_kernels(recurra.make_plan(network)).text


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
    for function, keys in zip(functions, (source.forward, source.backward), strict=True):
        arguments = [argument.arg for argument in function.args.args]
        assert len(arguments) == len(set(arguments)) == len(keys)
        assert all(name.isascii() for name in arguments)
