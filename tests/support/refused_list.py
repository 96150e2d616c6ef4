"""Equations that are refused, where and in which words."""

from typing import NamedTuple

from equations_list import HIDDEN, OUTPUT


class Invalid(NamedTuple):
    """Equations that are refused at a line and column (from 1; 0: anywhere) with these words."""

    name: str
    text: str
    line: int
    column: int
    words: tuple[str, ...]


MATRIX = "C[t] = outer(h[t], h[t])\n"


def refused(name: str, text: str, *words: str, rest: str = OUTPUT) -> Invalid:
    """A text with a ``^`` before the place that the message has to point at.

    The rest follows, unless the text has an output.
    """
    before, after = text.split("^")
    rest = "" if "softmax" in text else rest
    lines = before.splitlines() or [""]
    if before.endswith(("\n", "\r")):
        lines.append("")
    return Invalid(name, before + after + rest, len(lines), len(lines[-1]) + 1, words)


def anywhere(name: str, text: str, *words: str) -> Invalid:
    """A text where it depends on the version of Python, or matters little, where it is refused."""
    return Invalid(name, text, 0, 0, words)


INVALID = [
    # -- norm, dropout, layers
    refused("norm of a number", "h[t] = ^norm(2) * tanh(U @ x[t])\n", "norm takes a vector"),
    refused("norm of three", "h[t] = ^norm(U @ x[t], 2, 2)\n", "a number of heads or none"),
    refused("norm in half heads", "h[t] = norm(U @ x[t], ^1.5)\n", "a whole number from 1"),
    refused("norm in heads of a vector", "h[t] = norm(U @ x[t], ^s)\n", "a whole number from 1"),
    refused(
        "half a shortlist",
        "h[t] = tanh(U @ x[t])\no[t] = softmax(Q @ h[t], ^0.5)\n",
        "frequent characters",
    ),
    refused("a vector called norm", "^norm[t] = tanh(U @ x[t])\n", "choose another name"),
    refused("a bias called norm", "h[t] = tanh(U @ x[t] + ^norm)\n", "norm is a function"),
    refused("a matrix called dropout", "h[t] = tanh(^dropout @ x[t])\n", "not a matrix"),
    refused("dropping all", "h[t] = tanh(dropout(U @ x[t], ^1))\n", "from 0 to below 1"),
    refused("a rate with a name", "h[t] = tanh(dropout(U @ x[t], ^s))\n", "a rate of dropout"),
    refused("dropout of three", "h[t] = ^dropout(U @ x[t], 0, 1)\n", "a vector, and a rate"),
    refused("how many layers", "^h[l][t] = tanh(U[l] @ x[t])\n", "layers = 3", rest=""),
    refused("no layers", "^layers = 0\nh[l][t] = tanh(U[l] @ x[t])\n", "from 1 to 50"),
    refused("half a layer", "^layers = 2.5\nh[l][t] = tanh(U[l] @ x[t])\n", "a whole number"),
    refused("too many layers", "^layers = 51\nh[l][t] = tanh(U[l] @ x[t])\n", "from 1 to 50"),
    refused(
        "below the first layer",
        "layers = 2\nh[l][t] = tanh(U[l] @ x[t] + V[l] @ ^h[l-2][t])\n",
        "no layer -1",
        "0 to 2",
    ),
    refused(
        "above the last layer",
        "layers = 2\nh[l][t] = tanh(U[l] @ x[t] + V[l] @ ^h[l+1][t-1])\n",
        "no layer 3",
    ),
    refused(
        "no layer below the first",
        "layers = 2\nh[l][t] = tanh(U[l] @ x[t] + V[l] @ ^h[l-1][t])\n",
        "h0[t] is read but no equation defines it",
    ),
    refused(
        "a layer where there is none",
        "layers = 2\nh[l][t] = tanh(U[l] @ x[t])\ng[t] = ^l * h[2][t]\n",
        "here is none",
    ),
    refused(
        "one name for two",
        "layers = 11\nh[l][t] = tanh(^U[l] @ x[t] + U1[l] @ h[l][t-1])\n",
        "would both be U11",
    ),
    # -- the output
    refused("empty", "^", "no output", "softmax(Q @ h[t] + s)", rest=""),
    refused("only a comment", "^# nothing\n", "no output", rest=""),
    refused("no softmax", "^" + HIDDEN, "no output", "softmax", rest=""),
    refused(
        "two softmax", HIDDEN + OUTPUT + "p[t] = ^softmax(P @ h[t])\n", "second softmax", "line 2"
    ),
    refused("softmax inside", HIDDEN + "o[t] = 2 * ^softmax(Q @ h[t])\n", "whole right side"),
    refused(
        "two outputs, one gate",
        "g[t] = softmax(U @ x[t])\nh[t] = W @ g[t]\n" + OUTPUT + "p[t] = ^softmax(P @ h[t])\n",
        "second softmax",
    ),
    refused(
        "gate of half a head",
        "g[t] = softmax(U @ x[t], ^0.5)\nh[t] = W @ g[t]\n" + OUTPUT,
        "a whole number from 1",
    ),
    # -- numbers and longer vectors
    refused(
        "sum of a number",
        "h[t] = U @ x[t] * ^sum(2)\n".replace("U @ x[t]", "(U @ x[t])"),
        "sum takes a vector",
    ),
    refused(
        "mean in heads of a vector", "h[t] = (U @ x[t]) * mean(s, ^s)\n", "a whole number from 1"
    ),
    refused("sum of three", "h[t] = ^sum(U @ x[t], 2, 2)\n", "sum takes a vector", "sum(a[t], 4)"),
    refused(
        "sum of a number in heads", "h[t] = ^sum(2, 4) * tanh(U @ x[t])\n", "sum takes a vector"
    ),
    refused("no heads", "h[t] = mean(U @ x[t], ^0)\n", "a whole number from 1"),
    refused("dot of one", "h[t] = (U @ x[t]) * ^dot(s)\n", "dot takes two vectors"),
    refused("concat of one", "h[t] = U @ x[t] + W @ ^concat(h[t-1])\n", "two or more vectors"),
    refused("concat of a constant", "h[t] = U @ x[t] + W @ ^concat(h[t-1], 1)\n", "not constants"),
    refused("part of itself", "h[t] = ^concat(tanh(U @ x[t]), h[t-1])\n", "a part of itself"),
    refused("matrix of one number", "h[t] = U @ x[t] + ^W @ sum(h[t-1])\n", "W @ needs a vector"),
    refused("concat of the character", "h[t] = W @ concat(^x[t], h[t-1])\n", "one-hot"),
    refused(
        "vector meets matrix",
        "h[t] = U @ x[t]\nC[t] = ^h[t] * C[t-1] + outer(h[t], h[t])\n"
        "o[t] = softmax(Q @ C[t] @ h[t])\n",
        "outer(a[t], 1)",
        "for each column",
    ),
    refused("sum of a matrix", f"h[t] = U @ x[t] + ^sum(C[t-1])\n{MATRIX}", "not a matrix"),
    refused("matrix of a matrix", f"h[t] = U @ x[t] + ^W @ C[t-1]\n{MATRIX}", "not a matrix"),
    refused(
        "concat of a matrix", f"h[t] = U @ x[t] + W @ ^concat(C[t-1], s)\n{MATRIX}", "matrices"
    ),
    refused(
        "outer of a number",
        "h[t] = (U @ x[t]) * dot(s, C[t-1] @ s)\nC[t] = ^outer(h[t], 2)\n",
        "or 1 for a side of ones",
    ),
    refused("outer of one", "h[t] = (U @ x[t]) * ^outer(s)\n", "outer takes two vectors"),
    refused("read by a number", f"h[t] = U @ x[t] + ^C[t-1] @ sum(s)\n{MATRIX}", "needs a vector"),
    refused("a vector before @", "h[t] = U @ x[t] + ^h[t-1] @ h[t-2]\n", "name of a matrix"),
    refused("a bias called sum", "h[t] = sum(U @ x[t]) * ^sum\n", "sum is a function"),
    refused("softmax of two", HIDDEN + "o[t] = softmax(Q @ h[t], ^q)\n", "frequent characters"),
    refused(
        "softmax of a function", HIDDEN + "o[t] = softmax(^tanh(Q @ h[t]))\n", "sum of products"
    ),
    refused("softmax of a vector", HIDDEN + "o[t] = softmax(^h[t])\n", "sum of products"),
    refused("softmax of a number", HIDDEN + "^o[t] = softmax(1)\n", "sum of products"),
    refused("output of the character", HIDDEN + "o[t] = softmax(^Q @ x[t])\n", "hidden vectors"),
    refused("output read", OUTPUT + "h[t] = tanh(U @ x[t] + W @ ^o[t-1])\n", "o[t] is the output"),
    refused("output read before", "h[t] = U @ x[t] + ^o[t-1]\n", "o[t] is the output"),
    refused(
        "output reads itself", HIDDEN + "o[t] = softmax(Q @ h[t] + P @ ^o[t-1])\n", "the output"
    ),
    # -- vectors
    refused("undefined", HIDDEN + "o[t] = softmax(Q @ ^b[t])\n", "b[t] is read but no equation"),
    refused(
        "undefined, nearly",
        "hidden[t] = tanh(U @ x[t] + W @ ^hiden[t-1])\no[t] = softmax(Q @ hidden[t])\n",
        "hiden",
        "did you mean hidden?",
    ),
    refused(
        "two equations", HIDDEN + "^h[t] = tanh(V @ x[t])\n", "h[t] has two equations", "keep one"
    ),
    refused("output twice", HIDDEN + OUTPUT + "^o[t] = tanh(U @ x[t])\n", "o[t] has two equations"),
    refused(
        "cycle of one",
        "h[t] = tanh(U @ x[t] + W @ ^h[t])\n",
        "cycle inside one time step",
        "h[t] -> h[t]",
        "[t-1]",
    ),
    refused(
        "cycle of three",
        "a[t] = tanh(U @ x[t] + A @ h[t])\nb[t] = B @ ^a[t]\nh[t] = b[t] * b[t-1]\n",
        "a[t] -> b[t] -> h[t] -> a[t]",
        "[t-1]",
    ),
    refused(
        "never used", HIDDEN + "^b[t] = tanh(V @ h[t])\n", "b[t] never reaches the output o[t]"
    ),
    refused(
        "no character",
        "h[t] = tanh(W @ h[t-1] + s)\n^",
        "no equation reads the character",
        "U @ x[t]",
    ),
    refused("bare vector", "h[t] = tanh(U @ x[t] + ^h)\n", "h is a vector over time", "h[t-1]"),
    refused("vector as matrix", "h[t] = tanh(U @ x[t] + ^h @ h[t-1])\n", "cannot be a matrix"),
    refused(
        "redefined character",
        "^x[t] = 1\n",
        "the current character",
        "another name",
        rest=HIDDEN + OUTPUT,
    ),
    refused("redefined time", "^t[t] = 1\n", "the time", "another name", rest=HIDDEN + OUTPUT),
    refused(
        "redefined function",
        "^tanh[t] = 1\n",
        "tanh is a function",
        "another name",
        rest=HIDDEN + OUTPUT,
    ),
    # -- time
    refused("lag on the left", "^h[t-1] = tanh(U @ x[t])\n", "left side must be h[t]"),
    refused("lead on the left", "^h[t+1] = tanh(U @ x[t])\n", "left side must be h[t]"),
    refused("future", "h[t] = tanh(U @ x[t] + W @ ^h[t+1])\n", "h is read in the future", "h[t-1]"),
    refused("index without t", "h[t] = tanh(U @ x[t] + W @ h[^0])\n", "[t], [t-1] or [t-k]"),
    refused("index of two", "h[t] = tanh(U @ x[t] + W @ h[^t-1, 2])\n", "[t], [t-1] or [t-k]"),
    refused("slice", "h[t] = tanh(U @ x[t] + W @ h[^t:])\n", "[t], [t-1] or [t-k]"),
    refused("half a step", "h[t] = tanh(U @ x[t] + W @ h[^t-0.5])\n", "whole number"),
    refused("true step", "h[t] = tanh(U @ x[t] + W @ h[^t-True])\n", "whole number"),
    refused("lag by name", "h[t] = tanh(U @ x[t] + W @ h[^t-k])\n", "whole number"),
    refused("endless lag", "h[t] = tanh(U @ x[t] + W @ ^h[t-1001])\n", "a lag above 1,000"),
    refused("huge lag", f"h[t] = tanh(U @ x[t] + W @ ^h[t-{'9' * 99}])\n", "a lag above 1,000"),
    refused("time alone", "h[t] = tanh(U @ x[t] + ^t)\n", "t is the time"),
    # -- the character
    refused("bare character", "h[t] = tanh(U @ x[t] + ^x)\n", "x is a vector over time"),
    refused("element-wise character", "h[t] = tanh(U @ x[t] + ^x[t])\n", "one-hot", "U @ x[t]"),
    refused("next character", "h[t] = tanh(U @ ^x[t+1])\n", "x is read in the future"),
    refused("a character long ago", "h[t] = tanh(U @ ^x[t-1001])\n", "a lag above 1,000"),
    refused("earlier character alone", "h[t] = tanh(U @ x[t]) * ^x[t-1]\n", "one-hot", "U @ x[t]"),
    refused(
        "output of an earlier character",
        HIDDEN + "o[t] = softmax(^Q @ x[t-1])\n",
        "hidden vectors",
    ),
    # -- first values
    refused("first value of nothing", HIDDEN + "^g[0] = s\n", "g[0] is the value before the text"),
    refused("first value, nearly", HIDDEN + "^H[0] = s\n", "did you mean h?"),
    refused("first output", HIDDEN + OUTPUT + "^o[0] = 1\n", "of a hidden vector"),
    refused("two first values", HIDDEN + "h[0] = s\n^h[0] = 1\n", "h[0] is given twice"),
    refused("first value of an expression", HIDDEN + "h[0] = ^2 * s\n", "a vector to train"),
    refused("first value of a vector", HIDDEN + "h[0] = ^h[t]\n", "a vector to train or a number"),
    refused("first value never read", "^h[t] = tanh(U @ x[t])\nh[0] = h0\n", "h[0] is never read"),
    refused("first value is a matrix", HIDDEN + "h[0] = ^W\n", "W is used in two shapes"),
    refused("second value", HIDDEN + "h[^1] = 1\n", "[t], [t-1] or [t-k]"),
    refused("character as matrix", "h[t] = tanh(U @ x[t] + ^x @ h[t-1])\n", "cannot be a matrix"),
    # -- parameters and shapes
    refused(
        "matrix as bias",
        HIDDEN + "o[t] = softmax(Q @ h[t] + ^W)\n",
        "W is used in two shapes",
        "line 1",
    ),
    refused(
        "bias as matrix",
        HIDDEN + "o[t] = softmax(^s @ h[t])\n",
        "s is used in two shapes",
        "line 1",
    ),
    refused(
        "embedding as recurrence",
        "h[t] = tanh(U @ x[t] + ^U @ h[t-1])\n",
        "U is used in two shapes",
        "line 1",
    ),
    refused(
        "embedding as layer",
        "a[t] = tanh(U @ x[t])\nh[t] = tanh(^U @ a[t])\n",
        "U is used in two shapes",
        "lines 1 and 2",
        "vocabulary",
    ),
    refused(
        "hidden bias in the output",
        HIDDEN + "o[t] = softmax(Q @ h[t] + ^s)\n",
        "s is used in two shapes",
        "lines 1 and 2",
    ),
    refused(
        "output weights in a layer",
        HIDDEN + "g[t] = Q @ h[t]\no[t] = softmax(^Q @ g[t])\n",
        "Q is used in two shapes",
        "lines 2 and 3",
    ),
    refused(
        "tied the wrong way",
        HIDDEN + "o[t] = softmax(^U @ h[t])\n",
        "U is used in two shapes",
        "lines 1 and 2",
    ),
    refused(
        "vector as wide as the vocabulary",
        HIDDEN + "g[t] = ^U.T @ h[t]\no[t] = softmax(Q @ g[t])",
        "U is used in two shapes",
    ),
    refused(
        "expression as wide as the vocabulary",
        HIDDEN + "o[t] = softmax(Q @ h[t] + B @ (^B @ x[t]))\n",
        "B is used in two shapes",
    ),
    refused("matrix of a number", "h[t] = tanh(U @ x[t] + ^W @ (1 + 2))\n", "W @ needs a vector"),
    refused("transpose alone", "h[t] = tanh(U @ x[t] + ^W.T)\n", "W.T stands only before @"),
    refused("transpose of a vector", "h[t] = tanh(U @ x[t] + W @ ^h[t-1].T)\n", "only + - * / @"),
    refused(
        "function as matrix", "h[t] = tanh(U @ x[t] + ^tanh @ h[t-1])\n", "tanh is not a matrix"
    ),
    refused(
        "choice as matrix", "f = tanh\nh[t] = f(U @ x[t] + ^f @ h[t-1])\n", "f is not a matrix"
    ),
    # -- precedence
    refused(
        "factor before a product",
        "h[t] = U @ x[t] + ^h[t-1] * W @ h[t-2]\n",
        "parentheses",
        "r[t] * (W @ h[t-1])",
    ),
    refused("number before a product", "h[t] = U @ x[t] + ^2 * W @ h[t-2]\n", "parentheses"),
    refused(
        "sign before a product", "h[t] = ^-W @ h[t-1] + U @ x[t]\n", "parentheses", "-(W @ h[t-1])"
    ),
    refused(
        "product and factor",
        "h[t] = U @ x[t] + ^W @ h[t-1] * h[t-2]\n",
        "two ways",
        "(W @ v) * w or W @ (v * w)",
    ),
    refused("product and divisor", "h[t] = ^U @ x[t] / s\n", "two ways", "(W @ v) / w"),
    refused("product of vectors", "h[t] = U @ x[t] + (W @ ^h[t-1]) @ h[t-2]\n", "name of a matrix"),
    refused("sum of matrices", "h[t] = U @ x[t] + (^V + W) @ h[t-1]\n", "name of a matrix"),
    # -- functions and choices
    refused(
        "unknown function", "h[t] = ^cosh(U @ x[t])\n", "unknown function cosh", "tanh", "sigmoid"
    ),
    refused("nearly a function", "h[t] = ^sigmod(U @ x[t])\n", "did you mean sigmoid?"),
    refused("two arguments", "h[t] = ^tanh(U @ x[t], s)\n", "tanh takes one argument"),
    refused("no argument", "h[t] = ^tanh() + U @ x[t]\n", "tanh takes one argument"),
    refused("named argument", "h[t] = ^tanh(z=U @ x[t])\n", "tanh takes one argument"),
    refused("starred argument", "h[t] = ^tanh(*s) + U @ x[t]\n", "tanh takes one argument"),
    refused("function alone", "h[t] = ^tanh * (U @ x[t])\n", "tanh is a function", "tanh(...)"),
    refused("unknown choice", "f = ^sinh\nh[t] = f(U @ x[t])\n", "unknown function sinh", "tanh"),
    refused("choice given twice", "f = tanh\n^f = relu\nh[t] = f(U @ x[t])\n", "f is given twice"),
    refused("choice never used", "^f = tanh\n", "f is never used", rest=HIDDEN + OUTPUT),
    refused(
        "number never used", "^alpha = 0.5\nh[t] = aplha * (U @ x[t])\n", "alpha is never used"
    ),
    refused("choice and vector", "h = tanh\n^h[t] = h(U @ x[t])\n", "h is a choice"),
    refused(
        "choice of a function's name", "^relu = tanh\n", "relu is a function", rest=HIDDEN + OUTPUT
    ),
    refused("vector without index", "h = ^tanh(U @ x[t])\n", "h[t] = ..."),
    # -- initialisers
    refused("start of nothing", HIDDEN + OUTPUT + "^V: identity\n", "V is no parameter"),
    refused(
        "unknown start", HIDDEN + OUTPUT + "W: ^zeros\n", "identity, orthogonal, normal, uniform"
    ),
    refused("two starts", HIDDEN + OUTPUT + "W: identity\n^W: normal\n", "W is initialised twice"),
    refused("start without number", HIDDEN + OUTPUT + "W: identity(^a)\n", "takes one number"),
    refused(
        "square start of a vector",
        HIDDEN + OUTPUT + "^s: identity\n",
        "s is a vector",
        "constant(0)",
    ),
    refused("negative width", HIDDEN + OUTPUT + "W: uniform(^-1)\n", "cannot be negative"),
    refused("start and value", HIDDEN + OUTPUT + "W: ^identity = 1\n", "W: blocks(4) = orthog"),
    refused("start of no name", HIDDEN + OUTPUT + "W: ^2 = 1\n", "this is neither diagonal nor"),
    # -- structured matrices
    refused("no count of blocks", HIDDEN + OUTPUT + "W: ^blocks\n", "a whole number n from 1"),
    refused("half a block", HIDDEN + OUTPUT + "W: ^blocks(1.5)\n", "a whole number n from 1"),
    refused("no blocks", HIDDEN + OUTPUT + "W: ^blocks(0)\n", "a whole number n from 1"),
    refused("blocks by a vector", HIDDEN + OUTPUT + "W: ^blocks(s)\n", "a whole number n from 1"),
    refused("blocks of no memory", "^" + HIDDEN + OUTPUT + "h: blocks(2)\n", "h is no matrix"),
    refused(
        "a diagonal memory",
        "h[t] = tanh(U @ x[t] + C[t-1] @ h[t-1])\n" + MATRIX + "^C: diagonal\n",
        "C changes over time and cannot be diagonal",
    ),
    refused(
        "memories of other blocks",
        "h[t] = tanh(U @ x[t] + C[t-1] @ h[t-1])\nD[t] = outer(h[t], h[t])\nD: blocks(2)\n"
        "C[t] = ^D[t-1] + outer(h[t], h[t])\n",
        "D has 2 blocks and C 1",
        "C: blocks(2)",
    ),
    refused("a diagonal of", HIDDEN + OUTPUT + "W: ^diagonal(2)\n", "a whole number n from 1"),
    refused("start of blocks", HIDDEN + OUTPUT + "W: blocks(2) = ^2\n", "takes one of identity"),
    refused("two structures", HIDDEN + OUTPUT + "W: blocks(2)\n^W: diagonal\n", "keep one line"),
    refused(
        "an orthogonal diagonal", HIDDEN + OUTPUT + "^W: diagonal = orthogonal\n", "identity(1)"
    ),
    refused("blocks of a vector", HIDDEN + OUTPUT + "^s: blocks(2)\n", "no matrix of these"),
    refused("blocks of nothing", HIDDEN + OUTPUT + "^w: blocks(2)\n", "did you mean W"),
    refused("blocks of characters", HIDDEN + OUTPUT + "^U: blocks(2)\n", "for every character"),
    refused("a diagonal output", HIDDEN + OUTPUT + "^Q: diagonal\n", "for every character"),
    refused(
        "start twice", HIDDEN + OUTPUT + "W: diagonal = normal\n^W: uniform\n", "is initialised"
    ),
    refused(
        "a diagonal of a number",
        "h[t] = tanh(U @ x[t] + ^W @ sum(V @ h[t-1]))\nW: diagonal\n" + OUTPUT,
        "W @ needs a vector, not a number",
    ),
    # -- numbers
    refused("division by zero", "h[t] = tanh(U @ x[t]) + ^1 / (2 - 2)\n", "division by zero"),
    refused("too large", "h[t] = tanh(U @ x[t]) + ^1e300\n", "too large"),
    refused("infinite", "h[t] = tanh(U @ x[t]) - ^1e999\n", "too large"),
    refused("too large together", "h[t] = tanh(U @ x[t]) + ^1e200 * 1e200\n", "too large"),
    refused("complex", "h[t] = U @ x[t] + ^1j\n", "only + - * / @"),
    refused("boolean", "h[t] = U @ x[t] + ^True\n", "only + - * / @"),
    # -- not equations at all
    refused("plain words", "recurrence ^equations", "cannot be read", "name[t] = expression"),
    refused("a product without @", "h[t] = tanh(^U x[t])\n", "cannot be read", "@"),
    refused("round index", "^h(t) = tanh(U @ x[t])\n", "cannot be read", "name[t] = expression"),
    refused("open parenthesis", "h[t] = tanh^(U @ x[t]\n", "'(' was never closed"),
    anywhere("indented", "  " + HIDDEN + OUTPUT, "unexpected indent"),
    refused("times sign", "h[t] = tanh(U ^× x[t])\n", "× cannot be read: type *"),
    refused("after wide characters", "状态[t] = tanh(U @ x[t]) + ^一个[t]\n", "一个[t]"),
    refused("after tabs", "h[t]\t=\tU @ x[t] + ^b[t]\n", "b[t]"),
    refused("after Windows line ends", "# one\r\n\r\nh[t] = U @ x[t] + ^b[t]\r\n", "b[t]"),
    refused("power of a vector", "h[t] = (U @ x[t]) ** ^h[t-1]\n", "an exponent is a number"),
    refused("power of a parameter", "h[t] = 2 ** (^s) * (U @ x[t])\n", "exp(b * log(a))"),
    refused("power of 0", "h[t] = ^(U @ x[t]) ** 0\n", "a power of 0 is 1"),
    refused("power that is none", "h[t] = U @ x[t] + ^(-2) ** 0.5\n", "no finite number"),
    refused("power that is infinite", "h[t] = U @ x[t] + ^0 ** -1\n", "no finite number"),
    refused("logarithm of 0", "h[t] = U @ x[t] + ^log(1 - 1)\n", "no finite number"),
    refused("root of a negative number", "h[t] = U @ x[t] + ^sqrt(-1)\n", "no finite number"),
    refused("largest of one", "h[t] = ^max(U @ x[t])\n", "max takes two arguments", "max(a[t], 0)"),
    refused("smallest of three", "h[t] = ^min(U @ x[t], s, 1)\n", "min(a[t], min(b, 1))"),
    refused("largest by name", "h[t] = ^max(U @ x[t], b=s)\n", "max takes two arguments"),
    refused("largest of a star", "h[t] = ^max(U @ x[t], *s)\n", "max takes two arguments"),
    refused("choice of max", "f = ^max\nh[t] = f(U @ x[t])\n", "max cannot be a choice", "exp"),
    refused("max called and defined", "h[t] = max(U @ x[t], 0)\n^max[t] = 1\n", "a function"),
    refused("exp called and bare", "h[t] = exp(U @ x[t]) * ^exp\n", "exp is a function"),
    refused("log of two", "h[t] = ^log(U @ x[t], 2)\n", "log takes one argument"),
    refused("remainder", "h[t] = ^(U @ x[t]) % 2\n", "only + - * / @"),
    refused("comparison", "h[t] = ^U @ x[t] > 0\n", "no derivative", "max(a, b)", "relu(z)"),
    refused("comparison of two", "h[t] = (^s <= h[t-1]) * (U @ x[t])\n", "no derivative"),
    refused("string", "h[t] = ^'\\d'\n", "only + - * / @"),
    refused("comprehension", "h[t] = ^[U @ x[t] for t in k]\n", "only + - * / @"),
    refused("lambda", "h[t] = ^lambda t: t\n", "only + - * / @"),
    refused("walrus", "h[t] = (^k := 1)\n", "only + - * / @"),
    refused("await", "h[t] = ^await x[t]\n", "only + - * / @"),
    refused("attribute call", "h[t] = ^s.tanh()\n", "only + - * / @"),
    refused(
        "import", "^import os\n", "not an equation", "name[t] = expression", rest=HIDDEN + OUTPUT
    ),
    refused("escape", "h[t] = ^__import__('os').system('true')\n", "only + - * / @"),
    refused("escape by name", "h[t] = ^__import__('os')\n", "unknown function __import__"),
    refused("dunder chain", "h[t] = ^().__class__.__base__\n", "only + - * / @"),
    refused(
        "function definition", "^def f(t):\n    return t\n", "not an equation", rest=HIDDEN + OUTPUT
    ),
    refused("loop", "^for t in k:\n    h[t] = 1\n", "not an equation"),
    refused("chained", "^g[t] = h[t] = U @ x[t]\n", "not an equation"),
    refused("augmented", "^h[t] += U @ x[t]\n", "not an equation"),
    refused("tuple", "^h[t], g[t] = 1, 2\n", "not an equation"),
    refused("attribute", "^h.a = 1\n", "not an equation", rest=HIDDEN + OUTPUT),
    refused("index of an index", "^h[t][t] = 1\n", "left side must be name[t]"),
    refused("equality", "^h[t] == U @ x[t]\n", "not an equation"),
    refused("annotated vector", "^h[t]: int = 1\n", "not an equation"),
    refused("delete", HIDDEN + "^del h[t]\n", "not an equation"),
    anywhere("a null byte", "h[t]\0 = 1\n" + OUTPUT),
    refused("a lone surrogate", "^h[t] = \ud800\n", "not a text of equations"),
    refused("a byte-order mark", "^\ufeff", "cannot be read", rest=HIDDEN + OUTPUT),
    refused("a colour for the terminal", "h[t] = ^\x1b[31m\n", "cannot be read"),
    # -- hostile sizes
    anywhere("5,000 digits", f"h[t] = tanh(U @ x[t]) + {'9' * 5000}\n" + OUTPUT, "cannot be read"),
    anywhere("5,000 hexadecimal digits", f"h[t] = 0x{'f' * 5000}\n" + OUTPUT, "too large"),
    anywhere("5,000 nested parentheses", f"h[t] = {'(' * 5000}1{')' * 5000}\n", "too many nested"),
    anywhere("5,000 open parentheses", "h[t] = " + "(" * 5000, "too many nested"),
    anywhere(
        "150 functions", f"h[t] = {'tanh(' * 150}U @ x[t]{')' * 150}\n" + OUTPUT, "too deeply"
    ),
    anywhere("200,000 operators", "h[t] = 1" + " + 1" * 200_000, "longer than 100,000 characters"),
    anywhere(
        "40,000 operators", "h[t] = 1" + "+1" * 40_000, "nested too deeply", "several equations"
    ),
    anywhere("50,000 signs", "h[t] = " + "-" * 50_000 + "s\n" + OUTPUT, "nested too deeply"),
    anywhere("900 matrices", "h[t] = " + "A @ " * 900 + "h[t-1]\n" + OUTPUT, "nested too deeply"),
    anywhere("20,000 matrices", "h[t] = " + "A @ " * 20_000 + "h[t-1]\n", "nested too deeply"),
    anywhere(
        "500 equations",
        "".join(f"h{i}[t] = W @ h{i}[t-1]\n" for i in range(500)) + OUTPUT,
        "line 301",
        "more than 300 vectors",
    ),
    anywhere(
        "500 products of expressions",
        "".join(f"h{i}[t] = {'W @ (s + ' * 50}s{')' * 50}\n" for i in range(10)) + OUTPUT,
        "line 6",
        "more than 300 vectors",
    ),
    anywhere("500 targets", " = ".join(f"h{i}[t]" for i in range(500)) + " = s", "not an equation"),
    anywhere("10 MB in a line", "x" * 10_000_000, "longer than 100,000 characters"),
    anywhere("a million lines", "\n" * 1_000_000, "longer than 100,000 characters"),
]
