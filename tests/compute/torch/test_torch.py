"""The engine on tensors, beside the contract: formulas, blocks, devices, commands."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import recurra
from command_line import RECURRA, SMALL, process, wait_for, write_text
from recurra.compute.base import StepSettings
from recurra.compute.gradcheck import load_parameters, random_problem
from recurra.compute.optimizers.base import Optimizer, OptimizerSettings
from recurra.compute.plan import make_plan
from recurra.compute.registry import check_engine, engine_on, make_engine, require_engine
from recurra.compute.torch.devices import computing, find_device
from recurra.compute.torch.formulas import parse_formula
from recurra.compute.torch.functions import formula_of
from recurra.compute.torch.output_layer import OutputLayer
from recurra.errors import SettingError
from recurra.lang.functions import FUNCTIONS
from recurra.lang.library import load_network
from recurra.lang.shape_solver import ShapeSolver

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "gpu.py"
OPTIONS = [*SMALL[:-1], "--engine=torch", "--device=cpu", "--threads=1"]
no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")

# ---------------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_the_language(name: str) -> None:
    x = np.array([-1e3, -50.0, -31.0, -3.0, -1e-3, -0.0, 0.0, 1e-9, 0.5, 2.0, 31.0, 50.0, 1e3])
    row = FUNCTIONS[name]
    with np.errstate(all="ignore"):  # outside of its domain a function is not finite, either
        y = row.forward(x)
        want = row.derivative(x, y)
    given = {"x": torch.from_numpy(x)}
    formula_of(name).run(given)
    np.testing.assert_allclose(given["y"].numpy(), y, rtol=1e-13, atol=1e-15)
    formula_of(f"{name}'").run(given)
    got = np.broadcast_to(np.asarray(given["d"]), x.shape)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    none = {"x": torch.tensor([float("nan")])}
    formula_of(name).run(none)
    assert none["y"].isnan()


@pytest.mark.parametrize(
    "text",
    [
        "p = open(g)",
        "p = g ** 2",
        "p += g",
        "import os",
        "p = g.data",
        "p = '1'",
        "p = q[0]",
        "p =",
    ],
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="the optimiser x"):
        parse_formula(text, "the optimiser x")


class Lion(Optimizer):
    """One of a user's own (after Chen et al. 2023, the sign made smooth)."""

    name = "lion"
    slots = ("m",)
    kernel = """
        d = beta1 * m + (1 - beta1) * g
        m = beta2 * m + (1 - beta2) * g
        p = p - rate * (d / (abs(d) + eps))
    """

    def direction(self, gradient, slots, update):
        s, m = self.settings, slots["m"]
        d = s.beta1 * m + (1 - s.beta1) * gradient
        m *= s.beta2
        m += (1 - s.beta2) * gradient
        return d / (np.abs(d) + s.eps)

    def constants(self, rate, update):
        s = self.settings
        return {"rate": rate, "beta1": s.beta1, "beta2": s.beta2, "eps": s.eps}


def test_an_optimiser_of_ones_own() -> None:
    results = []
    for name in ("torch:cpu", "reference"):
        network, rng = load_network("wrnn"), np.random.default_rng(0)
        shapes = ShapeSolver(network).shapes(7, 5)
        engine = make_engine(name, make_plan(network), shapes, np.float64)
        load_parameters(engine, random_problem(engine, 4, 2, rng).parameters)
        settings = OptimizerSettings(eps=1e-2, weight_decay=0.1, clip_norm=0.5)
        engine.prepare(StepSettings(Lion(settings), 2, 4))
        for update in range(1, 5):
            text = rng.integers(0, 7, (5, 2)).astype(np.int32)
            facts = {"update": update, "restarted": False, "rng": rng}
            engine.step(text[:-1], text[1:], 0.05, **facts)
        results.append(engine.dump("parameter", "optimizer", "state"))
    for array, want in results[1].items():
        np.testing.assert_allclose(results[0][array], want, rtol=1e-9, atol=1e-10, err_msg=array)


@pytest.mark.parametrize("shortlist", [0, 4, 7])
@pytest.mark.parametrize("numbers", [1, 40, 10**6])
def test_rows_of_logits_at_a_time(numbers: int, shortlist: int) -> None:
    network = load_network("large", {"shortlist": shortlist})
    shapes = ShapeSolver(network).shapes(7, 5)
    results = []
    for name in ("torch:cpu", "reference"):
        engine = make_engine(name, make_plan(network), shapes, np.float64)
        if name != "reference":
            engine._output = OutputLayer(shapes, numbers)
        p = random_problem(engine, 5, 3, np.random.default_rng(0))
        load_parameters(engine, p.parameters)
        state = engine.load_state(p.state)
        loss, gradients, _ = engine.loss_and_gradients(p.inputs, p.targets, state)
        losses, _ = engine.losses(p.inputs, p.targets, state)
        results.append({"loss": np.array(loss), "losses": losses, **gradients})
    for array, want in results[1].items():
        np.testing.assert_allclose(results[0][array], want, rtol=1e-10, atol=1e-12, err_msg=array)


# ----------------------------------------------------------------------------------------- devices


def test_a_device_alone_implies_the_engine() -> None:
    assert engine_on(None, "cuda:1") == "torch:cuda:1"
    assert engine_on("torch", "cpu") == "torch:cpu"
    assert engine_on("compiled", None) == "compiled"
    assert engine_on(None, None) is None
    with pytest.raises(SettingError, match="compiled does not run on devices"):
        engine_on("compiled", "cpu")


@pytest.mark.parametrize(
    "name", ["torch:", "torch:gpu", "torch:cuda:x", "torch:cuda:-1", "torch:0"]
)
def test_unknown_devices(name: str) -> None:
    with pytest.raises(SettingError, match="choose one of auto, cpu, cuda"):
        check_engine(name)


@no_gpu
def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    check_engine("torch:cuda")  # a run made elsewhere can be read
    require_engine("torch:auto")
    assert find_device("auto").type == "cpu" or torch.backends.mps.is_available()
    text = write_text(tmp_path / "t.txt")
    done = process(
        "train", text, "--out", tmp_path / "run", "--device=cuda", *SMALL[:-1], text=True
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: no device cuda: ")
    assert "use --device cpu" in line
    assert not (tmp_path / "run").exists()


def test_memory_that_runs_out_is_one_sentence() -> None:
    device = torch.device("cpu")
    threads = torch.get_num_threads()
    sentence = r"cpu has too little memory.*smaller --batch"
    with pytest.raises(SettingError, match=sentence), computing(device, threads):
        torch.empty(2**50, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="size"), computing(device, threads):
        torch.zeros(2) @ torch.zeros(3)


def python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_without_pytorch_it_is_told_how_to_get_it(tmp_path: Path) -> None:
    text = write_text(tmp_path / "t.txt")
    program = "import sys; sys.modules['torch'] = None; from recurra.cli import main; main()"
    out = tmp_path / "run"
    done = python(program, "train", text, "--out", out, "--engine=torch", *SMALL[:-1])
    assert done.returncode == 1
    want = "the engine torch needs PyTorch, which is not installed: pip install 'recurra[gpu]'"
    assert done.stderr.startswith(f"Error: {want}")
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()


def test_a_cpu_loads_nothing_of_pytorch(tmp_path: Path) -> None:
    text = write_text(tmp_path / "t.txt")
    program = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr))\n"
        "from recurra.cli import main; main()"
    )
    done = python(program, "train", text, "--out", tmp_path / "run", "-q", *SMALL)
    assert (done.returncode, done.stderr) == (0, "False\n")


# ---------------------------------------------------------------------------------------- commands


def begin(folder: Path, out: str, *options: str) -> subprocess.Popen[str]:
    command = [*RECURRA, "train", folder / "t.txt", "--out", folder / out, *OPTIONS, *options]
    return subprocess.Popen(list(map(str, command)), stdout=-1, stderr=-1, text=True)


@pytest.mark.long
def test_killed_and_resumed_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    write_text(tmp_path / "t.txt")
    options = ["--average=0.9", "--dropout=0.25", "--optimizer=adam"]
    with begin(tmp_path, "whole", *options) as child:
        assert child.wait(120) == 0, child.stderr.read()
    with begin(tmp_path, "killed", "--sample-characters=100000", *options) as child:
        wait_for("step 10 ", child.stdout)
        child.send_signal(signal.SIGKILL)
    config = tmp_path / "killed" / "config.json"
    config.write_text(config.read_text("utf-8").replace("100000", "30"), "utf-8")
    assert json.loads(config.read_text("utf-8"))["engine"] == "torch:cpu"
    done = process("train", "--resume", tmp_path / "killed", text=True)
    assert done.returncode == 0, done.stderr
    for name in ("last.safetensors", "best.safetensors"):
        whole, killed = ((tmp_path / run / name).read_bytes() for run in ("whole", "killed"))
        assert whole == killed, name


def test_a_run_goes_on_with_another_engine_and_back(tmp_path: Path) -> None:
    text = write_text(tmp_path / "t.txt")
    recipe = recurra.MODERN.with_(hidden=6, batch=2, seq_len=8, steps=30, evaluate_every=10)
    out = tmp_path / "run"
    network = recurra.load_network("wrnn")
    trainer = recurra.start([text], network, recipe, out=out, engine="reference", threads=1)
    list(trainer.records(until=10))
    words = []
    for engine, until in (("torch:cpu", 20), ("reference", None)):
        trainer = recurra.resume(recurra.Run.open(out), engine=engine)
        records = list(trainer.records(until=until))
        words.append([r.message for r in records if type(r).__name__ == "Notice"])
    assert words[1] == []
    (message,) = words[0]
    assert "began with the engine reference and goes on with torch:cpu: from step 10" in message
    # float32 rounds in other places; a mistake would show at once
    whole = recurra.start(
        [text], network, recipe, out=tmp_path / "w", engine="reference", threads=1
    )
    want = list(whole.records())[-1].val_nats_per_char
    assert records[-1].val_nats_per_char == pytest.approx(want, rel=1e-4)


@pytest.mark.long
def test_search_compare_evaluate_and_write(tmp_path: Path) -> None:
    text = write_text(tmp_path / "t.txt")
    on_cpu = ["--engine=torch", "--device=cpu"]
    short = ["--hidden=6", "--batch=2", "--seq-len=8", "--steps=12", "--warmup=2"]
    space = tmp_path / "space.toml"
    space.write_text("lr = [0.01, 0.03]\n", "utf-8")
    study, comparison = tmp_path / "study", tmp_path / "comparison"
    tuned = process(
        *("tune", text, "--space", space, "--network", "rnn", "--out", study, "--workers=1"),
        *(*short, *on_cpu, "--pruner=none", "--finalists=1", "--json"),
        text=True,
    )
    assert tuned.returncode == 0, tuned.stderr
    compared = process(
        *("compare", "rnn", "wrnn", "--text", text, "--seeds=2", "--out", comparison),
        *(*short, *on_cpu, "--threads=1", "--json"),
        text=True,
    )
    assert compared.returncode == 0, compared.stderr
    run = next(comparison.rglob("config.json")).parent
    assert json.loads((run / "config.json").read_text("utf-8"))["engine"] == "torch:cpu"
    evaluated = [
        json.loads(process("eval", run, "--json", *engine).stdout)["results"]
        for engine in (on_cpu, ["--engine=reference"])
    ]
    for ours, reference in zip(*evaluated, strict=True):
        assert ours["nats_per_char"] == pytest.approx(reference["nats_per_char"], rel=1e-5)
    assert process("write", run, "to be").returncode == 0


@pytest.mark.long
def test_the_benchmark_for_a_gpu_runs(tmp_path: Path) -> None:
    command = [sys.executable, BENCHMARK, "--smoke", "--device=cpu", "--who", "recurra", "FlashRNN"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "the loss and gradients of the reference" in done.stdout
    lines = [line for line in done.stdout.splitlines() if "| recurra |" in line]
    assert len(lines) == 2
    assert all(float(line.split("|")[4].replace(",", "")) > 0 for line in lines)
