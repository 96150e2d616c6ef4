"""The generated source holds nothing but what the plan says."""

import ast
from dataclasses import replace

import pytest

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
