"""Network -> the sizes of its vectors and parameters, found by unification."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from math import prod

from recurra.errors import EquationError, SettingError
from recurra.lang import syntax
from recurra.lang.expansion import expand
from recurra.lang.kinds import Kind, find_kinds, kind_of
from recurra.lang.network import Network
from recurra.lang.shapes import Shapes
from recurra.lang.syntax import CHARACTER, ROW_FUNCTIONS, Expression, Vector

MAX_SIZE = 1_000_000


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


_Grid = tuple[_Dimension, _Dimension]  # rows and columns of a matrix over time


@dataclass(frozen=True)
class _Joined:
    """A concat: a size that is the sum of others."""

    whole: _Dimension
    parts: list[_Dimension]
    place: syntax.Place


class ShapeSolver:
    """Unifies the sizes in a network's equations once; then gives shapes for any sizes.

    Raises:
        EquationError: a size would have to be the vocabulary and a hidden size at once.
    """

    def __init__(self, network: Network) -> None:
        self.network, written_out = network, expand(network)
        self._check_first_values()
        self.kinds = find_kinds(written_out)
        self.names = [equation.name for equation in written_out.equations]
        # what is one number needs no size: it meets any vector
        self.numbers = {name for name, kind in self.kinds.items() if kind == Kind.NUMBER}
        self.vectors = {
            e.name: _Dimension(e.name, hidden=True)
            for e in written_out.equations
            if self.kinds[e.name] == Kind.VECTOR
        }
        self.grids = {
            e.name: (_Dimension(e.name, hidden=True), _Dimension(e.name, hidden=True))
            for e in written_out.equations
            if self.kinds[e.name] == Kind.MATRIX
        }
        # number of blocks -> the size of what has a number for each
        self.counts: dict[int, _Dimension] = {}
        self.rows = {name: _Dimension(name) for name in network.matrices}
        self.columns = {name: _Dimension(name) for name in network.matrices}
        self.biases = {n: _Dimension(n) for n in network.biases if n not in self.numbers}
        self.characters = _Dimension(CHARACTER, vocabulary=True)
        self.one = _Dimension("one number")
        self.joined: list[_Joined] = []
        self.headed: list[tuple[_Dimension, syntax.Call]] = []
        self.uses: list[tuple[str, syntax.Place]] = []  # of parameters, so far
        self.equation = ""
        for equation in written_out.equations:
            self.equation = equation.name
            if equation.name in network.blocks and equation.name not in self.grids:
                raise network.error(
                    f"{equation.name} is no matrix and has no blocks: remove the line "
                    f"{equation.name}: {network.starts[equation.name]}",
                    equation.place,
                )
            found = self._infer(equation.expression)
            if isinstance(found, tuple):
                self._unify_grids(self.grids[equation.name], found)
            elif found is not None:
                self._unify(self.vectors[equation.name], found)
        for node in network.nodes:
            if isinstance(node, syntax.Product) and node.matrix in self.numbers:  # a diagonal one
                raise network.error(f"{node.matrix} @ needs a vector, not a number", node.place)
        output = self._infer(written_out.output.expression)
        assert isinstance(output, _Dimension)  # the parser admits only products and biases here
        self.scores = _Dimension("", vocabulary=True) if network.shortlist else self.characters
        self._unify(output, self.scores)
        self._check_concats()

    def _check_first_values(self) -> None:
        kinds = find_kinds(self.network) if self.network.first else {}
        for equation in self.network.equations:
            if equation.name in self.network.first and kinds[equation.name] != Kind.VECTOR:
                raise self.network.error(
                    f"{equation.name} is one number or a matrix at every time step, and only "
                    f"vectors have first values: remove the line {equation.name}[0] = ...",
                    equation.place,
                )

    def _blocks(self, name: str) -> int:
        """Number of blocks of a matrix or memory."""
        count = self.network.blocks.get(name)
        return int(count.value) if count else 1

    def _memory(self, name: str, place: syntax.Place) -> "_Grid":
        """The sizes of a memory; beside another one it has as many blocks."""
        own, mine = self._blocks(name), self._blocks(self.equation)
        if own != mine and self.equation in self.grids:
            raise self.network.error(
                f"{name} has {own} block{'s' * (own > 1)} and {self.equation} {mine}: give both as "
                f"many, as in {self.equation}: blocks({own})",
                place,
            )
        return self.grids[name]

    def _count(self, place: syntax.Place) -> _Dimension:
        """The size of a vector that meets the memory of this equation."""
        if self.equation not in self.network.blocks:
            raise self.network.error(
                "a vector meets a matrix here: write outer(a[t], 1) to have a number for each row, "
                "or outer(1, a[t]) for each column",
                place,
            )
        new = _Dimension("number of blocks", hidden=True)
        return self.counts.setdefault(self._blocks(self.equation), new)

    def _vector(self, expression: Expression, message: str, place: syntax.Place) -> _Dimension:
        """The size of an expression that has to be a vector."""
        found = self._infer(expression)
        if not isinstance(found, _Dimension):
            raise self.network.error(message, place)
        return found

    def _infer(self, expression: Expression) -> "_Dimension | _Grid | None":
        """The size of an expression; None for one number, which meets any size."""
        match expression:
            case syntax.Number():
                return None
            case Vector(name) | syntax.Bias(name) if name in self.numbers:
                return None
            case Vector(name, _, place) if name in self.grids:
                return self._memory(name, place)
            case Vector(name, _):
                return self.characters if name == CHARACTER else self.vectors[name]
            case syntax.Bias(name, place):
                self.uses.append((name, place))
                return self.biases[name]
            case syntax.Call(function, argument, place) if function in ROW_FUNCTIONS:
                kind = kind_of(argument, self.kinds)
                given = "a matrix" if kind == Kind.MATRIX else "a number"
                inner = self._vector(argument, f"{function} takes a vector, not {given}", place)
                self._unify(_Dimension("", hidden=True), inner)  # a hidden vector of the plan
                if expression.parts:
                    self.headed.append((inner, expression))
                return None if expression.is_number else inner
            case syntax.Concat(parts, place):
                return self._infer_concat(parts, place)
            case syntax.Call(_, argument) | syntax.Dropout(argument) | syntax.Negative(argument):
                return self._infer(argument)
            case syntax.Outer(left, right, place):
                return self._side(left, place), self._side(right, place)
            case syntax.MemoryProduct(memory, transposed, operand, place):
                return self._infer_memory_product(memory, transposed, operand, place)
            case syntax.Binary(_, left, right, place):
                one, other = self._infer(left), self._infer(right)
                if isinstance(one, tuple) and isinstance(other, tuple):
                    self._unify_grids(one, other)
                elif isinstance(one, _Dimension) and isinstance(other, _Dimension):
                    self._unify(one, other)
                elif isinstance(one, _Dimension) and other is not None:
                    self._unify(self._count(place), one)
                    return other
                elif isinstance(other, _Dimension) and one is not None:
                    self._unify(self._count(place), other)
                return one or other
            case syntax.Product(matrix, transposed, operand, place):
                rows, columns = self.rows[matrix], self.columns[matrix]
                if transposed:
                    rows, columns = columns, rows
                self.uses.append((matrix, place))
                is_matrix = kind_of(operand, self.kinds) == Kind.MATRIX
                given = "a matrix" if is_matrix else "a number"
                message = f"{matrix} @ needs a vector, not {given}"
                inner = self._vector(operand, message, place)
                if not isinstance(operand, Vector):  # it becomes a hidden vector of the plan
                    self._unify(_Dimension("", hidden=True), inner)
                self._unify(columns, inner)
                return rows

    def _infer_memory_product(
        self, memory: Vector, transposed: bool, operand: Expression, place: syntax.Place
    ) -> _Dimension:
        if memory.name not in self.grids:
            raise self.network.error(
                f"{memory.name} is no matrix: before @ stands the name of a matrix, or a memory "
                "such as C[t] = C[t-1] + outer(v[t], k[t])",
                memory.place,
            )
        rows, columns = self.grids[memory.name]
        if transposed:
            rows, columns = columns, rows
        inner = self._vector(operand, f"{memory.name}[t] @ needs a vector", place)
        self._unify(_Dimension("", hidden=True), inner)
        self._unify(columns, inner)
        return rows

    def _side(self, expression: Expression, place: syntax.Place) -> _Dimension:
        """One side of an outer product; of ones, as long as whatever it meets."""
        if expression == syntax.Number(1.0):
            return _Dimension("", hidden=True)
        side = self._vector(expression, "outer takes two vectors, or 1 for a side of ones", place)
        self._unify(_Dimension("", hidden=True), side)
        return side

    def _unify_grids(self, one: "_Grid", other: "_Grid") -> None:
        for mine, yours in zip(one, other, strict=True):
            self._unify(mine, yours)

    def _infer_concat(self, parts: tuple[Expression, ...], place: syntax.Place) -> _Dimension:
        whole, dimensions = _Dimension("concat", hidden=True), list[_Dimension]()
        for part in parts:
            if kind_of(part, self.kinds) == Kind.CONSTANT:
                raise self.network.error("concat takes vectors, not constants", place)
            if kind_of(part, self.kinds) == Kind.NUMBER:
                self._infer(part)  # the vectors that it is made of have sizes too
                dimensions.append(self.one)
                continue
            inner = self._vector(part, "concat takes vectors, not matrices", place)
            self._unify(_Dimension("", hidden=True), inner)
            dimensions.append(inner)
        self.joined.append(_Joined(whole, dimensions, place))
        return whole

    def _check_concats(self) -> None:
        """No vector may be a part of itself."""
        for joined in self.joined:
            inside, fresh = set[_Dimension](), [joined.whole.root()]
            while fresh:
                root = fresh.pop()
                parts = {p.root() for j in self.joined if j.whole.root() is root for p in j.parts}
                fresh += parts - inside
                inside |= parts
            if joined.whole.root() in inside:
                raise self.network.error(
                    "this would be a part of itself: concat is longer than each of its parts, so "
                    "multiply by a matrix, as in W @ concat(a[t], b[t])",
                    joined.place,
                )

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
        self._check_given(given)
        shortlist = vocabulary
        if self.network.shortlist:
            shortlist = min(vocabulary, int(self.network.shortlist.value))
        shapes = Shapes(vocabulary, {}, {}, frozenset(), shortlist)
        sizes = self._sizes(given, shapes)

        def size(dimension: _Dimension) -> int:
            return sizes[dimension.root()]

        paper: dict[str, tuple[int, ...]] = {
            name: (size(rows), size(self.columns[name])) for name, rows in self.rows.items()
        }
        blocks = {name: self._blocks(name) for name in self.rows if name in self.network.blocks}
        for name, count in blocks.items():
            rows, columns = self._divided(name, *paper[name])
            paper[name] = count * rows, columns
        paper |= {
            name: (1,) if name in self.numbers else (size(self.biases[name]),)
            for name in self.network.biases
        }
        grids = {
            name: (self._blocks(name), *self._divided(name, *map(size, sides)))
            for name, sides in self.grids.items()
        }
        if large := next((n for n, grid in grids.items() if prod(grid) > MAX_SIZE), None):
            raise SettingError(
                f"{large} would be a matrix of {prod(grids[large]):,} numbers at every time step: "
                "choose smaller sizes"
            )
        numbers = {name: size(dimension) for name, dimension in self.vectors.items()}
        numbers |= dict.fromkeys(self.numbers, 1) | {n: prod(grid) for n, grid in grids.items()}
        transposed = frozenset(
            name
            for name, dimension in self.columns.items()
            if dimension.root() in (self.characters.root(), self.scores.root())
        )
        return replace(
            shapes,
            vectors={name: numbers[name] for name in self.names},
            parameters={n: s[::-1] if n in transposed else s for n, s in paper.items()},
            transposed=transposed,
            grids=grids,
            blocks=blocks,
        )

    def _check_given(self, given: Mapping[str, int]) -> None:
        """Refuse sizes that make no sense, or are of nothing that takes one."""
        for name, size in given.items():
            label = f"--hidden {name}={size}" if name else f"--hidden {size}"
            if not 1 <= size <= MAX_SIZE:
                raise SettingError(f"{label}: a size is a whole number from 1 to {MAX_SIZE:,}")
            if name in self.numbers:
                raise SettingError(f"{label}: {name} is one number by the equations: leave it out")
            if name in self.grids:
                raise SettingError(
                    f"{label}: {name} is a matrix: give sizes to the vectors that write and read it"
                )
            if name and name not in self.vectors and name not in self.rows:
                known = ", ".join(self.vectors)
                raise SettingError(f"{label}: no vector {name} in {self.network.name} ({known})")

    def _sizes(self, given: Mapping[str, int], shapes: Shapes) -> dict[_Dimension, int]:
        """The size of every dimension, by its root."""
        sizes = {self.characters.root(): shapes.vocabulary, self.one: 1}
        sizes[self.scores.root()] = shapes.scores
        owners: dict[_Dimension, str] = {}
        for number, counted in self.counts.items():
            if (size := sizes.setdefault(counted.root(), number)) != number:
                raise SettingError(
                    f"a vector of {self.network.name} meets matrices of {size} and of {number} "
                    "blocks, and has a number for each: give them as many"
                )
            owners[counted.root()] = "the number of blocks"
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
        joined = {j.whole.root(): j for j in self.joined}

        def resolve(root: _Dimension) -> int:
            if root not in sizes and root in joined:
                sizes[root] = sum(resolve(part.root()) for part in joined[root].parts)
            elif root not in sizes:
                if "" not in given:
                    raise self._missing(root)
                sizes[root] = given[""]
            return sizes[root]

        every = (self.vectors, self.rows, self.columns, self.biases)
        for dimension in chain(*map(dict.values, every)):
            resolve(dimension.root())
        for one in self.joined:
            if (size := sum(resolve(p.root()) for p in one.parts)) != resolve(one.whole.root()):
                raise SettingError(
                    f"the concat on line {one.place.line} of {self.network.name} has {size:,} "
                    f"numbers and meets a vector of {sizes[one.whole.root()]:,}: give its parts "
                    "other sizes, as in --hidden 128,a=64"
                )
        for dimension in chain(*self.grids.values()):
            resolve(dimension.root())
        for dimension, call in self.headed:
            if (size := resolve(dimension.root())) % call.parts:
                raise SettingError(
                    f"{call.function} on line {call.place.line} of {self.network.name} has "
                    f"{call.parts} heads, which cannot divide {size:,} numbers: choose a size that "
                    f"is a multiple of {call.parts}"
                )
        return sizes

    def _divided(self, name: str, rows: int, columns: int) -> tuple[int, int]:
        """The sides of each block of a matrix or memory."""
        count = self._blocks(name)
        if rows % count or columns % count:
            raise SettingError(
                f"{name} is {rows} x {columns}, which {count} blocks cannot divide: choose sizes "
                f"that are multiples of {count}"
            )
        return rows // count, columns // count

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
