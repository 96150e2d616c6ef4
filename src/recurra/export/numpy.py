"""One NumPy program for exactly one network: forward pass, exact gradient, training, writing."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from recurra._version import __version__
from recurra.compute.hidden_matrices import hidden_matrices
from recurra.compute.plan import make_plan
from recurra.explain.formulas import Outer, Value, walk
from recurra.export import numpy_parts as parts
from recurra.export.base import Export, Target
from recurra.export.numpy_passes import Passes
from recurra.export.optimizer import (
    counts_steps,
    learning_rate_line,
    slot_names,
    update_functions,
    update_lines,
)
from recurra.export.starts import NUMPY, Starts
from recurra.export.steps import reads_character, safe_line
from recurra.models.initialisation import default_rate
from recurra.storage.outputs import open_output, write_output


class NumpyProgram(Target):
    """See the module."""

    name = "numpy"
    suffix = ".py"
    help = "one NumPy program: forward pass, exact gradient, training, writing"

    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the program and, of a run, its weights beside it, as ``.npz``."""
        text = _Program(export, path.stem).text()
        write_output(path, text)
        if export.model is None:
            return [path]
        weights = path.with_suffix(".npz")
        characters = np.array([ord(c) for c in export.model.vocabulary.characters])
        arrays: dict[str, Any] = {
            f"parameter/{name}": value if value.ndim > 1 else value[:, None]
            for name, value in export.paper_parameters().items()
        }
        memory = io.BytesIO()
        np.savez(memory, characters=characters, **arrays)
        with open_output(weights) as file:
            file.write(memory.getbuffer())
        return [path, weights]


class _Program:
    """The text of one program, part by part."""

    def __init__(self, export: Export, stem: str) -> None:
        self.export, self.stem = export, stem
        self.network, self.recipe = export.network, export.recipe
        self.plan = make_plan(self.network)
        self.passes = Passes(export)
        self.word = self.passes.word
        self.starts = Starts(self.network, self.passes.sides, self.recipe)

    def text(self) -> str:
        """The whole program."""
        passes = self.passes
        body = [passes.forward(), passes.loss(), passes.backward()]
        body += [self._initial(), self._start(), self._update(), self._rest()]
        # only now it is known which functions are called
        blocks = [self._head(), *self._functions(), *body]
        return "\n\n\n".join(block.strip("\n") for block in blocks) + "\n"

    def _head(self) -> str:
        run = f"    python {self.stem}.py"
        lines = [
            '"""' + self.word("what", version=__version__),
            "",
            *(f"    {safe_line(line)}" for line in self.network.source.splitlines()),
            "",
            f"{run} train novel.txt    {self.word('train', weights=f'{self.stem}.npz')}",
            f'{run} write "It was"     {self.word("write")}',
            f"{run} eval novel.txt     {self.word('eval')}",
            f"{run} check              {self.word('check')}",
            "",
            self.word("arrays"),
            '"""',
            "",
            "import sys",
            *["from functools import cache"] * bool(self.network.shortlist),
            "from pathlib import Path",
            "",
            "try:",
            "    import numpy as np",
            "except ModuleNotFoundError:",
            f'    sys.exit("{self.word("needs", library="NumPy")} numpy")',
            "",
        ]
        lines += [*self.passes.sides.lines(), *self.passes.numpy.constant_lines()]
        return "\n".join([*lines, 'WEIGHTS = Path(__file__).with_suffix(".npz")'])

    def _functions(self) -> list[str]:
        blocks = [*self.passes.numpy.definitions, parts.LOG_SOFTMAX]
        if self.network.shortlist:
            shortlist, error = self.word("shortlist", listed="LISTED"), self.word("error")
            blocks.append(parts.SHORTLIST.format(shortlist=shortlist, error=error))
        nodes = [n for f in self.passes.steps.gradients.values() for n in walk(f)]
        outer = [node for node in nodes if isinstance(node, Outer)]
        columns = self.word("columns")
        if any(reads_character(node.right) for node in outer):
            blocks.append(parts.COLUMNS.format(name="columns", target="into.T", columns=columns))
        if any(reads_character(node.left) for node in outer):
            blocks.append(parts.COLUMNS.format(name="rows", target="into", columns=columns))
        if "orthogonal" in self.starts.kinds.values():
            blocks.append(parts.ORTHOGONAL)
        if self.passes.steps.rates:
            blocks.append(parts.DROPOUT.format(dropout=self.word("dropout")))
        matrices = hidden_matrices(self.plan, self.passes.shapes)
        return blocks + update_functions(self.recipe, "np", matrices, self.word("nearest"))

    def _initial(self) -> str:
        lines = [*self.starts.lines(NUMPY), "return {"]
        lines += [f'    "{name}": {text},' for name, text in self.starts.texts(NUMPY).items()]
        return self.passes.function(
            "initial", "V, rng" + ", counts" * self.starts.counts, "initial", [*lines, "}"]
        )

    def _start(self) -> str:
        lags = self.passes.lags
        lines = ["return {"]
        for quantity, lag in lags.items():
            zeros = f"np.zeros({self.passes.shape(Value(quantity, 0))}, dtype)"
            past = ", ".join(f"{-k}: {zeros}" for k in range(1, lag + 1))
            lines.append(f'    "{quantity}": {{{past}}},')
        first = self.network.parameters[0]
        lines = [f'dtype = p["{first}"].dtype', *lines, "}"] if lags else ["return {}"]
        return self.passes.function("start", f"p, {self.passes.streams}", "start", lines)

    def _update(self) -> str:
        lines = update_lines(self.recipe, "np")
        arguments = f"p, gradient, memory, {'step, ' * counts_steps(self.recipe)}rate"
        return self.passes.function(
            "update", arguments, "update", lines, optimizer=self.recipe.optimizer
        )

    def _rest(self) -> str:
        recipe = self.recipe
        rate = recipe.lr or default_rate(self.plan, self.passes.shapes)
        mean = ["gradient = {name: g / x.size for name, g in gradient.items()}"]
        reset = [] if recipe.carry_state else ["state = start(p, batch)"]
        keys = ("read", "missing", "training", "held", "evaluate", "writing", "checking")
        return parts.REST.format(
            steps=recipe.steps or 10_000,
            batch=recipe.batch,
            length=recipe.seq_len,
            seed=recipe.seed,
            dtype=recipe.dtype,
            slots=slot_names(recipe),
            weight=f"{1 - recipe.smoothing:.12g}",
            record=recipe.record_every,
            with_rng=", rng" if self.passes.steps.rates else "",
            counted=", np.bincount(own, minlength=len(characters))" * self.starts.counts,
            ones=", np.ones(V)" * self.starts.counts,
            step="step + 1, " * counts_steps(recipe),
            reset=_block(reset),
            scale=_block(mean if recipe.reduction == "mean" else []),
            rate=_block([learning_rate_line(recipe, rate, "np")]).rstrip("\n"),
            **{key: self.word(key) for key in keys},
        )


def _block(lines: list[str]) -> str:
    return "".join(f"        {line}\n" for line in lines)
