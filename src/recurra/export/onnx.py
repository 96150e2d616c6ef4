"""One time step as an ONNX model: a character and the past in, log-probabilities and the past out.

Nothing loops inside, so any runtime takes it. Names, shapes and readers: ``docs/export.md``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra._version import __version__
from recurra.errors import SettingError
from recurra.explain import formulas
from recurra.explain.formulas import Formula, is_number
from recurra.export.base import Export, Target
from recurra.export.steps import program_steps, reads_character
from recurra.lang.functions import NORM_EPS
from recurra.lang.kinds import Kind
from recurra.lang.syntax import MEAN, ROW_FUNCTIONS
from recurra.models.model import Model
from recurra.storage.outputs import open_output

OPSET = 17
_IR_VERSION = 8  # the format of files that came with this opset
# ONNX calls them as we do, with a capital letter.
_OPERATORS = (
    "tanh", "sigmoid", "relu", "softplus", "identity", "elu", "softsign", "exp", "log", "sqrt",
    "abs", "sin", "cos", "max", "min",
)  # fmt: skip
_GELU_A, _GELU_B = 2.0 * (2.0 / np.pi) ** 0.5, 0.044715


class OnnxStep(Target):
    """See the module."""

    name = "onnx"
    suffix = ".onnx"
    help = "one time step as an ONNX model"

    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the model, its vocabulary and equations among its metadata."""
        if export.model is None:
            raise SettingError("an ONNX model needs weights: name a run, not a network")
        try:
            import onnx
        except ImportError:
            raise SettingError(
                'ONNX models need one more package: pip install "recurra[onnx]"'
            ) from None
        content = _Graph(onnx, export.model).model().SerializeToString()
        with open_output(path) as file:
            file.write(content)
        return [path]


class _Graph:
    """The graph of one time step.

    Vectors are rows, (B, n); what no stream changes is (1, n). Matrices are (B, n, m).
    """

    def __init__(self, onnx: Any, own: Model) -> None:
        self.onnx, self.own, self.network, self.shapes = onnx, own, own.network, own.shapes
        self.steps = program_steps(own.network)
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self.known: dict[Formula, str] = {}

    def model(self) -> Any:
        """The whole model."""
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        for step in self.steps.inference:
            name = self._vector(step.formula)
            value = formulas.Value(step.quantity, 0)
            if self.steps.is_narrow(step, self.shapes):
                sides = self._numbers([*self.steps.sides(value, self.shapes)])
                whole = self._node("Concat", self._node("Shape", "x"), sides, axis=0)
                name = self._node("Expand", name, whole)
            self.known[value] = name
        self._node("Identity", self._log_probabilities(name), output="logp")
        inputs = [helper.make_tensor_value_info("x", kinds.INT64, ["B"])]
        outputs = [
            helper.make_tensor_value_info("logp", kinds.FLOAT, ["B", self.shapes.vocabulary])
        ]
        for quantity, lag in self.steps.lags.items():
            for k in range(1, lag + 1):
                after = f"next.{quantity}.{k}"
                self._node("Identity", self._vector(formulas.Value(quantity, k - 1)), output=after)
                shape = ["B", *self.steps.sides(formulas.Value(quantity, 0), self.shapes)]
                inputs.append(helper.make_tensor_value_info(f"{quantity}.{k}", kinds.FLOAT, shape))
                outputs.append(helper.make_tensor_value_info(after, kinds.FLOAT, shape))
        graph = helper.make_graph(
            self.nodes, "step", inputs, outputs, [*self.initializers.values()]
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(
            graph,
            opset_imports=[opset],
            ir_version=_IR_VERSION,
            producer_name="recurra",
            producer_version=__version__,
        )
        metadata = {
            "network": self.network.name,
            "equations": self.network.source,
            "characters": json.dumps(self.own.vocabulary.characters),
        }
        helper.set_model_props(model, metadata)
        self.onnx.checker.check_model(model)
        return model

    def _vector(self, formula: Formula) -> str:
        """The tensor that holds a formula; equal formulas are computed once."""
        if formula not in self.known:
            self.known[formula] = self._compute(formula)
        return self.known[formula]

    def _compute(self, formula: Formula) -> str:
        match self.steps.as_matrices(formula, Kind.NUMBER):
            case formulas.Constant(value):
                return self._constant(value)
            case formulas.Value(quantity, lag):
                return f"{quantity}.{lag}"  # what is of this step is known
            case formulas.Parameter(name):
                return self._parameter(name)
            case formulas.Sum(terms):
                total = self._vector(terms[0])
                for term in terms[1:]:
                    match term:
                        case formulas.Negative(argument):
                            total = self._node("Sub", total, self._vector(argument))
                        case _:
                            total = self._node("Add", total, self._vector(term))
                return total
            case formulas.Negative(argument):
                return self._node("Neg", self._vector(argument))
            case formulas.Hadamard(left, right):
                return self._node("Mul", self._vector(left), self._vector(right))
            case formulas.Quotient(left, right):
                return self._node("Div", self._vector(left), self._vector(right))
            case formulas.MatrixVector(matrix, transposed, operand):
                return self._product(matrix, transposed, operand)
            case formulas.Apply(function, argument, heads) if function in ROW_FUNCTIONS:
                if not heads:
                    return self._of_rows(function, self._vector(argument), argument)
                parts = self._reshaped(self._vector(argument), [0, heads, -1])
                return self._reshaped(self._of_rows(function, parts, argument, heads), [0, -1])
            case formulas.Apply(function, argument):
                return self._function(self.network.function(function), self._vector(argument))
            case formulas.Extreme(function, left, right):
                return self._node(function.capitalize(), self._vector(left), self._vector(right))
            case formulas.Power(base, exponent):
                return self._node("Pow", self._vector(base), self._vector(exponent))
            case formulas.Total(argument, mean):
                return self._total(self._vector(argument), mean)
            case formulas.Join(vectors):
                return self._node("Concat", *map(self._vector, vectors), axis=-1)
            case formulas.BlockNumbers(vector):
                return self._node("Unsqueeze", self._vector(vector), self._numbers([-2, -1]))
            case formulas.Dyad(left, right, blocks):
                # the constant 1 is a side of ones
                pair = ((left, [-1, 1]), (right, [1, -1]))
                tensors = [self._side(s, blocks, form) for s, form in pair if not is_number(s)]
                return self._node("Mul", *tensors) if len(tensors) == 2 else tensors[0]
            case formulas.MemoryVector(matrix, transposed, operand, blocks):
                form = [1, -1] if transposed else [-1, 1]
                factors = [self._vector(matrix), self._side(operand, blocks, form)]
                product = self._node("MatMul", *(reversed(factors) if transposed else factors))
                return self._reshaped(product, [0, -1])
        kind = type(formula).__name__.lower()
        raise SettingError(f"ONNX models cannot hold {kind} yet: export to another target")

    def _of_rows(self, function: str, rows: str, argument: Formula, heads: int = 1) -> str:
        """A function of each row of a tensor, which are the heads of an argument."""
        size = self.steps.size(argument, self.shapes) // heads
        match function:
            case "norm":
                ones = self._tensor(f"ones.{size}", np.ones(size))
                return self._node("LayerNormalization", rows, ones, axis=-1, epsilon=NORM_EPS)
            case "softmax":
                return self._node("Softmax", rows, axis=-1)
        total = self._total(rows, function == MEAN)
        return self._node("Expand", total, self._numbers([1, heads, size]))

    def _total(self, rows: str, mean: bool) -> str:
        if mean:
            return self._node("ReduceMean", rows, axes=[-1], keepdims=1)
        return self._node("ReduceSum", rows, self._numbers([-1]))

    def _side(self, vector: Formula, blocks: int, form: list[int]) -> str:
        """A vector as a matrix that has no other row, or column; or as such blocks."""
        return self._reshaped(self._vector(vector), [0, *[blocks] * bool(blocks), *form])

    def _reshaped(self, tensor: str, sides: list[int]) -> str:
        """A tensor with other sides: 0 is that of before, -1 what is left."""
        return self._node("Reshape", tensor, self._numbers(sides))

    def _function(self, name: str, z: str) -> str:
        if name in _OPERATORS:
            return self._node(name.capitalize(), z)
        match name:
            case "swish":
                inner = z
            case "gelu":
                cube = self._node("Mul", self._node("Mul", z, z), z)
                small = self._node("Mul", cube, self._constant(_GELU_B))
                inner = self._node("Mul", self._node("Add", z, small), self._constant(_GELU_A))
            case _:
                raise SettingError(f"ONNX models cannot hold {name} yet: export to another target")
        return self._node("Mul", z, self._node("Sigmoid", inner))

    def _product(self, matrix: str, transposed: bool, operand: Formula) -> str:
        name = self._parameter(matrix)
        if reads_character(operand):
            return self._node("Gather", name, "x", axis=0)  # a character is a row as stored
        by_rows = (matrix in self.shapes.transposed) == transposed
        return self._node("Gemm", self._vector(operand), name, transB=int(by_rows))

    def _log_probabilities(self, scores: str) -> str:
        vocabulary, listed = self.shapes.vocabulary, self.shapes.shortlist
        if listed == vocabulary:
            return self._node("LogSoftmax", scores, axis=-1)
        own = self._slice(scores, 0, listed)
        head = self._node("Concat", own, self._slice(scores, vocabulary, None), axis=-1)
        head = self._node("LogSoftmax", head, axis=-1)
        parts = [self._slice(head, 0, listed)] if listed else []
        for k, (first, end) in enumerate(self.shapes.class_bounds, listed):
            within = self._node("LogSoftmax", self._slice(scores, first, end), axis=-1)
            parts.append(self._node("Add", within, self._slice(head, k, k + 1)))
        return self._node("Concat", *parts, axis=-1)

    def _slice(self, tensor: str, first: int, end: int | None) -> str:
        bounds = [[first], [2**31 - 1 if end is None else end], [-1]]
        return self._node("Slice", tensor, *map(self._numbers, bounds))

    def _parameter(self, name: str) -> str:
        """A parameter as stored; a vector as one row."""
        array = self.shapes.whole(name, self.own.parameters[name])
        return self._tensor(f"parameter/{name}", array if array.ndim > 1 else array[None])

    def _constant(self, value: float) -> str:
        return self._tensor(f"constant/{value!r}", np.array([[value]]))

    def _numbers(self, numbers: list[int]) -> str:
        name = f"numbers/{numbers}"
        return self._tensor(name, np.array(numbers, np.int64))

    def _tensor(self, name: str, array: NDArray[Any]) -> str:
        if name not in self.initializers:
            dtype = np.int64 if array.dtype == np.int64 else np.float32
            stored = np.ascontiguousarray(array, dtype)
            self.initializers[name] = self.onnx.numpy_helper.from_array(stored, name)
        return name

    def _node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{kind}/{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name
