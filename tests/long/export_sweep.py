"""Every export of every network, beside the reference engine.

    python tests/long/export_sweep.py [numpy=PYTHON] [torch=PYTHON] [jax=PYTHON] [onnx] [html]
        [--random 200] [--seed 0] [--match WORDS]

Networks: those of the library, the shared list of the tests, and random ones, half of them with a
matrix memory. A program runs in the Python named for it, which needs its one library and nothing
else, and has to give the losses and gradients of the reference engine (1e-10 in float64). The ONNX
model (in ONNX Runtime) and the page (in Chromium) have to give its log-probabilities (1e-4) on an
English and a Chinese text, and the same 300 characters, the likeliest ones. Without targets all
run, in this Python. Some 300 networks take half an hour. Fails at the end if anything differed.
"""
# ruff: noqa: T201

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS.parent / "src")]

import recurra  # noqa: E402
from chromium import Chromium  # noqa: E402
from random_models import ALL, model_of  # noqa: E402
from recurra.export.base import Export  # noqa: E402
from recurra.export.targets import find_target  # noqa: E402
from strategies import networks, sizes  # noqa: E402

TEXTS = {
    "English": "It was the best of times, it was the worst of times, it was the age of wisdom.\n",
    "Chinese": "道可道，非常道；名可名，非常名。无名，天地之始；有名，万物之母。\n",
}
READ, WRITTEN = 120, 300  # characters
LIKELIEST = 1e-4  # two characters so near to each other, as float32 sees them, are both likeliest
RECIPE = recurra.CLASSIC.with_(hidden=4)

# Programs of the fresh environments: read a list of [program, case], print a list of results.
DRIVER = """
import importlib.util, json, sys
{imports}

def run(program, case):
    x, y = case["text"][:-1], case["text"][1:]
{body}

results = []
for path, case in json.load(open(sys.argv[1], encoding="utf-8")):
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(program)
        results.append(run(program, case))
    except Exception as error:
        results.append(repr(error))
    print(".", end="", file=sys.stderr, flush=True)
print(json.dumps(results))
"""
DRIVERS = {
    "numpy": (
        "import numpy as np",
        """
    x, y = np.array(x), np.array(y)
    p = {n: np.array(a) for n, a in case["parameters"].items()}
    p = {n: a if a.ndim > 1 else a[:, None] for n, a in p.items()}
    logp, series, _ = program.forward(p, x, program.start(p, 2))
    gradient = program.backward(p, x, y, logp, series)
    return float(program.loss(logp, y)), {n: g.tolist() for n, g in gradient.items()}
""",
    ),
    "torch": (
        "import torch",
        """
    x, y = torch.tensor(x), torch.tensor(y)
    model = program.Network(case["vocabulary"]).double().eval()
    for own, value in zip(model.parameters(), case["parameters"].values(), strict=True):
        own.data = torch.tensor(value, dtype=torch.float64)
    logp, _ = model(x, model.start(2))
    loss = program.loss(logp, y)
    found = program.gradients(model, loss).values()
    return loss.item(), {n: g.tolist() for n, g in zip(case["parameters"], found, strict=True)}
""",
    ),
    "jax": (
        "import jax\njax.config.update('jax_enable_x64', True)\njnp = jax.numpy",
        """
    x, y = jnp.array(x), jnp.array(y)
    p = {n: jnp.array(a) for n, a in case["parameters"].items()}
    both = jax.value_and_grad(program.loss, has_aux=True)
    (loss, _), gradient = both(p, x, y, program.start(p, 2))
    jax.clear_caches()
    return float(loss), {n: g.tolist() for n, g in gradient.items()}
""",
    ),
}
# In the page: log-probabilities after each character, then the likeliest ones.
IN_PAGE = """
((numbers, count) => {
  let state = start(), logP;
  const step = (k) => ([logP, state] = read(parameters, state, k));
  const found = numbers.map((k) => (step(k), [...logP])), written = [];
  while (written.length < count) {
    written.push(draw(logP, 0, 0, null));
    step(written.at(-1));
  }
  return [found, written];
})(%s, %s)
"""


class Case:
    """A network with random weights, and what the reference engine makes of it."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self.hidden: Any = sizes(text) if name.startswith("random") else RECIPE.hidden

    def model(self, characters: str) -> recurra.Model:
        """Weights that float32 holds, in float64."""
        model = model_of(self.text, characters, self.hidden, 0.3)
        whole = {n: a.astype(np.float64) for n, a in model.parameters.items()}
        return recurra.Model(model.network, model.vocabulary, model.shapes, whole)

    def programs(self) -> tuple[dict[str, Any], float, dict[str, np.ndarray]]:
        """What a program is given; the loss and the gradients that it has to find."""
        model = self.model("abcdefghi")
        engine, shapes = model.engine("reference"), model.shapes
        text = np.random.default_rng(1).integers(9, size=(13, 2)).astype(np.int32)
        loss, found, _ = engine.loss_and_gradients(text[:-1], text[1:], engine.zero_state(2))
        paper = {n: shapes.swap_layout(n, a) for n, a in found.items()}
        given = {n: shapes.swap_layout(n, a).tolist() for n, a in model.parameters.items()}
        return {"parameters": given, "text": text.tolist(), "vocabulary": 9}, loss, paper


def all_cases(count: int, seed: int) -> list[Case]:
    """Those of the library and the list, and random ones."""
    found: list[str] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max(1, count),
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=[*hypothesis.HealthCheck],
    )
    @hypothesis.given(networks())
    def collect(text: str) -> None:
        found.append(text)

    collect()
    rng = random.Random(seed)
    texts = [with_memory(text, rng) if i % 2 else text for i, text in enumerate(found[:count])]
    named = {**ALL, **{f"random {i}": text for i, text in enumerate(texts)}}
    return [Case(name, text) for name, text in named.items()]


def with_memory(text: str, rng: random.Random) -> str:
    """A random network that also has a memory, written and read by its vectors."""
    vectors = [name for name in sizes(text) if name]
    left, right, mixed = rng.choice(vectors), rng.choice(vectors), rng.choice(vectors)
    new = f"outer({left}[t{rng.choice(['', '-1'])}], {rng.choice(['tanh', 'norm'])}({right}[t]))"
    old = rng.choice([
        "0.5 * M[t-1]", f"outer(sigmoid({left}[t-1]), 1) * M[t-1]", "g[t-1] * M[t-1] + b1 * M[t-2]",
        f"outer(1, sigmoid({right}[t])) * M[t-1]", "tanh(M[t-1] + g[t] - p9)", "max(M[t-1], g[t])",
    ])  # fmt: skip
    read = rng.choice([f"M[t] @ {right}[t]", f"M[t-1].T @ {left}[t]", f"M[t] @ (H @ {mixed}[t])"])
    lines = [f"M[t] = {old} + {rng.choice(['', 'g[t] * ', '0.5 * '])}{new}"]
    lines += [f"g[t] = sigmoid(mean({mixed}[t]))"] * ("g[t" in lines[0])
    lines += [line[:-1] + f" + S @ ({read}))" if line[0] == "o" else line
              for line in text.splitlines()]  # fmt: skip
    return "\n".join(lines) + "\n"


def difference(found: Any, expected: np.ndarray) -> float:
    """The largest difference of two arrays, compared with the largest number."""
    size = 1 + np.abs(expected).max(initial=0.0)
    return float(np.abs(np.asarray(found, float) - expected).max(initial=0.0) / size)


class Findings:
    """What was seen, and what differed."""

    def __init__(self) -> None:
        self.seen, self.wrong, self.worst = Counter[str](), list[str](), 0.0

    def compare(self, target: str, case: Case, found: Any, expected: Any, limit: float) -> bool:
        """Whether two arrays are as near as they should be."""
        off = difference(found, expected)
        if not off <= limit:
            self.fail(target, case, f"differs by {off:.2g}")
        self.worst = max(self.worst, off)
        return off <= limit

    def fail(self, target: str, case: Case, what: str) -> None:
        """Tell of one that differed."""
        self.wrong.append(f"{target}: {case.name}: {what}")
        print(f"\n{self.wrong[-1]}\n{case.text}")


def write_exports(
    target: str, cases: list[Case], folder: Path, findings: Findings, characters: str = ""
) -> list[tuple[Path, Case]]:
    """Export; what a target refuses is counted."""
    written = []
    for i, case in enumerate(cases):
        path = folder / f"{target}_{i}{find_target(target).suffix}"
        model = case.model(characters) if characters else None
        network = model.network if model else recurra.parse(case.text, "net")
        recipe = RECIPE.with_(hidden=case.hidden if model is None else RECIPE.hidden)
        if isinstance(case.hidden, int):
            recipe = RECIPE.with_(hidden=network.fitting_size(case.hidden))
        try:
            export = Export(network, recipe, model, weights="float32" if target == "html" else None)
            find_target(target).write(export, path)
            written.append((path, case))
        except recurra.RecurraError as error:
            findings.seen[f"{target} refuses: {error}"] += 1
    return written


def check_programs(target: str, python: str, cases: list[Case], folder: Path) -> Findings:
    """Programs in a Python of their own."""
    findings = Findings()
    written = write_exports(target, cases, folder, findings)
    computed = [(path, *case.programs()) for path, case in written]
    imports, body = DRIVERS[target]
    (folder / "driver.py").write_text(DRIVER.format(imports=imports, body=body), "utf-8")
    (folder / "cases.json").write_text(
        json.dumps([[str(path), given] for path, given, _, _ in computed]), "utf-8"
    )
    command = [python, "-I", str(folder / "driver.py"), str(folder / "cases.json")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    results = json.loads(done.stdout)
    for (_, case), (_, _, loss, gradients), result in zip(written, computed, results, strict=True):
        if isinstance(result, str):
            findings.fail(target, case, result)
            continue
        good = findings.compare(target, case, result[0], np.array(loss), 1e-10)
        for name, expected in gradients.items():
            found = np.array(result[1][name]).reshape(expected.shape)
            good &= findings.compare(target, case, found, expected, 1e-10)
        findings.seen[f"{target} equal"] += good
    return findings


def check_steps(target: str, cases: list[Case], folder: Path) -> Findings:
    """Models of one step: they read two texts, and write."""
    findings = Findings()
    browser = Chromium(folder / "profile") if target == "html" else None
    for language, text in TEXTS.items():
        characters = "".join(dict.fromkeys(text))
        numbers = [characters.index(c) for c in (text * READ)[:READ]]
        for path, case in write_exports(target, cases, folder, findings, characters):
            if browser:
                browser.open(path)
                found, written = browser.run(IN_PAGE % (json.dumps(numbers), WRITTEN))
                for problem in browser.problems():
                    findings.fail(target, case, problem)
            else:
                found, written = run_onnx(path, numbers)
            model = case.model(characters)
            expected = log_probabilities(model, [*numbers, *written])
            if not np.isfinite(expected).all():
                findings.seen[f"{target} {language}: no finite numbers in the engine either"] += 1
                continue
            lost = [
                (row.max() - row[number]) / (1 + np.abs(row).max())
                for row, number in zip(expected[READ - 1 : -1], written, strict=True)
            ]
            read = np.array(expected[:READ])
            equal = max(lost) <= LIKELIEST and difference(found, read) <= 1e-4
            if not equal and is_chaotic(model, [*numbers, *written], expected):
                findings.seen[
                    f"{target} {language}: float32 and float64 part in the engine too"
                ] += 1
                continue
            findings.compare(target, case, found, read, 1e-4)
            if max(lost) > LIKELIEST:
                findings.fail(target, case, f"writes a character {max(lost):.2g} less likely")
            findings.seen[f"{target} {language} equal"] += equal
            findings.seen[f"{target} {language}: two likeliest characters"] += max(lost) > 0
            print(".", end="", file=sys.stderr, flush=True)
    if browser:
        browser.__exit__()
    return findings


def log_probabilities(model: recurra.Model, numbers: list[int]) -> list[np.ndarray]:
    """Those of the reference engine after each character."""
    engine, found = model.engine("reference"), []
    state = engine.zero_state(1)
    for number in numbers:
        logp, state = engine.next_log_probabilities(np.array([number], np.int32), state)
        found.append(logp[0])
    return found


def is_chaotic(model: recurra.Model, numbers: list[int], expected: list[np.ndarray]) -> bool:
    """Whether rounding grows within this text, so that float32 gives other numbers than float64."""
    single = {name: array.astype(np.float32) for name, array in model.parameters.items()}
    same = recurra.Model(model.network, model.vocabulary, model.shapes, single)
    found = np.array(log_probabilities(same, numbers), float)
    return not difference(found, np.array(expected)) <= LIKELIEST


def run_onnx(path: Path, numbers: list[int]) -> tuple[list[Any], list[int]]:
    """Log-probabilities after each character, then the likeliest ones."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    past = {one.name: np.zeros((1, *one.shape[1:]), "f") for one in session.get_inputs()[1:]}
    found, written = [], list[int]()
    for i in range(len(numbers) + WRITTEN):
        if i >= len(numbers):
            written.append(int(found[-1].argmax()))
        number = numbers[i] if i < len(numbers) else written[-1]
        logp, *after = session.run(None, {"x": [number], **past})
        past = dict(zip(past, after, strict=True))
        found.append(logp[0])
    return found[: len(numbers)], written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--random", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--match", default="")
    arguments = parser.parse_args()
    cases = all_cases(arguments.random, arguments.seed)
    cases = [case for case in cases if arguments.match in case.name]
    print(f"{len(cases)} networks")
    wrong = []
    for word in arguments.targets or ["numpy", "torch", "jax", "onnx", "html"]:
        target, _, python = word.partition("=")
        with tempfile.TemporaryDirectory() as folder:
            if target in DRIVERS:
                found = check_programs(target, python or sys.executable, cases, Path(folder))
            else:
                found = check_steps(target, cases, Path(folder))
        print(f"\n{target}: the largest difference is {found.worst:.2g}")
        for what, count in found.seen.items():
            print(f"  {count:5}  {what}")
        wrong += found.wrong
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main()
