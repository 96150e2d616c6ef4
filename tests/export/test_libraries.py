"""Exported PyTorch and JAX programs: they compute what the reference engine computes."""

import ast
import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

import recurra
from programs import load_program
from random_models import ALL, TEXTS
from recurra.compute.plan import make_plan
from recurra.compute.registry import make_engine
from recurra.export.base import Export
from recurra.export.targets import find_target
from recurra.lang.shape_solver import ShapeSolver
from strategies import networks, sizes

V, T, B = 7, 6, 2
has_jax = importlib.util.find_spec("jax") is not None
needs_jax = pytest.mark.skipif(not has_jax, reason="JAX is not installed")


def program_of(target, network, folder, hidden=3, recipe=recurra.CLASSIC):
    """The exported program of a network, loaded."""
    path = folder / f"{target}_program.py"
    find_target(target).write(Export(network, recipe.with_(hidden=hidden)), path)
    return load_program(path)


class Case:
    """A network with random numbers, and what the reference engine makes of them."""

    def __init__(self, text, hidden=3):
        self.network = recurra.parse(text, "net")
        whole = isinstance(hidden, int)
        self.hidden = self.network.fitting_size(hidden) if whole else hidden
        shapes = ShapeSolver(self.network).shapes(V, self.hidden)
        engine = make_engine("reference", make_plan(self.network), shapes, np.float64)
        rng = np.random.default_rng(3)
        stored = {n: rng.normal(0, 0.5, shape) for n, shape in shapes.parameters.items()}
        state = {n: rng.normal(0, 0.5, s.shape) for n, s in engine.zero_state(B).items()}
        engine.load({f"parameter/{n}": value for n, value in stored.items()})
        self.x, self.y = rng.integers(V, size=(2, T, B)).astype(np.int32)
        self.loss, gradients, after = engine.loss_and_gradients(self.x, self.y, state)

        def paper(arrays):
            return {n: shapes.swap_layout(n, a) for n, a in arrays.items()}

        self.parameters, self.gradients = paper(stored), paper(gradients)
        self.state, self.after = state, after

    def check(self, loss, gradients, after):
        assert loss == pytest.approx(self.loss, rel=1e-11)
        for name, expected in self.gradients.items():
            np.testing.assert_allclose(
                gradients[name], expected, rtol=1e-9, atol=1e-11, err_msg=name
            )
        for name, past in after.items():
            for k, value in enumerate(past, 1):
                expected = self.after[name][-k].reshape(np.shape(value))
                np.testing.assert_allclose(value, expected, atol=1e-11)


def check_torch(text, folder, hidden=3):
    case = Case(text, hidden)
    program = program_of("torch", case.network, folder, case.hidden)
    model = program.Network(V).double().eval()
    own = dict(zip(case.parameters, model.parameters(), strict=True))
    for name, parameter in own.items():
        assert parameter.shape == case.parameters[name].shape
        parameter.data = torch.tensor(case.parameters[name])
    start = model.start(B)
    state = {
        n: tuple(torch.tensor(case.state[n][-k]).reshape(v.shape) for k, v in enumerate(past, 1))
        for n, past in start.items()
    }
    logp, after = model(torch.tensor(case.x, dtype=torch.int64), state)
    loss = program.loss(logp, torch.tensor(case.y, dtype=torch.int64))
    found = program.gradients(model, loss).values()
    after = {n: [value.detach().numpy() for value in past] for n, past in after.items()}
    case.check(loss.item(), dict(zip(own, (g.numpy() for g in found), strict=True)), after)


def check_jax(text, folder, hidden=3):
    import jax

    jax.config.update("jax_enable_x64", True)
    case = Case(text, hidden)
    program = program_of("jax", case.network, folder, case.hidden)
    p = program.initial(jax.random.key(0), V)
    assert {n: a.shape for n, a in p.items()} == {n: a.shape for n, a in case.parameters.items()}
    state = {
        n: tuple(jax.numpy.array(case.state[n][-k]).reshape(v.shape) for k, v in enumerate(past, 1))
        for n, past in program.start(p, B).items()
    }
    p = {n: jax.numpy.array(a) for n, a in case.parameters.items()}
    both = jax.value_and_grad(program.loss, has_aux=True)
    (loss, after), found = both(p, case.x, case.y, state)
    case.check(float(loss), found, after)


@pytest.mark.parametrize("text", TEXTS)
def test_torch_losses_and_gradients_are_those_of_the_reference_engine(text, tmp_path):
    check_torch(text, tmp_path)


@given(text=networks())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_networks_in_torch(text, tmp_path):
    check_torch(text, tmp_path, sizes(text))


# JAX compiles every network anew: a few stand for all
IN_JAX = [
    "a constant vector",
    "matrices of blocks",
    "tied with shortlist",
    "layers of two equations",
]


@needs_jax
@pytest.mark.parametrize("name", IN_JAX)
def test_jax_losses_and_gradients_are_those_of_the_reference_engine(name, tmp_path):
    check_jax(ALL[name], tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    text = folder / "sums.txt"
    text.write_text("".join(f"{n} + {n} = {2 * n}\n" for n in range(300)), "utf-8")
    recipe = recurra.MODERN.with_(hidden=6, steps=20, dtype="float64", dropout=0.2)
    network = recurra.parse(
        "shortlist = 8\nh[t] = tanh(U @ x[t] + W @ dropout(h[t-1]) + s)\n"
        "forward[t] = tanh(V @ h[t])\n"
        "o[t] = softmax(Q @ dropout(forward[t], 0.1) + training, shortlist)\n",
        "net",
    )
    run = recurra.train(
        [text], network, recipe, engine="reference", split="50/0/50", out=folder / "run"
    )
    return run.run, text, folder


@pytest.mark.long
@pytest.mark.parametrize("target", ["torch", pytest.param("jax", marks=needs_jax)])
def test_a_program_reads_the_run_tests_itself_trains_and_writes(target, trained, capsys):
    trained_run, text, folder = trained
    path = folder / f"{target}_writer.py"
    assert len(recurra.export_to(target, trained_run, path)) == 2
    (score,) = recurra.score(recurra.Run.open(trained_run), [text], engine="reference")
    held = folder / "held.txt"
    whole = text.read_text("utf-8")
    held.write_text(whole[len(whole) // 2 :], "utf-8")
    program = load_program(path)

    def run(*arguments):
        program.main([str(argument) for argument in arguments])
        return capsys.readouterr().out

    run("test")
    assert float(run("eval", held)) == pytest.approx(score.loss.nats_per_char, rel=1e-6)
    of_the_run, characters = program.read_arrays(folder / "run")
    beside, same = program.read_arrays(program.WEIGHTS)
    assert characters == same
    assert {n: a.tolist() for n, a in of_the_run.items()} == {
        n: a.tolist() for n, a in beside.items()
    }
    assert run("train", text).splitlines()[-1].startswith("held-out text: ")
    after, _ = program.read_arrays(program.WEIGHTS)
    assert {n: a.shape for n, a in after.items()} == {n: a.shape for n, a in beside.items()}
    assert run("write", "1 + 1").startswith("1 + 1")


def test_a_program_needs_one_package(tmp_path):
    for target, package in (("torch", {"torch"}), ("jax", {"jax", "numpy"})):
        recurra.export_to(target, "wrnn", tmp_path / "wrnn.py")
        imports = re.findall(r"^ *(?:import|from) (\w+)", (tmp_path / "wrnn.py").read_text(), re.M)
        assert set(imports) - sys.stdlib_module_names == package


@pytest.mark.parametrize("package", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_program_without_its_package_says_how_to_install_it(package, language, tmp_path):
    program = tmp_path / "wrnn.py"
    recurra.export_to(package, "wrnn", program, language=language)
    command = [sys.executable, "-I", "-S", "-X", "utf8", program]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    (sentence,) = done.stderr.splitlines()
    assert sentence.endswith(f"python -m pip install {package}")
    assert done.returncode == 1


@pytest.mark.parametrize("target", ["torch", "jax"])
@pytest.mark.parametrize("optimizer", ["adagrad", "adamw", "muon", "rmsprop", "sgd"])
def test_programs_are_clean(target, optimizer, tmp_path):
    recipe = recurra.MODERN.with_(
        hidden=4, optimizer=optimizer, momentum=0.9 if optimizer == "sgd" else 0.0, clip_value=1.0
    )
    for name in ("wrnn", "large"):
        path = tmp_path / f"{name}.py"
        recurra.export_to(target, name, path, hidden=4, recipe=recipe)
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "check", "--isolated", path], capture_output=True
        )
        assert not done.returncode, done.stdout.decode()


@pytest.mark.parametrize("target", ["torch", "jax"])
def test_what_a_user_wrote_never_becomes_code(target, tmp_path):
    text = (
        '# """ + open("gone")\n# \\N{dash} $steps {x}\n'
        "print[t] = tanh(jnp @ x[t] + p @ print[t-1] + loss + _parameters)\n"
        "sys[t] = tanh(torch @ print[t] + x_t + key)\n"
        "状态[t] = softmax(forward @ sys[t] + self + H)\n"
    )
    network = recurra.parse(text, "import os")
    path = tmp_path / "odd.py"
    recurra.export_to(target, network, path, hidden=3)
    kinds = {type(node) for node in ast.parse(path.read_text("utf-8")).body}
    assert kinds <= {
        ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.FunctionDef, ast.ClassDef, ast.If,
        ast.Try,
    }  # fmt: skip
    if target == "torch":
        check_torch(network.source, tmp_path)
    elif has_jax:
        check_jax(network.source, tmp_path)
