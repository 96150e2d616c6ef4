"""One JAX program for exactly one network: a pure time step, scanned; training, writing, a test."""

from pathlib import Path

from recurra.explain import formulas
from recurra.explain.formulas import Formula, is_number
from recurra.export.base import Export, Target
from recurra.export.library_program import LibraryProgram, LibraryText, block, tupled
from recurra.export.names import Names
from recurra.export.python_formulas import ATOM, PRODUCT, SIGN, TERM, Row
from recurra.export.starts import JAX
from recurra.export.steps import Steps, reads_character
from recurra.lang.syntax import MEAN, NORM, SOFTMAX, SUM

_NORM = """\
def norm(z: Array) -> Array:
    return (z - z.mean()) / jnp.sqrt(z.var() + 1e-5)
"""
_SUM = """\
def repeated_sum(z: Array) -> Array:
    return jnp.full_like(z, z.sum())
"""
_MEAN = """\
def repeated_mean(z: Array) -> Array:
    return jnp.full_like(z, z.mean())
"""
_DROPOUT = """\
def dropout(z: Array, rate: float, key: Array | None, number: int) -> Array:
    if key is None:
        return z
    kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - rate, jnp.shape(z))
    return z * kept / (1 - rate)
"""
_BLOCK_PRODUCT = """\
def block_product(blocks: Array, z: Array) -> Array:
    return jnp.einsum("nij,nj->ni", blocks, z.reshape(len(blocks), -1)).ravel()
"""
_SCAN = """
    def one(x, state):
        state, logp = lax.scan(partial(step, p), state, x)
        return logp, state

    return jax.vmap(one, (1, 0), (1, 0))(x, state)
"""
_SCAN_WITH_KEYS = """
    def one(x, state, keys):
        state, logp = lax.scan(partial(step, p), state, (x, keys))
        return logp, state

    keys = None if key is None else jax.random.split(key, x.shape)
    return jax.vmap(one, (1, 0, 1), (1, 0))(x, state, keys)
"""


_ROWS = {
    "tanh": Row("jnp.tanh"),
    "sigmoid": Row("jax.nn.sigmoid"),
    "relu": Row("jax.nn.relu"),
    "swish": Row("jax.nn.silu"),
    "gelu": Row("jax.nn.gelu"),
    "softplus": Row("jax.nn.softplus"),
    "identity": Row(""),
    "elu": Row("jax.nn.elu"),
    "softsign": Row("jax.nn.soft_sign"),
    **{name: Row(f"jnp.{name}") for name in ("exp", "log", "sqrt", "abs", "sin", "cos")},
    "max": Row("jnp.maximum"),
    "min": Row("jnp.minimum"),
    NORM: Row("norm", (_NORM,)),
    SOFTMAX: Row("jax.nn.softmax"),
    SUM: Row("repeated_sum", (_SUM,)),
    MEAN: Row("repeated_mean", (_MEAN,)),
}


class _Text(LibraryText):
    """Vectors as on paper: one stream alone."""

    rows, block_product = _ROWS, (_BLOCK_PRODUCT,)
    of_parts = "jax.vmap({f})({z}.reshape({n}, -1)).ravel()"

    def __init__(self, steps: Steps, names: Names, dropout: float) -> None:
        super().__init__(steps, names, dropout)
        self.character, self.key = names.take("x"), names.take("key")

    def bound(self, formula: Formula) -> tuple[str, int]:
        """A formula, and how tightly its text binds; see `PythonText.bound`."""
        match self.steps.as_matrices(formula):
            case formulas.Hadamard(formulas.Mask(number), kept):
                self.definitions[_DROPOUT] = None
                inner = self.text(kept)
                return f"dropout({inner}, {self.rate(number)}, {self.key}, {number})", ATOM
            case formulas.BlockNumbers(vector):
                return f"{self.text(vector, ATOM)}[:, None, None]", ATOM
            case formulas.Dyad(left, right, blocks) if blocks:
                column, row = f".reshape({blocks}, -1, 1)", f".reshape({blocks}, 1, -1)"
                return self.dyad(left, column, right, row), TERM
            case formulas.Dyad(left, right) if is_number(left) or is_number(right):
                return self.dyad(left, "[:, None]", right, "[None]"), ATOM
            case formulas.Dyad(left, right):
                return f"jnp.outer({self.text(left)}, {self.text(right)})", ATOM
            case formulas.MemoryVector(matrix, transposed, operand, 0):
                mark = ".T" * transposed
                return f"{self.text(matrix, ATOM)}{mark} @ {self.text(operand, SIGN)}", PRODUCT
            case formulas.Total(argument, mean):
                name = "mean" if mean else "sum"
                return f"jnp.{name}({self.text(argument)}, keepdims=True)", ATOM
            case formulas.Join(vectors):
                return f"jnp.concatenate([{', '.join(map(self.text, vectors))}])", ATOM
            case same:
                return super().bound(same)

    def product(self, product: formulas.MatrixVector) -> tuple[str, int]:
        """A matrix times a vector; times a character it is a column."""
        matrix = self.parameters[product.matrix]
        if reads_character(product.operand):
            column = self.character if product.transposed else f":, {self.character}"
            return f"{matrix}[{column}]", ATOM
        factor = f"{matrix}.T" if product.transposed else matrix
        return f"{factor} @ {self.text(product.operand, SIGN)}", PRODUCT


class _Program(LibraryProgram):
    reserved = (
        "jax", "jnp", "np", "Array", "log_probabilities", "norm", "repeated_sum",
        "repeated_mean", "dropout", "block_product", "H", "LISTED", "classes", "vocabulary",
    )  # fmt: skip
    template = "jax.txt"
    templates = JAX
    module = "jnp"

    @property
    def words(self) -> dict[str, str]:
        """Names of the library, for the parts that all share."""
        return {
            "library": "JAX",
            "np": "np",
            "array": "Array",
            "make": "np.array",
            "bytes": "np.asarray(array).tobytes()",
            "log_softmax": "jax.nn.log_softmax",
            "concatenate": "jnp.concatenate",
            "softmax": "log_probabilities({})"
            if self.network.shortlist
            else "jax.nn.log_softmax({})",
        }

    def formulas(self) -> LibraryText:
        """Make what writes formulas."""
        code = _Text(self.steps, self.names, self.recipe.dropout)
        self.p = self.names.take("p")
        return code

    def zeros(self, sides: list[str]) -> str:
        """Zeros in the time step."""
        first = next(iter(self.code.parameters.values()))
        shape = tupled(sides) if len(sides) > 1 else sides[0]
        return f"jnp.zeros({shape}, {first}.dtype)"

    def slots(self) -> dict[str, str]:
        """Texts for the places of the template."""
        assert isinstance(self.code, _Text)
        texts, drops = self.starts.texts(self.templates), bool(self.steps.rates)
        first = self.network.parameters[0]
        *equations, logits = self.equations()
        after = [
            f'"{q}": {tupled([self.code.at(q, k) for k in range(lag)])}'
            for q, lag in self.steps.lags.items()
        ]
        forward = [
            *[f"{self.code.character}, {self.code.key} = {self.code.character}"] * drops,
            *self.unpack(lambda name: f'{self.p}["{name}"]'),
            *equations,
            f"return {{{', '.join(after)}}}, {logits}",
        ]
        drawn = sum("next(keys)" in text for text in texts.values())
        return {
            "cache": "cache, " * bool(self.network.shortlist),
            "counts": ", counts: Array | None = None" * self.starts.counts,
            "counted": ", np.bincount(own, minlength=len(characters))" * self.starts.counts,
            "initial": block(
                [
                    *[f"keys = iter(jax.random.split(key, {drawn}))"] * bool(drawn),
                    *self.starts.lines(self.templates),
                    "return {",
                    *(f'    "{name}": {text},' for name, text in texts.items()),
                    "}",
                ]
            ),
            "start": block(
                self.start_lines(f'jnp.zeros((streams, {{sides}}), p["{first}"].dtype)')
            ),
            "p": self.p,
            "x": self.code.character,
            "state": self.state,
            "forward": block(forward),
            "scan": (_SCAN_WITH_KEYS if drops else _SCAN).strip("\n"),
            "with_key": ", key: Array | None = None" * drops,
            "key": ", key" * drops,
            "step_key": ", jax.random.fold_in(key, step)" * drops,
            "mean": "    gradient = {name: g / x.size for name, g in gradient.items()}\n"
            * (self.recipe.reduction == "mean"),
            "reset": "" if self.recipe.carry_state else "        state = start(p, batch)\n",
        }


class JaxProgram(Target):
    """See the module."""

    name = "jax"
    suffix = ".py"
    help = "one JAX program: a pure time step, scanned; training, writing, a self test"

    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the program and, of a run, its weights beside it, as ``.safetensors``."""
        return _Program(export, path.stem).write(path)
