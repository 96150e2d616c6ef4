"""A network's forward pass in PyTorch or JAX, from its plan; their autograd does the rest.

Written once for both, so that every network, a user's own too, meets rivals in their strong form:
products that need not wait for time are done for all time steps at once, those that share an
operand are stacked into one, and look-ups are gathered beforehand. `plain` leaves all that out
and computes equation by equation inside the time loop, as a network is usually typed.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from recurra.compute.autodiff import Constant, ParameterValue, Read, SumValue, Temporary
from recurra.compute.plan import Block, Plan, Stage, Sum, Term

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Library:
    """What an array library calls things.

    Attributes:
        functions: element-wise functions by their names in equations, operators where * and the
            like would not do.
        concatenate: arrays, axis -> array.
        stack: arrays -> array, along a new first axis.
        split: array, sizes -> arrays, along the last axis.
        broadcast: array, shape -> array.
        linear: operand (..., n), matrix (m, n), base or None -> base + operand @ matrix.T.
        loop: body, carry, arrays over time -> carry, outputs over time; as jax.lax.scan.
    """

    functions: dict[str, Callable[[Any], Any]]
    concatenate: Callable[..., Any]
    stack: Callable[..., Any]
    split: Callable[..., Any]
    broadcast: Callable[..., Any]
    linear: Callable[..., Any]
    loop: Callable[..., Any]


@dataclass(frozen=True)
class Group:
    """Products of one operand, done as one: (sum, term) each."""

    vector: str
    lag: int
    members: tuple[tuple[str, Term], ...]

    @property
    def label(self) -> str:
        name, term = self.members[0]
        return f"{name} + {term.matrix} @ {_label(self.vector, self.lag)}"


def plain(plan: Plan) -> Plan:
    """The same network with all its equations in one time loop."""

    def inside(total: Sum) -> Sum:
        return replace(total, terms=tuple(replace(t, hoisted=False) for t in total.terms))

    stages = (replace(s, sums=tuple(map(inside, s.sums))) for s in plan.stages.values())
    return replace(plan, blocks=(Block(tuple(stages), recurrent=True),))


class Walk:
    """The forward pass of a plan with an array library, its products stacked or one by one."""

    def __init__(self, plan: Plan, library: Library, stacked: bool = True) -> None:
        self.plan, self.library, self.stacked = plan, library, stacked
        self.functions = OPERATORS | library.functions
        totals = plan.sums.values()
        self.lookups = tuple(dict.fromkeys(m for total in totals for m in total.lookups))
        self.outside = {t.vector for total in totals for t in total.terms if t.hoisted}
        for block in plan.blocks:
            own = {stage.vector for stage in block.stages}
            self.outside |= {r.vector for s in block.stages for r in s.reads} - own
        # vector -> the groups of products inside the time loop that its stage is first to need
        self.inside: dict[str, list[Group]] = {}
        for block in plan.blocks:
            first = {s.name: stage.vector for stage in block.stages for s in stage.sums}
            for group in self._groups((s for g in block.stages for s in g.sums), hoisted=False):
                self.inside.setdefault(first[group.members[0][0]], []).append(group)

    def _groups(self, sums: Iterable[Sum], hoisted: bool) -> list[Group]:
        members: dict[tuple[str, ...], list[tuple[str, Term]]] = {}
        for total in sums:
            for term in total.terms:
                if term.hoisted == hoisted:
                    apart = () if self.stacked else (total.name, term.matrix)
                    key = (term.vector, str(term.lag), *apart)
                    members.setdefault(key, []).append((total.name, term))
        return [Group(key[0], int(key[1]), tuple(found)) for key, found in members.items()]

    def __call__(self, p: Arrays, rows: Arrays, state: Arrays) -> tuple[Any, Arrays]:
        """Logits (T, B, V) and the next state.

        Args:
            p: parameters.
            rows: looked-up matrix -> its rows for the text, (T, B, n).
            state: vector -> (lags, B, n), oldest first.
        """
        length, streams, _ = next(iter(rows.values())).shape
        vectors: Arrays = {}
        following: Arrays = {}
        for block in self.plan.blocks:
            given = self._given(block, p, rows, vectors, length)
            if block.recurrent:
                names = [stage.vector for stage in block.stages]
                past = {
                    name: tuple(state[name][i] for i in range(self.plan.state[name]))
                    for name in names
                    if name in state
                }
                carry, values = self._loop(block, p, past, given, (length, streams))
                following |= {name: self.library.stack(last) for name, last in carry.items()}
            else:
                values = self._stages(block, p, {}, {}, given)
            for name, value in values.items():
                if name in state:
                    value = self.library.concatenate((state[name], value), 0)
                    following.setdefault(name, value[length:])
                vectors[name] = value
        (logits,) = self._hoisted([self.plan.logits], p, rows, vectors, length).values()
        return logits, following

    # -- all time steps at once

    def _hoisted(
        self, sums: list[Sum], p: Arrays, rows: Arrays, vectors: Arrays, length: int
    ) -> Arrays:
        """The part of sums that needs no time loop."""
        result: Arrays = {}
        for total in sums:
            addends = [rows[m] for m in total.lookups] + [p[b] for b in total.biases]
            if addends:
                result[total.name] = sum(addends[1:], addends[0])
        for group in self._groups(sums, hoisted=True):
            operand = self._lagged(group.vector, group.lag, vectors, length)
            base = self._base(group, result)
            self._multiply(group, operand, self._weights(group, p), base, result)
        return result

    def _given(self, block: Block, p: Arrays, rows: Arrays, vectors: Arrays, length: int) -> Arrays:
        """What a block knows before its loop: hoisted sums, and earlier vectors that it reads."""
        given = self._hoisted([s for g in block.stages for s in g.sums], p, rows, vectors, length)
        own = {stage.vector for stage in block.stages}
        for read in (r for stage in block.stages for r in stage.reads if r.vector not in own):
            given[_label(read.vector, read.lag)] = self._lagged(
                read.vector, read.lag, vectors, length
            )
        return given

    def _lagged(self, vector: str, lag: int, vectors: Arrays, length: int) -> Any:
        start = self.plan.lags[vector] - lag
        return vectors[vector][start : start + length]

    # -- products

    def _weights(self, group: Group, p: Arrays) -> tuple[Any, list[int]]:
        """The group's matrices as one, and how many rows each has."""
        found = [p[t.matrix].T if t.transposed else p[t.matrix] for _, t in group.members]
        whole = self.library.concatenate(found, 0) if len(found) > 1 else found[0]
        return whole, [matrix.shape[0] for matrix in found]

    def _base(self, group: Group, sums: Arrays) -> Any:
        """What the group's product is added to: its sums side by side, if all are there, alike."""
        names = [name for name, _ in group.members]
        found = [sums[name] for name in dict.fromkeys(names) if name in sums]
        if len(found) < len(names) or len({f.ndim for f in found}) > 1:
            return None
        return self.library.concatenate(found, -1) if len(found) > 1 else found[0]

    def _multiply(
        self, group: Group, operand: Any, weights: tuple[Any, list[int]], base: Any, sums: Arrays
    ) -> None:
        """Add a group's product to its sums; base holds them side by side, unless it is None."""
        matrix, sizes = weights
        product = self.library.linear(operand, matrix, base)
        pieces = self.library.split(product, sizes) if len(sizes) > 1 else (product,)
        for (name, _), piece in zip(group.members, pieces, strict=True):
            sums[name] = piece if base is not None or name not in sums else sums[name] + piece

    # -- one time step, or all of them where nothing recurs

    def _loop(
        self, block: Block, p: Arrays, past: Arrays, given: Arrays, extent: tuple[int, int]
    ) -> tuple[Arrays, Arrays]:
        """The last values of vectors that recur, and over time those that are read elsewhere."""
        for total in (total for stage in block.stages for total in stage.sums):
            if total.name in given and given[total.name].ndim == 1:
                bias = given[total.name]
                given[total.name] = self.library.broadcast(bias, (*extent, bias.shape[0]))
        weights = {}
        for group in (g for stage in block.stages for g in self.inside.get(stage.vector, ())):
            weights[group.label] = self._weights(group, p)
            base = self._base(group, given)
            if base is not None:
                given[group.label] = base
                for name, _ in group.members:
                    del given[name]

        def body(past, u):  # no annotations: torch.compile would evaluate them
            now = self._stages(block, p, past, weights, u)
            past = {name: (*values[1:], now[name]) for name, values in past.items()}
            return past, {name: value for name, value in now.items() if name in self.outside}

        return self.library.loop(body, past, given, extent[0])

    def _stages(self, block: Block, p: Arrays, past: Arrays, weights: Arrays, u: Arrays) -> Arrays:
        now: Arrays = {}
        sums = dict(u)

        def read(vector, lag):
            if lag == 0 and vector in now:
                return now[vector]
            return past[vector][-lag] if lag and vector in past else u[_label(vector, lag)]

        for stage in block.stages:
            for group in self.inside.get(stage.vector, ()):
                operand, base = read(group.vector, group.lag), u.get(group.label)
                self._multiply(group, operand, weights[group.label], base, sums)
            now[stage.vector] = self._element(stage, p, read, sums)
        return now

    def _element(
        self, stage: Stage, p: Arrays, read: Callable[[str, int], Any], sums: Arrays
    ) -> Any:
        """The element-wise part of an equation."""
        results: list[Any] = []

        def value(of):
            match of:
                case Temporary(index):
                    return results[index]
                case SumValue(name):
                    return sums[name]
                case Read(vector, lag):
                    return read(vector, lag)
                case ParameterValue(name):
                    return p[name]
                case Constant(number):
                    return number
            raise AssertionError(of)

        for operation in stage.element.forward:
            function = self.functions[operation.kind]
            results.append(function(*map(value, operation.arguments)))
        return value(stage.element.value)


OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "negative": operator.neg,
}


def _label(vector: str, lag: int) -> str:
    return f"{vector}[t-{lag}]"
