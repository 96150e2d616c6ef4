"""Exported NumPy programs: run as they are, they compute what the reference engine computes."""

import ast
import re
import subprocess
import sys
from inspect import signature

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import recurra
from programs import load_program
from random_models import ALL, TEXTS
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.explain.formulas import total
from recurra.explain.typed import read_formula, terms
from recurra.export.base import Export
from recurra.export.names import GLOBALS
from recurra.export.numpy import NumpyProgram
from recurra.lang.shape_solver import ShapeSolver
from strategies import networks, sizes

V, T, B = 7, 6, 2


def program_of(network, folder, hidden=3, recipe=recurra.CLASSIC):
    """The exported program of a network, loaded."""
    path = folder / "program.py"
    NumpyProgram().write(Export(network, recipe.with_(hidden=hidden)), path)
    return load_program(path)


def test_no_program_is_taken_for_the_one_before_it(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "program.py"
    for number in range(3):
        path.write_text(f"number = {number}\n", "utf-8")
        assert load_program(path).number == number


def check_equal(text, folder, hidden=3):
    network = recurra.parse(text, "net")
    hidden = network.fitting_size(hidden) if isinstance(hidden, int) else hidden
    shapes = ShapeSolver(network).shapes(V, hidden)
    engine = make_engine("reference", make_plan(network), shapes, np.float64)
    rng = np.random.default_rng(3)
    parameters = {n: rng.normal(0, 0.5, shape) for n, shape in shapes.parameters.items()}
    state = {n: rng.normal(0, 0.5, s.shape) for n, s in engine.zero_state(B).items()}
    engine.load({f"parameter/{n}": value for n, value in parameters.items()})
    x, y = rng.integers(V, size=(2, T, B)).astype(np.int32)
    loss, gradients, after = engine.loss_and_gradients(x, y, state)

    program = program_of(network, folder, hidden)
    paper = {
        n: (a.T if n in shapes.transposed else a) if a.ndim > 1 else a[:, None]
        for n, a in parameters.items()
    }
    counted = "counts" in signature(program.initial).parameters
    initial = program.initial(V, rng, *[np.ones(V)] * counted)
    assert {n: a.shape for n, a in initial.items()} == {n: a.shape for n, a in paper.items()}
    # vectors that a plan reads at a lag, and a program does not, are its operands: W @ (h[t-1] * 2)
    start = program.start(paper, B)
    past = {
        n: {-k: state[n][-k].T.reshape(start[n][-k].shape) for k in lags}
        for n, lags in start_lags(start).items()
    }
    logp, series, ends = program.forward(paper, x, past)
    assert program.loss(logp, y) == pytest.approx(loss, rel=1e-12)
    found = program.backward(paper, x, y, logp, series)
    for name, gradient in gradients.items():
        expected = gradient.T if name in shapes.transposed else gradient
        np.testing.assert_allclose(
            found[name].reshape(expected.shape), expected, rtol=1e-9, atol=1e-11, err_msg=name
        )
    for name, lags in start_lags(ends).items():
        for k in lags:
            end = ends[name][-k].reshape(-1, B)
            np.testing.assert_allclose(end, after[name][-k].T, atol=1e-12)


def start_lags(start):
    return {name: [-lag for lag in past] for name, past in start.items()}


@pytest.mark.parametrize("text", TEXTS)
def test_loss_and_gradients_are_those_of_the_reference_engine(text, tmp_path):
    check_equal(text, tmp_path)


@pytest.mark.parametrize("name", ["wrnn", "lstm", "gru", "mgu"])
def test_the_formula_beside_a_line_is_that_of_the_derivation(name, tmp_path):
    network = recurra.load_network(name)
    derivation = recurra.derive(network)
    path = tmp_path / "program.py"
    recurra.export_to("numpy", network, path)
    lines = re.findall(r"^ +# (delta\(.*|sum\(.*)", path.read_text("utf-8"), re.MULTILINE)
    sides = [line.rpartition(" = ")[2] for line in lines]
    deltas = [
        paths for quantity, paths in derivation.deltas.items() if quantity != derivation.logits
    ]
    everything = [*filter(None, deltas), *derivation.gradients.values()]
    assert len(sides) == len(everything)
    for typed, paths in zip(sides, everything, strict=True):
        expected = total([path.formula for path in paths])
        assert terms(read_formula(typed, derivation)) == terms(expected)


@given(text=networks())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_networks(text, tmp_path):
    check_equal(text, tmp_path, sizes(text))


def test_programs_are_clean(tmp_path):
    for i, text in enumerate(ALL.values()):
        network = recurra.parse(text, "net")
        recipe = recurra.CLASSIC.with_(hidden=network.fitting_size(4))
        NumpyProgram().write(Export(network, recipe), tmp_path / f"{i}.py")
    rules = ["--isolated", "--no-cache", "--extend-select", "B,RUF059", "--ignore", "E741"]
    command = [sys.executable, "-m", "ruff", "check", *rules, tmp_path]
    done = subprocess.run(command, capture_output=True)
    assert not done.returncode, done.stdout.decode()


def run(program, *arguments):
    """A program in a process of its own, that finds NumPy but no Recurra."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", program, *arguments], capture_output=True, check=True
    )
    assert not done.stderr
    return done.stdout.decode()


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "sums.txt"
    path.write_text("".join(f"{n} + {n} = {2 * n}\n" for n in range(300)), "utf-8")
    return path


@pytest.mark.parametrize(
    "recipe",
    [
        recurra.CLASSIC.with_(steps=30),
        recurra.MODERN.with_(steps=30, lr=0.01, batch=4, seq_len=16),
        recurra.MODERN.with_(steps=30, optimizer="sgd", lr=0.1, momentum=0.9, carry_state=False),
        recurra.MODERN.with_(steps=30, optimizer="rmsprop", lr=1e-3, clip_value=0.1, final_lr=1.0),
        recurra.MODERN.with_(steps=30, optimizer="muon", lr=0.01, batch=4, seq_len=16),
    ],
    ids=["classic", "modern", "sgd", "rmsprop", "muon"],
)
def test_a_program_trains_to_the_same_losses_and_weights(recipe, text, tmp_path):
    recipe = recipe.with_(hidden=6, dtype="float64", record_every=1, sample_every=0)
    records = []
    trained = recurra.train([text], "wrnn", recipe, report=records.append, engine="reference")
    losses = [r.smooth_nats_per_char for r in records if isinstance(r, recurra.Progress)]
    program = tmp_path / "wrnn.py"
    recurra.export_to("numpy", "wrnn", program, hidden=6, recipe=recipe)
    lines = [line.split() for line in run(program, "train", text).splitlines()]
    assert [int(step) for step, _ in lines[:30]] == [*range(1, 31)]
    assert [float(loss) for _, loss in lines[:30]] == pytest.approx(losses, abs=6e-5)
    model = recurra.load_model(trained.run, "last")
    with np.load(tmp_path / "wrnn.npz") as weights:
        assert "".join(map(chr, weights["characters"])) == model.vocabulary.characters
        for name in model.parameters:
            found, expected = weights[f"parameter/{name}"], model.matrix(name)
            np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-7)


def test_a_run_is_exported_with_its_weights(text, tmp_path):
    recipe = recurra.MODERN.with_(hidden=6, steps=20, dtype="float64")
    trained = recurra.train([text], "lstm", recipe, engine="reference", split="50/0/50")
    program = tmp_path / "lstm.py"
    assert len(recurra.export_to("numpy", trained.run, program)) == 2
    (score,) = recurra.score(recurra.Run.open(trained.run), [text], engine="reference")
    held = tmp_path / "held.txt"
    held.write_text(text.read_text("utf-8")[len(text.read_text("utf-8")) // 2 :], "utf-8")
    assert float(run(program, "eval", held)) == pytest.approx(score.loss.nats_per_char, rel=1e-9)
    assert run(program, "write", "1 + 1").startswith("1 + 1")
    assert all(float(line.split()[1]) < 1e-6 for line in run(program, "check").splitlines())


def test_what_a_user_wrote_never_becomes_code(tmp_path):
    network = recurra.parse(
        '# """ + open("gone")\n# \\N{dash}\nprint[t] = tanh(np @ x[t] + p @ print[t-1] + loss)\n'
        "sys[t] = softmax(forward @ print[t] + self)\n",
        "import os",
    )
    path = tmp_path / "odd.py"
    recurra.export_to("numpy", network, path, hidden=3)
    kinds = {type(node) for node in ast.parse(path.read_text("utf-8")).body}
    assert kinds == {
        ast.Expr, ast.Import, ast.ImportFrom, ast.Try, ast.Assign, ast.FunctionDef, ast.If,
    }  # fmt: skip
    check_equal(network.source, tmp_path)


@pytest.mark.parametrize("target", ["numpy", "torch", "jax"])
def test_a_constant_replaces_nothing_of_a_program(target, tmp_path):
    for name in ("rnn", "large"):
        recurra.export_to(target, name, tmp_path / "program.py")
        tree = ast.parse((tmp_path / "program.py").read_text("utf-8"))
        defined = {
            name.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for name in node.targets
            if isinstance(name, ast.Name)
        }
        defined |= {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert defined - {"softmax", "norm", "sigmoid"} <= {*GLOBALS}


def test_what_cannot_be_exported_is_a_sentence(text, tmp_path):
    with pytest.raises(recurra.SettingError, match="no export target tex: choose one of numpy"):
        recurra.export_to("tex", "rnn", tmp_path / "rnn.tex")
    with pytest.raises(recurra.SettingError, match=r"ends in \.md, which cannot be written here"):
        recurra.export_to("numpy", "rnn", tmp_path / "rnn.md")
    trained = recurra.train(
        [text], "rnn", recurra.MODERN.with_(hidden=6, steps=2), engine="reference"
    )
    with pytest.raises(recurra.SettingError, match="is a run, which has its sizes and choices"):
        recurra.export_to("numpy", trained.run, tmp_path / "rnn.py", hidden=3)
