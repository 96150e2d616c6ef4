"""What is done in which order, what is done for all time steps at once, and what stays inside."""

import pytest
from hypothesis import given

from equations_list import OUTPUT, VALID, Valid
from recurra.compute.plan import Plan, Term, check_plan, make_plan
from recurra.errors import EquationError
from recurra.lang.library import library, load_network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver
from strategies import networks, sizes


def blocks(plan: Plan) -> list[tuple[list[str], bool]]:
    return [([stage.vector for stage in b.stages], b.recurrent) for b in plan.blocks]


def terms(plan: Plan, *, hoisted: bool) -> set[str]:
    """Products as typed: ``matrix`` or ``matrix.T``, then what it reads."""
    return {
        f"{t.matrix}{'.T' * t.transposed} {t.vector}[t{-t.lag or ''}]"
        for total in plan.sums.values()
        for t in total.terms
        if t.hoisted == hoisted
    }


def test_wrnn() -> None:
    plan = make_plan(load_network("wrnn"))
    assert blocks(plan) == [(["a"], True), (["b"], True)]
    assert terms(plan, hoisted=True) == {"V a[t]", "R a[t-1]", "Q b[t]"}
    assert terms(plan, hoisted=False) == {"W a[t-1]", "T b[t-1]"}
    assert plan.state == {"a": 1, "b": 1}
    assert plan.dropped == ("a", "b")
    (total,) = plan.stages["b"].sums
    assert total.biases == ("s2",)
    (first,) = plan.stages["a"].sums
    assert first.lookups == ("U",)
    assert plan.logits.biases == ("s3",)


def test_lstm() -> None:
    plan = make_plan(load_network("lstm"))
    ((members, recurrent),) = blocks(plan)
    assert recurrent
    assert set(members[:4]) == set("ifgq")
    assert members[4:] == ["c", "h"]
    assert terms(plan, hoisted=False) == {"Wi h[t-1]", "Wf h[t-1]", "Wg h[t-1]", "Wq h[t-1]"}
    assert plan.state == {"c": 1, "h": 1}


def test_gru_reads_a_product_of_vectors() -> None:
    plan = make_plan(load_network("gru"))
    ((members, recurrent),) = blocks(plan)
    assert recurrent
    operand = next(name for name in members if "." in name)
    assert members.index("r") < members.index(operand) < members.index("g") < members.index("h")
    assert f"Wg {operand}[t]" in terms(plan, hoisted=False)
    assert plan.state == {"h": 1}


def test_scrn_keeps_its_slow_state_apart() -> None:
    plan = make_plan(load_network("scrn"))
    assert blocks(plan) == [(["c"], True), (["h"], True)]
    assert terms(plan, hoisted=True) == {"P c[t]", "U h[t]", "V c[t]"}


def test_tied_needs_time_only_in_the_middle() -> None:
    plan = make_plan(load_network("tied"))
    assert blocks(plan) == [(["e"], False), (["h"], True), (["p"], False)]
    assert terms(plan, hoisted=False) == {"W h[t-1]"}
    assert plan.logits.terms == (Term("E", False, "p", 0, True),)


def test_lag2() -> None:
    plan = make_plan(load_network("lag2"))
    assert terms(plan, hoisted=False) == {"W1 h[t-1]", "W2 h[t-2]"}
    assert plan.state == {"h": 2}


def test_no_recurrence_no_loop() -> None:
    plan = make_plan(parse("a[t] = tanh(U @ x[t])\nh[t] = tanh(V @ a[t] + R @ a[t-2])\n" + OUTPUT))
    assert blocks(plan) == [(["a"], False), (["h"], False)]
    assert terms(plan, hoisted=False) == set()
    assert plan.state == {"a": 2}


def test_an_element_wise_recurrence_is_one() -> None:
    plan = make_plan(parse("h[t] = tanh(U @ x[t] + u * h[t-1])\n" + OUTPUT))
    assert blocks(plan) == [(["h"], True)]


def test_equations_in_any_order() -> None:
    forward = "a[t] = tanh(U @ x[t])\nb[t] = V @ a[t] + a[t-1]\nh[t] = b[t] * a[t]\n"
    backward = "".join(reversed(forward.splitlines(keepends=True)))
    order = [(["a"], False), (["b"], False), (["h"], False)]
    assert blocks(make_plan(parse(forward + OUTPUT))) == order
    assert blocks(make_plan(parse(backward + OUTPUT))) == order


def test_a_ring_is_one_block() -> None:
    text = "a[t] = tanh(U @ x[t] + A @ c[t-1])\nb[t] = B @ a[t]\nc[t] = C @ b[t]\nh[t] = c[t]\n"
    plan = make_plan(parse(text + OUTPUT))
    assert blocks(plan) == [(["a", "b", "c"], True), (["h"], False)]
    assert terms(plan, hoisted=False) == {"A c[t-1]", "B a[t]", "C b[t]"}


def test_products_and_biases_of_a_sum_are_one_sum() -> None:
    text = "h[t] = tanh(s1 + U @ x[t] + (W @ h[t-1] + s2) + u * h[t-2] + V @ x[t])\n"
    stage = make_plan(parse(text + OUTPUT)).stages["h"]
    (total,) = stage.sums
    assert total.lookups == ("U", "V")
    assert [t.matrix for t in total.terms] == ["W"]
    assert total.biases == ("s1", "s2")
    # what is left to do element-wise: the sum, u times h[t-2], their sum, tanh
    assert [operation.kind for operation in stage.element.forward] == ["*", "+", "tanh"]


def test_an_expression_read_twice_is_computed_once() -> None:
    text = "h[t] = tanh(U @ x[t] + A @ (u * h[t-1]))\nb[t] = B @ (u * h[t-1]) + h[t]\n"
    plan = make_plan(parse(text + "o[t] = softmax(Q @ b[t])\n"))
    assert len(plan.stages) == 3


def test_what_is_dropped_twice_is_dropped_twice() -> None:
    text = "h[t] = tanh(U @ x[t] + W @ dropout(h[t-1])) * sigmoid(V @ dropout(h[t-1]))\n"
    plan = make_plan(parse(text + "o[t] = softmax(Q @ h[t])\n"))
    assert len(plan.edges) == 2


def test_a_sum_of_numbers_that_overflows_is_refused() -> None:
    text = "c = 1e299\nh[t] = tanh(U @ x[t]) * (c * 1e9 + c * 1e9)\n" + OUTPUT
    with pytest.raises(EquationError, match="too large"):
        make_plan(parse(text))


def test_constants_are_folded() -> None:
    text = "c = 0.25\nh[t] = (1 - c) * (U @ x[t]) + (2 - 1) * h[t-1] * 1 / 1 + sigmoid(0) / -2\n"
    stage = make_plan(parse(text + OUTPUT)).stages["h"]
    constants = {
        argument.value
        for operation in stage.element.forward
        for argument in operation.arguments
        if hasattr(argument, "value")
    }
    assert constants == {0.75, -0.25}


def test_a_backward_program_holds_nothing_in_vain() -> None:
    """tanh's derivative needs its value alone, and the value is stored anyway."""
    (stage,) = make_plan(load_network("rnn")).stages.values()
    assert [operation.kind for operation in stage.element.backward] == ["tanh'", "*"]


@pytest.mark.parametrize("name", library())
def test_library(name: str) -> None:
    network = load_network(name)
    plan = make_plan(network)
    check_plan(plan)
    assert make_plan(load_network(name)) == plan
    assert {e.name for e in network.equations} <= plan.stages.keys()


@pytest.mark.parametrize("case", VALID, ids=[case.name for case in VALID])
def test_every_product_is_planned_once(case: Valid) -> None:
    check_promises(make_plan(parse(case.text)))


@given(networks(structured=True))
def test_random_networks(text: str) -> None:
    network = parse(text)
    plan = make_plan(network)
    check_promises(plan)
    every = plan.sizes(ShapeSolver(network).shapes(7, sizes(text)))
    assert list(every) == list(plan.stages)


def check_promises(plan: Plan) -> None:
    """A block recurs, or is one vector; and only what it computes itself stays inside its loop."""
    check_plan(plan)
    for block in plan.blocks:
        members = {stage.vector for stage in block.stages}
        assert block.recurrent or len(members) == 1
        inside = [t for stage in block.stages for s in stage.sums for t in s.terms if not t.hoisted]
        assert all(term.vector in members for term in inside)
        reads = [read for stage in block.stages for read in stage.reads if read.vector in members]
        assert block.recurrent == bool(inside or reads)
    assert all(term.hoisted and not term.transposed for term in plan.logits.terms)
    matrices = {t.matrix for s in plan.sums.values() for t in s.terms}
    matrices |= {matrix for s in plan.sums.values() for matrix in s.lookups}
    assert matrices == set(plan.network.matrices)


def test_the_check_of_a_plan_can_fail() -> None:
    plan = make_plan(load_network("wrnn"))
    with pytest.raises(AssertionError):
        check_plan(Plan(plan.network, plan.blocks[::-1], plan.logits, plan.lags, {}))


@pytest.mark.parametrize(
    "text",
    [
        "h[t] = U @ x[t] + a297[t]\na0[t] = W @ h[t-1]\n"
        + "".join(f"a{i}[t] = W @ a{i - 1}[t]\n" for i in range(1, 298)),
        f"h[t] = U @ x[t] + {'W @ tanh(' * 45}h[t-1]{')' * 45}\n",
        f"h[t] = U @ x[t] + {'s * (' * 90}h[t-1]{')' * 90}\n",
        f"h[t] = U @ x[t] + {' + '.join(['h[t-1] * h[t-2]'] * 90)}\n",
    ],
    ids=["a ring of 299 vectors", "45 products", "90 factors", "90 addends"],
)
def test_as_large_as_the_language_allows(text: str) -> None:
    network = parse(text + OUTPUT)
    assert parse(network.source) == network
    check_promises(make_plan(network))
