"""Networks at random, as text: valid by construction, whatever corner of the language they meet."""

import re
from dataclasses import dataclass

from hypothesis import strategies as st

from recurra.lang.functions import FUNCTIONS
from recurra.lang.syntax import ROW_FUNCTIONS

# Vectors that meet element-wise are of one kind, and a kind has one size.
SIZES = {"m": 3, "n": 4}
LOW_RANK = 2
# Matrices that map a kind to itself: H of blocks, G diagonal. Memories: S; T, of blocks.
BLOCKS = {"m": 1, "n": 2}  # they divide the rank too; and so many heads has a vector
POSITIVE = ("log", "sqrt")  # functions of positive numbers
# Functions that any number suits, however often they are nested.
ANYWHERE = sorted(FUNCTIONS.keys() - {"exp", *POSITIVE})


def sizes(text: str) -> dict[str, int]:
    """Hidden sizes for a text of `networks`: a vector's name begins with its kind."""
    vectors = re.findall(r"^([mn]\d)\[t\] =", text, re.MULTILINE)
    return {"": LOW_RANK} | {name: SIZES[name[0]] for name in vectors}


@st.composite
def networks(draw: st.DrawFn, *, structured: bool = False) -> str:
    """The text of a network of 1 to 4 vectors, its equations in any order.

    A structured one may have memories and matrices of blocks too.

    Lags from 0 to 3; matrices shared, transposed and tied to the output; parameters used
    element-wise; nested functions; the larger of two; powers; logarithms of exponentials; products
    of expressions and of products; low-rank chains; diagonals; constants with and without a name;
    earlier characters; first values; several products in the output.
    """
    names = [f"{kind}{i}" for i, kind in enumerate(draw(st.text("mn", min_size=1, max_size=4)))]
    choices = {
        "f": draw(st.sampled_from(ANYWHERE)),
        "c": draw(st.sampled_from(["1", "3", "0.5", "-1"])),
    }
    lines, reads = {}, {}
    for i, name in enumerate(names):
        # earlier vectors may be read today, all of them on other days: no cycle within a step
        write = _Writer(draw, names, today=names[:i], structured=structured)
        inner = write.expression(name[0], depth=3)
        if i == 0 or draw(st.booleans()):
            inner += f" + U0{name[0]} @ x[t]"
        form = draw(
            st.sampled_from(["{}", "{}", "0.5 * {} + {n}[t-1] / 2", "0.5 * ({} - {n}[t-2])"])
        )
        bounded = draw(st.sampled_from(["tanh", "sigmoid", "softsign"]))
        lines[name] = form.format(f"{bounded}({inner})", n=name)
        reads[name] = set(re.findall(r"\b([mn]\d)\[", lines[name]))
    write = _Writer(draw, names, today=names, structured=structured)
    logits, reached = [], set[str]()
    for name in reversed(names):
        if name not in reached or draw(st.booleans()):
            logits.append(write.output(name))
            fresh = {name}
            while fresh:
                reached |= fresh
                fresh = set.union(*(reads[n] for n in fresh)) - reached
    logits += draw(st.sampled_from([[], ["q0"], ["q0", "q1"]]))
    equations = [f"{name}[t] = {right}" for name, right in lines.items()]
    everything = " ".join([*lines.values(), *logits])
    lagged = [name for name in names if f"{name}[t-" in everything and draw(st.booleans())]
    firsts = (draw(st.sampled_from(["0.5", f"p0{name[0]}", "c"])) for name in lagged)
    equations += [f"{name}[0] = {first}" for name, first in zip(lagged, firsts, strict=True)]
    equations += [
        line for memory in "ST" if f"{memory}[" in everything for line in write.memory(memory)
    ]
    everything = " ".join([everything, *equations])
    equations += [f"{w}: diagonal" for w in ("Gm", "Gn") if re.search(rf"\b{w}\b", everything)]
    equations += [
        f"H{k}: blocks({n})" for k, n in BLOCKS.items() if re.search(rf"\bH{k}\b", everything)
    ]
    equations.append(f"o[t] = softmax({' + '.join(draw(st.permutations(logits)))})")
    text = "\n".join(draw(st.permutations(equations))) + "\n"
    used = [f"{n} = {value}\n" for n, value in choices.items() if re.search(rf"\b{n}\b", text)]
    return "".join(used) + text


@dataclass
class _Writer:
    """Expressions of one equation; parentheses are left out wherever the text stays valid."""

    draw: st.DrawFn
    names: list[str]
    today: list[str]
    structured: bool

    def one_of(self, *texts: str) -> str:
        return self.draw(st.sampled_from(texts))

    def expression(self, kind: str, depth: int) -> str:
        leaves = [self.vector, self.parameter, self.embedding]
        nodes = [self.vector, self.sum, self.factors, self.call, self.product, self.beside_number]
        return self.draw(st.sampled_from(nodes if depth else leaves))(kind, depth - 1)

    def factor(self, kind: str, depth: int) -> str:
        text = self.expression(kind, depth)
        return f"({text})" if "@" in text or self.draw(st.booleans()) else text

    def vector(self, kind: str, depth: int = 0) -> str:
        reads = [f"{n}[t-{lag}]" for n in self.names if n[0] == kind for lag in (1, 2, 3)]
        reads += [f"{n}[t]" for n in self.today if n[0] == kind]
        return self.one_of(*reads) if reads else self.parameter(kind)

    def parameter(self, kind: str, depth: int = 0) -> str:
        return self.one_of(f"p0{kind}", f"p1{kind}")

    def embedding(self, kind: str, depth: int = 0) -> str:
        matrix = self.one_of(f"U0{kind}", f"U1{kind}", f"Q{kind}.T", f"A{kind} @ C")
        return f"{matrix} @ x[{self.one_of('t', 't', 't-1', 't-2')}]"

    def product(self, kind: str, depth: int) -> str:
        other = self.one_of("m", "n")
        operand = self.vector(other)
        if self.draw(st.booleans()):
            operand = f"({self.expression(other, max(depth, 0))})"
        shared = f"W{kind}{other}", f"W{other}{kind}.T"
        low_rank = f"A{kind} @ B{other}", f"B{kind}.T @ A{other}.T"
        joined = f"K{kind} @ concat({self.vector('m')}, {self.vector('n')}, {self.number(0)})"
        chain = f"A{kind} @ tanh(B{other} @ {operand})"
        plain = f"{self.one_of(*shared, *low_rank)} @ {operand}"
        return self.one_of(plain, joined, chain, *self.structures(kind))

    def structures(self, kind: str) -> list[str]:
        m, n, own = self.vector("m"), self.vector("n"), self.factor(kind, 0)
        diagonal = [f"G{kind} @ ({own})", f"G{kind}.T @ {self.vector(kind)}"]
        if not self.structured:
            return diagonal
        memories = {
            "m": [f"S[t-1] @ {n}", f"S[t-2] @ tanh({n} * p0n)"],
            "n": [f"S[t-1].T @ {m}", f"T[t-1] @ {n}", f"T[t-1].T @ {n}", f"tanh(T[t-2] @ {n})"],
        }
        return [*diagonal, f"H{kind} @ ({own})", f"H{kind}.T @ {own}", *memories[kind] * 2]

    def memory(self, name: str) -> list[str]:
        m, n, number = self.vector("m"), self.vector("n"), self.number(0)
        if name == "S":
            form = self.one_of(
                f"sigmoid({number}) * S[t-1] + outer({m}, {n})",
                f"tanh(outer({m}, 1) * S[t-2] - outer({m}, {self.factor('n', 0)}) * c)",
                f"outer(1, sigmoid({n})) * S[t-1] + outer({m} - S[t-1] @ {n}, {n}) / 2",
            )
            return [f"S[t] = {form}"]
        gate = f"sigmoid(F @ {n} + a)"
        form = self.one_of(
            f"{gate} * T[t-1] + outer({n}, p0n * {self.vector('n')})",
            f"outer({n}, 1) * tanh({gate} * T[t-1] - {number} / 9) + {gate} * outer({n}, 1)",
        )
        return [f"T[t] = {form}", f"T: blocks({BLOCKS['n']})"]

    def sum(self, kind: str, depth: int) -> str:
        left = self.draw(st.sampled_from([self.expression, self.factor]))(kind, depth)
        left = self.one_of(left, left, "1", "c", "0.5 - 1")
        right = self.factor(kind, depth)
        return f"{left} {self.one_of('+', '-')} {right}"

    def factors(self, kind: str, depth: int) -> str:
        left, right = self.factor(kind, depth), self.factor(kind, depth)
        return self.one_of(
            f"{left} * {right}",
            f"{left} / 2",
            f"{left} / (1 + softplus({right}))",
            f"0.5 * {right}",
            f"c * {right} / 4",
            f"gelu(0.5) * {right}",
        )

    def call(self, kind: str, depth: int) -> str:
        name = self.one_of("f", *ANYWHERE)
        inner = self.expression(kind, depth)
        return self.one_of(
            f"{name}({inner})",
            f"{self.one_of('max', 'min')}({inner}, {self.one_of('0.1', self.vector(kind))})",
            f"tanh({inner}) ** {self.one_of('2', '3', '4')}",
            f"(1.5 + sin({inner})) ** {self.one_of('-1', '0.5', '2.5', '-2')}",
            f"exp(-abs({inner}))",
            f"log({self.one_of('1.5 + cos', '1 + exp', 'sigmoid', '1 - sigmoid')}({inner}))",
            f"log(exp({inner}) + exp({self.vector(kind)}))",
            f"sqrt(0.5 + ({inner}) ** 2)",
            f"-{self.factor(kind, depth)}",
            f"{self.one_of('norm', 'softmax')}({self.vector(kind)} + {self.embedding(kind)})",
            f"{self.one_of(*ROW_FUNCTIONS)}({self.factor(kind, 0)} + {self.embedding(kind)}, "
            f"{BLOCKS[kind]})",
        )

    def number(self, depth: int) -> str:
        """One number at every time step."""
        kind = self.one_of("m", "n")
        inner = self.expression(kind, max(depth, 0))
        return self.one_of(
            f"sum({inner})",
            f"mean({inner})",
            f"dot({self.vector(kind)}, {self.factor(kind, 0)})",
            f"sigmoid(mean({inner}) + b0)",
        )

    def beside_number(self, kind: str, depth: int) -> str:
        number = self.number(depth - 1)
        # with a look-up it is no number itself, whatever else it reads
        vector = f"({self.factor(kind, depth)} + {self.embedding(kind)})"
        return self.one_of(
            f"{number} * {vector}", f"{vector} - {number}", f"{vector} / (2 + softplus({number}))"
        )

    def output(self, name: str) -> str:
        kind = name[0]
        operand = self.one_of(
            *[f"{name}[t{lag}]" for lag in ("", "", "", "-1", "-3")],
            f"({name}[t-1] * {name}[t])",
            f"(W{kind}{kind} @ {name}[t] - p0{kind})",
        )
        matrix = self.one_of(f"Q{kind}", f"R{kind}", f"U0{kind}.T", f"D @ B{kind}")
        return f"{matrix} @ {operand}"
