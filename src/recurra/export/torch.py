"""One PyTorch program for exactly one network: a module, training, writing, a self test."""

from pathlib import Path

from recurra.explain import formulas
from recurra.explain.formulas import Formula
from recurra.export.base import Export, Target
from recurra.export.library_program import LibraryProgram, LibraryText, block, tupled
from recurra.export.names import Names
from recurra.export.python_formulas import ATOM, PRODUCT, SIGN, TERM, Row
from recurra.export.starts import TORCH
from recurra.export.steps import Steps, reads_character
from recurra.lang.kinds import Kind
from recurra.lang.syntax import MEAN, NORM, SOFTMAX, SUM

_GELU = """\
def gelu(z: Tensor) -> Tensor:
    return nn.functional.gelu(z, approximate="tanh")
"""
_SOFTPLUS = """\
def softplus(z: Tensor) -> Tensor:
    return -nn.functional.logsigmoid(-z)
"""
_AS_TENSOR = """\
def as_tensor(z: Tensor | float) -> Tensor:
    return z if isinstance(z, Tensor) else torch.tensor(z, dtype=torch.float64)
"""
_MAXIMUM = """\
def maximum(a: Tensor | float, b: Tensor | float) -> Tensor:
    return torch.maximum(as_tensor(a), as_tensor(b))
"""
_MINIMUM = """\
def minimum(a: Tensor | float, b: Tensor | float) -> Tensor:
    return torch.minimum(as_tensor(a), as_tensor(b))
"""
_NORM = """\
def norm(z: Tensor) -> Tensor:
    return nn.functional.layer_norm(z, z.shape[-1:], eps=1e-5)
"""
_SOFTMAX = """\
def softmax(z: Tensor) -> Tensor:
    return torch.softmax(z, -1)
"""
_SUM = """\
def repeated_sum(z: Tensor) -> Tensor:
    return z.sum(-1, keepdim=True).expand_as(z)
"""
_MEAN = """\
def repeated_mean(z: Tensor) -> Tensor:
    return z.mean(-1, keepdim=True).expand_as(z)
"""
_CONCAT = """\
def concat(*vectors: Tensor) -> Tensor:
    streams = torch.broadcast_shapes(*(v.shape[:-1] for v in vectors))
    return torch.cat([v.expand(*streams, v.shape[-1]) for v in vectors], -1)
"""
_BLOCK_PRODUCT = """\
def block_product(blocks: Tensor, z: Tensor) -> Tensor:
    parts = z.unflatten(-1, (blocks.shape[-3], -1))
    return torch.einsum("...nij,...nj->...ni", blocks, parts).flatten(-2)
"""
# Attributes of every module, which no parameter may be called.
_MODULE = (
    "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda "
    "double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter "
    "get_submodule half ipu load_state_dict modules mtia named_buffers named_children "
    "named_modules named_parameters parameters register_backward_hook register_buffer "
    "register_forward_hook register_forward_pre_hook register_full_backward_hook "
    "register_full_backward_pre_hook register_load_state_dict_post_hook "
    "register_load_state_dict_pre_hook register_module register_parameter "
    "register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state "
    "set_submodule share_memory start state_dict to to_empty train training type xpu zero_grad"
)


_ROWS = {
    "tanh": Row("torch.tanh"),
    "sigmoid": Row("torch.sigmoid"),
    "relu": Row("torch.relu"),
    "swish": Row("nn.functional.silu"),
    "gelu": Row("gelu", (_GELU,)),
    "softplus": Row("softplus", (_SOFTPLUS,)),
    "identity": Row(""),
    "elu": Row("nn.functional.elu"),
    "softsign": Row("nn.functional.softsign"),
    **{name: Row(f"torch.{name}") for name in ("exp", "log", "sqrt", "abs", "sin", "cos")},
    "max": Row("maximum", (_AS_TENSOR, _MAXIMUM)),
    "min": Row("minimum", (_AS_TENSOR, _MINIMUM)),
    NORM: Row("norm", (_NORM,)),
    SOFTMAX: Row("softmax", (_SOFTMAX,)),
    SUM: Row("repeated_sum", (_SUM,)),
    MEAN: Row("repeated_mean", (_MEAN,)),
}


class _Text(LibraryText):
    """Vectors are rows, one for each stream."""

    rows, block_product = _ROWS, (_BLOCK_PRODUCT,)
    of_parts = "{f}({z}.unflatten(-1, ({n}, -1))).flatten(-2)"

    def __init__(self, steps: Steps, names: Names, dropout: float) -> None:
        super().__init__(steps, names, dropout)
        self.character = names.take("x_t")

    def bound(self, formula: Formula) -> tuple[str, int]:
        """A formula, and how tightly its text binds; see `PythonText.bound`."""
        match self.steps.as_matrices(formula, Kind.NUMBER):
            case formulas.Hadamard(formulas.Mask(number), kept):
                inner = self.text(kept)
                rate = self.rate(number)
                return f"nn.functional.dropout({inner}, {rate}, self.training)", ATOM
            case formulas.BlockNumbers(vector):
                return f"{self.text(vector, ATOM)}[..., None, None]", ATOM
            case formulas.Dyad(left, right, blocks):
                parts = f".unflatten(-1, ({blocks}, -1))" if blocks else ""
                return self.dyad(left, f"{parts}[..., None]", right, f"{parts}[..., None, :]"), TERM
            case formulas.MemoryVector(matrix, transposed, operand, 0):
                mark = ".mT" * transposed
                column = f"{self.text(operand, ATOM)}[..., None]"
                return f"({self.text(matrix, ATOM)}{mark} @ {column}).squeeze(-1)", ATOM
            case formulas.Total(argument, mean):
                name = "mean" if mean else "sum"
                return f"torch.{name}({self.text(argument)}, -1, keepdim=True)", ATOM
            case formulas.Join(vectors):
                self.definitions[_CONCAT] = None
                return f"concat({', '.join(map(self.text, vectors))})", ATOM
            case same:
                return super().bound(same)

    def product(self, product: formulas.MatrixVector) -> tuple[str, int]:
        """A matrix times a vector, as rows; times a character it is a column."""
        matrix = self.parameters[product.matrix]
        if reads_character(product.operand):
            return f"{matrix}{'' if product.transposed else '.T'}[{self.character}]", ATOM
        factor = matrix if product.transposed else f"{matrix}.T"
        return f"{self.text(product.operand, SIGN)} @ {factor}", PRODUCT


class _Program(LibraryProgram):
    reserved = (
        "torch", "nn", "Tensor", "self", "log_probabilities", "gelu", "softplus", "norm", "logp",
        "as_tensor", "block_product", "maximum", "minimum", "softmax", "concat", "repeated_sum",
        "repeated_mean",
        "H", "LISTED", "classes", "vocabulary",
    )  # fmt: skip
    template = "torch.txt"
    templates = TORCH
    module = "torch"

    @property
    def words(self) -> dict[str, str]:
        """Names of the library, for the parts that all share."""
        return {
            "library": "PyTorch",
            "np": "torch",
            "array": "Tensor",
            "make": "torch.tensor",
            "bytes": "bytes(array.flatten().view(torch.uint8).tolist())",
            "log_softmax": "torch.log_softmax",
            "concatenate": "torch.cat",
            "softmax": "logp.append(log_probabilities({}))"
            if self.network.shortlist
            else "logp.append(torch.log_softmax({}, -1))",
        }

    def formulas(self) -> LibraryText:
        """Make what writes formulas."""
        own = Names(_MODULE.split())
        self.attributes = {n: own.take(n.lstrip("_") or "v") for n in self.network.parameters}
        return _Text(self.steps, self.names, self.recipe.dropout)

    def zeros(self, sides: list[str]) -> str:
        """Zeros in the time step, for every stream."""
        assert isinstance(self.code, _Text)
        first = next(iter(self.attributes.values()))
        return f"self.{first}.new_zeros({', '.join([f'len({self.code.character})', *sides])})"

    def shown(self, parameter: str) -> str:
        """The name under which a program knows a parameter."""
        return self.attributes[parameter]

    def slots(self) -> dict[str, str]:
        """Texts for the places of the template."""
        assert isinstance(self.code, _Text)
        texts = self.starts.texts(self.templates)
        first = next(iter(self.attributes.values()))
        after, shifts = [], []
        for quantity, lag in self.steps.lags.items():
            past = [self.code.at(quantity, k) for k in range(lag + 1)]
            after.append(f'"{quantity}": {tupled(past[1:])}')
            shifts.append(f"{', '.join(reversed(past[1:]))} = {', '.join(reversed(past[:-1]))}")
        names = {own: name for name, own in self.attributes.items() if own != name}
        paper = f"{{{', '.join(f'{own!r}: {name!r}' for own, name in names.items())}}}"
        arrays, own_arrays = "model.state_dict()", "arrays"
        if names:
            arrays = f"{{{paper}.get(n, n): a for n, a in model.state_dict().items()}}"
            inverse = f"{{{', '.join(f'{name!r}: {own!r}' for own, name in names.items())}}}"
            own_arrays = f"{{{inverse}.get(n, n): a for n, a in arrays.items()}}"
        loop = [*self.equations(), *shifts]
        forward = [
            *self.unpack(lambda name: f"self.{self.shown(name)}"),
            "logp = []",
            f"for {self.code.character} in {self.x}:",
            *(f"    {line}" for line in loop),
            f"return torch.stack(logp), {{{', '.join(after)}}}",
        ]
        counted = ", torch.bincount(own, minlength=len(characters))"
        return {
            "cache": "from functools import cache\n" * bool(self.network.shortlist),
            "counts": ", counts: Tensor | None = None" * self.starts.counts,
            "counted": counted * self.starts.counts,
            "initial": block(
                [
                    *self.starts.lines(self.templates),
                    *(
                        f"self.{own} = nn.Parameter({texts[name]})"
                        for name, own in self.attributes.items()
                    ),
                ],
                8,
            ),
            "start": block(self.start_lines(f"self.{first}.new_zeros(streams, {{sides}})"), 8),
            "x": self.x,
            "state": self.state,
            "forward": block(forward, 8),
            "mean": " / x.numel()" * (self.recipe.reduction == "mean"),
            "reset": "" if self.recipe.carry_state else "        state = model.start(batch)\n",
            "arrays": arrays,
            "own_arrays": own_arrays,
        }


class TorchProgram(Target):
    """See the module."""

    name = "torch"
    suffix = ".py"
    help = "one PyTorch program: a module, training, writing, a self test"

    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the program and, of a run, its weights beside it, as ``.safetensors``."""
        return _Program(export, path.stem).write(path)
