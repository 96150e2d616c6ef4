"""Shapes of a network's vectors and parameters, found by unification."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil, prod, sqrt

from recurra.errors import EquationError, SettingError
from recurra.lang.expansion import expand
from recurra.lang.network import Network
from recurra.lang.syntax import (
    CHARACTER,
    NORM,
    Bias,
    Binary,
    Call,
    Dropout,
    Expression,
    Negative,
    Number,
    Place,
    Product,
    Vector,
)

MAX_SIZE = 1_000_000


@dataclass(frozen=True)
class Shapes:
    """Sizes of everything in a network.

    Attributes:
        vocabulary: number of distinct characters V.
        vectors: vector name -> its size.
        parameters: parameter name -> shape as stored. A matrix with a vocabulary axis is stored
            vocabulary first, ``(V, n)``, so that a row is a character; any other matrix is stored
            as on paper, ``(rows, columns)``; a bias is ``(n,)``.
        transposed: matrices stored transposed (those whose columns on paper are characters or
            scores).
        shortlist: how many characters, the first of the vocabulary, the softmax chooses among at
            once; V unless the equations say otherwise. The n others are in classes of about
            sqrt(n), whose scores stand behind the V scores of the characters: the output's
            matrices have V + classes rows. Character c is in class
            ``(c - shortlist) // class_size``.
    """

    vocabulary: int
    vectors: Mapping[str, int]
    parameters: Mapping[str, tuple[int, ...]]
    transposed: frozenset[str]
    shortlist: int

    @property
    def scores(self) -> int:
        """Rows of the output layer: characters and classes."""
        return self.vocabulary + self.classes

    @property
    def class_size(self) -> int:
        """Characters in a class, the last perhaps fewer; 0 without classes."""
        return ceil(sqrt(self.vocabulary - self.shortlist))

    @property
    def classes(self) -> int:
        """Number of classes of the characters that are not on the shortlist."""
        return len(self.class_bounds)

    @property
    def class_bounds(self) -> list[tuple[int, int]]:
        """Where in the vocabulary each class begins and ends."""
        starts = range(self.shortlist, self.vocabulary, max(1, self.class_size))
        return [(start, min(start + self.class_size, self.vocabulary)) for start in starts]

    @property
    def count(self) -> int:
        """Number of trainable numbers."""
        return sum(prod(shape) for shape in self.parameters.values())

    def paper(self, parameter: str) -> tuple[int, ...]:
        """A parameter's shape as on paper."""
        stored = self.parameters[parameter]
        return stored[::-1] if parameter in self.transposed else stored


class _Dimension:
    """A size not yet known; unification joins several into one (union-find)."""

    def __init__(self, label: str, *, hidden: bool = False, vocabulary: bool = False) -> None:
        self.parent: _Dimension | None = None
        self.labels = [label]
        self.hidden = hidden  # seen to be as wide as a hidden vector
        self.vocabulary = vocabulary  # seen to be as wide as the vocabulary

    def root(self) -> "_Dimension":
        node = self
        while node.parent is not None:
            node = node.parent
        return node


class ShapeSolver:
    """Unifies the sizes in a network's equations once; then gives shapes for any sizes.

    Raises:
        EquationError: a size would have to be the vocabulary and a hidden size at once.
    """

    def __init__(self, network: Network) -> None:
        self.network, written_out = network, expand(network)
        self.vectors = {e.name: _Dimension(e.name, hidden=True) for e in written_out.equations}
        self.rows = {name: _Dimension(name) for name in network.matrices}
        self.columns = {name: _Dimension(name) for name in network.matrices}
        self.biases = {name: _Dimension(name) for name in network.biases}
        self.characters = _Dimension(CHARACTER, vocabulary=True)
        self.uses: list[tuple[str, Place]] = []  # of parameters, so far
        for equation in written_out.equations:
            dimension = self._infer(equation.expression)
            if dimension is not None:
                self._unify(self.vectors[equation.name], dimension)
        output = self._infer(written_out.output.expression)
        assert output is not None  # the parser admits only products and biases here
        self.scores = _Dimension("", vocabulary=True) if network.shortlist else self.characters
        self._unify(output, self.scores)

    def _infer(self, expression: Expression) -> _Dimension | None:
        """The size of an expression; None for a plain number."""
        match expression:
            case Number():
                return None
            case Vector(name, _):
                return self.characters if name == CHARACTER else self.vectors[name]
            case Bias(name, place):
                self.uses.append((name, place))
                return self.biases[name]
            case Call(function, argument, place) if function == NORM:
                inner = self._infer(argument)
                if inner is None:
                    raise self.network.error("norm takes a vector, not a number", place)
                self._unify(_Dimension("", hidden=True), inner)  # a hidden vector of the plan
                return inner
            case Call(_, argument) | Dropout(argument) | Negative(argument):
                return self._infer(argument)
            case Binary(_, left, right):
                one, other = self._infer(left), self._infer(right)
                if one is not None and other is not None:
                    self._unify(one, other)
                return one or other
            case Product(matrix, transposed, operand, place):
                rows, columns = self.rows[matrix], self.columns[matrix]
                if transposed:
                    rows, columns = columns, rows
                self.uses.append((matrix, place))
                inner = self._infer(operand)
                if inner is None:
                    raise self.network.error(f"{matrix} @ needs a vector, not a number", place)
                if not isinstance(operand, Vector):  # it becomes a hidden vector of the plan
                    self._unify(_Dimension("", hidden=True), inner)
                self._unify(columns, inner)
                return rows

    def _unify(self, one: _Dimension, other: _Dimension) -> None:
        one, other = one.root(), other.root()
        if one is other:
            return
        one.labels += other.labels
        other.parent = one
        one.hidden = one.hidden or other.hidden
        one.vocabulary = one.vocabulary or other.vocabulary
        if one.hidden and one.vocabulary:
            raise self._clash(one.labels)

    def _clash(self, labels: list[str]) -> EquationError:
        """The vocabulary meets a hidden vector: a parameter with an earlier use brought them."""
        names = [name for name, _ in self.uses]
        name = next(n for n in reversed(names) if n in labels and names.count(n) > 1)
        places = [place for other, place in self.uses if other == name]
        lines = sorted({place.line for place in places})
        where = f"line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}"
        return self.network.error(
            f"{name} is used in two shapes ({where}): one of its sides would be as wide "
            "as the vocabulary and as a hidden vector; use two parameters",
            places[-1],
        )

    def shapes(self, vocabulary: int, hidden: int | Mapping[str, int]) -> Shapes:
        """Shapes for a vocabulary and hidden sizes.

        Args:
            vocabulary: number of distinct characters, at least 1.
            hidden: one size for every free dimension, or vector (or matrix) name -> size; the
                key ``""`` gives the size of those not named.

        Raises:
            SettingError: a size missing, below 1, unknown or in conflict with an equation.
        """
        given = {"": hidden} if isinstance(hidden, int) else dict(hidden)
        for name, size in given.items():
            label = f"--hidden {name}={size}" if name else f"--hidden {size}"
            if not 1 <= size <= MAX_SIZE:
                raise SettingError(f"{label}: a size is a whole number from 1 to {MAX_SIZE:,}")
            if name and name not in self.vectors and name not in self.rows:
                known = ", ".join(self.vectors)
                raise SettingError(f"{label}: no vector {name} in {self.network.name} ({known})")
        shortlist = vocabulary
        if self.network.shortlist:
            shortlist = min(vocabulary, int(self.network.shortlist.value))
        sizes: dict[_Dimension, int] = {self.characters.root(): vocabulary}
        shapes = Shapes(vocabulary, {}, {}, frozenset(), shortlist)
        sizes[self.scores.root()] = shapes.scores
        owners: dict[_Dimension, str] = {}
        for name, size in given.items():
            if not name:
                continue
            root = (self.vectors.get(name) or self.rows[name]).root()
            if sizes.setdefault(root, size) != size:
                other = owners.get(root)
                why = f"{name} and {other} are joined" if other else f"{name} is vocabulary wide"
                where = self._joint(name, other) if other else ""
                raise SettingError(
                    f"--hidden {name}={size} clashes with {other or 'V'}={sizes[root]}: "
                    f"{why} by the equations{where}"
                )
            owners[root] = name
        for dimension in [*self.vectors.values(), *self.rows.values(), *self.columns.values()]:
            if dimension.root() not in sizes:
                if "" not in given:
                    raise self._missing(dimension.root())
                sizes[dimension.root()] = given[""]
        paper: dict[str, tuple[int, ...]] = {
            name: (sizes[self.rows[name].root()], sizes[self.columns[name].root()])
            for name in self.rows
        }
        paper |= {name: (sizes[d.root()],) for name, d in self.biases.items()}
        vectors = {n: sizes[d.root()] for n, d in self.vectors.items()}
        transposed = frozenset(
            name
            for name, dimension in self.columns.items()
            if dimension.root() in (self.characters.root(), self.scores.root())
        )
        stored = {n: s[::-1] if n in transposed else s for n, s in paper.items()}
        return replace(shapes, vectors=vectors, parameters=stored, transposed=transposed)

    def _missing(self, root: _Dimension) -> SettingError:
        named = {**self.vectors, **self.rows}
        label = next((name for name, d in named.items() if d.root() is root), None)
        if label is None:
            label = root.labels[0]
            return SettingError(f"no size for {label}: add a plain one, as in --hidden 128")
        return SettingError(f"no size for {label}: add it, as in --hidden {label}=128")

    def _joint(self, name: str, other: str) -> str:
        lines = [e.place.line for e in self.network.equations if e.name in (name, other)]
        return f" on lines {' and '.join(str(line) for line in lines)}" if lines else ""
