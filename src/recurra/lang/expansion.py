"""First values, earlier characters and diagonal matrices, written out.

``h[0] = h0``, ``U @ x[t-1]`` and a diagonal D are short for what the rest of the language can say:

    h_begun[t] = 1                                       # 0 before the text, as all vectors are
    ... h[t-1] + (1 - h_begun[t-1]) * h0 ...             # for h[t-1]
    U_x[t] = U @ x[t]
    ... U_x[t-1] ...                                     # for U @ x[t-1]
    ... D * h[t-1] ...                                   # for D @ h[t-1], with a vector D

What computes, derives or exports reads the network written out. So carried states, streams,
checkpoints and gradients are right without knowing of any.
"""

from dataclasses import replace

from recurra.lang.network import Equation, Network
from recurra.lang.syntax import (
    CHARACTER,
    Bias,
    Binary,
    Expression,
    Number,
    Place,
    Product,
    Vector,
    rewrite,
)


def expand(network: Network) -> Network:
    """The network without first values, earlier characters, diagonals; itself, if it has none."""
    expansion = _Expansion(network)
    equations = [*map(expansion.rewritten, network.equations)]
    output = expansion.rewritten(network.output)
    if not expansion.added and not network.diagonals:
        return network
    equations = [*expansion.added.values(), *equations]
    blocks = {name: count for name, count in network.blocks.items() if count is not None}
    written_out = replace(
        network, equations=tuple(equations), output=output, first={}, blocks=blocks
    )
    # parameters keep the order in which they were typed
    vars(written_out).update(matrices=network.matrices, biases=network.biases)
    return written_out


class _Expansion:
    def __init__(self, network: Network) -> None:
        self.network = network
        named = (*network.equations, network.output)
        self.taken = {*network.parameters, *network.choices, *(each.name for each in named)}
        # what it is short for -> its equation
        self.added: dict[str | Expression, Equation] = {}

    def rewritten(self, equation: Equation) -> Equation:
        return replace(equation, expression=rewrite(equation.expression, self._written_out))

    def _written_out(self, node: Expression) -> Expression:
        match node:
            case Product(matrix, _, operand, place) if matrix in self.network.diagonals:
                return Binary("*", Bias(matrix, place), operand, place)
            case Product(matrix, _, Vector(name, lag, place)) if name == CHARACTER and lag:
                today = replace(node, operand=Vector(CHARACTER, 0, place))
                return Vector(self._vector(today, f"{matrix}_x", today, place), lag, node.place)
            case Vector(name, lag, place) if lag and name in self.network.first:
                begun = self._vector(name, f"{name}_begun", Number(1.0), place)
                before = Binary("-", Number(1.0), Vector(begun, lag, place), place)
                first = Binary("*", before, self.network.first[name], place)
                return Binary("+", node, first, place)
        return node

    def _vector(
        self, key: str | Expression, name: str, expression: Expression, place: Place
    ) -> str:
        """The name of the vector with this expression."""
        if key not in self.added:
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self.added[key] = Equation(name, expression, place)
        return self.added[key].name
