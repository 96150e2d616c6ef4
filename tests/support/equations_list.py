"""One list of equations for all that read them; what is refused stands in `refused_list`."""

from typing import NamedTuple

import pytest

from recurra.lang.library import library


class Valid(NamedTuple):
    """Equations that every engine has to get right; the name says what is special about them."""

    name: str
    text: str


# Networks of the library that are tested on every engine: each costs seconds of compiling.
COMPILED = (
    *("glstm", "gru", "gru2", "indrnn", "irnn", "lag2", "large", "lstm", "mgu", "rnn", "rnn2"),
    *("scrn", "tied", "wrnn", "slstm", "rwkv4", "qrnn"),
)

# For what is as true of one as of another: the short suite sees a third of the library.
LIBRARY = [
    pytest.param(name, marks=[] if i % 3 == 1 else pytest.mark.long)
    for i, name in enumerate(library())
]

HIDDEN = "h[t] = tanh(U @ x[t] + W @ h[t-1] + s)\n"
OUTPUT = "o[t] = softmax(Q @ h[t] + q)\n"

VALID = [
    Valid("feed-forward", "h[t] = tanh(U @ x[t] + s)\n" + OUTPUT),
    Valid("no biases", "h[t] = tanh(U @ x[t] + W @ h[t-1])\no[t] = softmax(Q @ h[t])\n"),
    Valid("several biases", "h[t] = tanh(U @ x[t] + r + s)\no[t] = softmax(q1 + Q @ h[t] + q2)\n"),
    Valid("bigrams: no hidden vector", "o[t] = softmax(Q @ (U @ x[t]) + q)\n"),
    Valid("output first", OUTPUT + HIDDEN),
    Valid("output reads a lag", HIDDEN + "o[t] = softmax(Q @ h[t] + R @ h[t-2] + q)\n"),
    Valid("output reads only a lag", HIDDEN + "o[t] = softmax(Q @ h[t-1] + q)\n"),
    Valid("output reads an expression", HIDDEN + "o[t] = softmax(Q @ (h[t] * h[t-1] + 1) + q)\n"),
    Valid("output through a low rank", HIDDEN + "o[t] = softmax(A @ B @ h[t] + q)\n"),
    Valid("output reads one vector twice", HIDDEN + "o[t] = softmax(Q @ h[t] + R @ h[t] + q)\n"),
    Valid("one matrix twice in the output", HIDDEN + "o[t] = softmax(Q @ h[t] + Q @ h[t-1] + q)\n"),
    Valid(
        "one bias hidden and shared",
        "a[t] = tanh(U @ x[t] + s)\nh[t] = sigmoid(V @ a[t] + s) + s * a[t]\n" + OUTPUT,
    ),
    Valid("lag 3 alone", "h[t] = tanh(U @ x[t] + W @ h[t-3] + s)\n" + OUTPUT),
    Valid(
        "lags 1 to 3",
        "h[t] = tanh(U @ x[t] + W1 @ h[t-1] + W2 @ h[t-2] + W3 @ h[t-3] + s)\n" + OUTPUT,
    ),
    Valid("one matrix at two lags", "h[t] = tanh(U @ x[t] + W @ h[t-1] + W @ h[t-2])\n" + OUTPUT),
    Valid("element-wise lags", "h[t] = tanh(U @ x[t] + u * h[t-1] - v * h[t-2] / 2)\n" + OUTPUT),
    Valid("one bias as factor and addend", "h[t] = tanh(s * (U @ x[t]) + s)\n" + OUTPUT),
    Valid(
        "weights and their transpose",
        "h[t] = tanh(U @ x[t] + W @ h[t-1] + W.T @ h[t-2])\n" + OUTPUT,
    ),
    Valid("transpose without the matrix", "h[t] = tanh(U @ x[t] + W.T @ h[t-1] + s)\n" + OUTPUT),
    Valid("tied output", "h[t] = tanh(U @ x[t] + W @ h[t-1])\no[t] = softmax(U.T @ h[t] + q)\n"),
    Valid("tied input", "h[t] = tanh(Q.T @ x[t] + W @ h[t-1])\no[t] = softmax(Q @ h[t] + q)\n"),
    Valid(
        "one embedding in two equations",
        "a[t] = tanh(U @ x[t])\nh[t] = a[t] * (U @ x[t])\n" + OUTPUT,
    ),
    Valid("one embedding twice in a sum", "h[t] = tanh(U @ x[t] + U @ x[t] + V @ x[t])\n" + OUTPUT),
    Valid("low-rank recurrence", "h[t] = tanh(U @ x[t] + A @ B @ h[t-1] + s)\n" + OUTPUT),
    Valid("low-rank embedding", "h[t] = tanh(A @ B @ x[t] + W @ h[t-1] + s)\n" + OUTPUT),
    Valid(
        "chain with a product in the middle",
        "h[t] = tanh(U @ x[t] + A @ (B @ C) @ h[t-1])\n" + OUTPUT,
    ),
    Valid(
        "product of an expression", "h[t] = tanh(U @ x[t] + W @ (h[t-1] * h[t-2] + s))\n" + OUTPUT
    ),
    Valid(
        "products of products", "h[t] = tanh(U @ x[t] + A @ tanh(B @ (C @ h[t-1] + s)))\n" + OUTPUT
    ),
    Valid(
        "one expression read twice", "h[t] = tanh(U @ x[t] + A @ -h[t-1]) + B @ -h[t-1]\n" + OUTPUT
    ),
    Valid("product of a parameter", "h[t] = tanh(U @ x[t] + W @ s)\n" + OUTPUT),
    Valid(
        "product of two products", "h[t] = tanh(U @ x[t]) * (A @ h[t-1]) * (B @ h[t-1])\n" + OUTPUT
    ),
    Valid("product and number", "h[t] = tanh(U @ x[t] * 2 + W @ h[t-1] / 4)\n" + OUTPUT),
    Valid("square of a product", "h[t] = tanh(U @ x[t] + (W @ h[t-1]) * (W @ h[t-1]))\n" + OUTPUT),
    Valid("quotient", "h[t] = (U @ x[t] + W @ h[t-1]) / (1 + softplus(s + W @ h[t-1]))\n" + OUTPUT),
    Valid("difference of products", "h[t] = tanh(U @ x[t] - W @ h[t-1] - s)\n" + OUTPUT),
    Valid("signs", "h[t] = -tanh(-(U @ x[t]) + W @ -h[t-1] - -s)\n" + OUTPUT),
    Valid("linear", "h[t] = U @ x[t] + 0.5 * h[t-1]\n" + OUTPUT),
    Valid("nested functions", "h[t] = tanh(sigmoid(gelu(U @ x[t] + W @ h[t-1])))\n" + OUTPUT),
    Valid(
        "constants fold", "h[t] = (1 - 0.5) * tanh(U @ x[t]) + sigmoid(2) / 3 * h[t-1]\n" + OUTPUT
    ),
    Valid("a constant vector", "c[t] = 2\nh[t] = tanh(U @ x[t] + W @ h[t-1] + c[t-1])\n" + OUTPUT),
    Valid(
        "a vector that is a parameter", "c[t] = s\nh[t] = tanh(U @ x[t] + V @ c[t-1])\n" + OUTPUT
    ),
    Valid("a vector that is a copy", "h[t] = tanh(U @ x[t] + W @ c[t])\nc[t] = h[t-1]\n" + OUTPUT),
    Valid("choices", "f = swish\nc = -0.25\nh[t] = f(U @ x[t]) + c * h[t-1]\n" + OUTPUT),
    Valid(
        "starts",
        HIDDEN + OUTPUT + "W: orthogonal(0.5)\nU: uniform\ns: constant(-1)\nQ: normal(0.1)\n",
    ),
    Valid(
        "skip connection",
        "a[t] = tanh(U @ x[t] + W @ a[t-1])\nh[t] = a[t] + relu(V @ a[t])\n" + OUTPUT,
    ),
    Valid(
        "two blocks, the second also reads the first's past",
        "a[t] = tanh(U @ x[t] + W @ a[t-1] + s)\nh[t] = tanh(V @ a[t] + R @ a[t-2] + T @ h[t-1])\n"
        + OUTPUT,
    ),
    Valid(
        "two vectors in one block, typed backwards",
        "h[t] = tanh(V @ a[t] + T @ h[t-1])\na[t] = tanh(U @ x[t] + R @ h[t-1])\n" + OUTPUT,
    ),
    Valid(
        "three vectors in a ring",
        "a[t] = tanh(U @ x[t] + A @ h[t-1])\nb[t] = tanh(B @ a[t-1])\nh[t] = tanh(C @ b[t-1])\n"
        + OUTPUT,
    ),
    Valid(
        "gates",
        "z[t] = sigmoid(Uz @ x[t] + Wz @ h[t-1] + bz)\n"
        "h[t] = z[t] * h[t-1] + (1 - z[t]) * tanh(U @ x[t] + W @ (z[t] * h[t-1]))\n" + OUTPUT,
    ),
    Valid(
        "several lines, comments, unicode",
        "# ein Netz\n# 一个网络\n\nα = 0.9  # leak\n"
        "状态[t] = (\n    α * 状态[t-1]\n    + (1 - α) * tanh(U @ x[t] + W @ 状态[t-1])  # new\n)\n"
        "o[t] = softmax(Q @ 状态[t])\n",
    ),
    Valid("normalised", "h[t] = tanh(norm(U @ x[t] + W @ h[t-1] + s))\n" + OUTPUT),
    Valid(
        "normalised with gain and bias",
        "h[t] = tanh(g * norm(U @ x[t] + W @ h[t-1]) + s)\n" + OUTPUT,
    ),
    Valid(
        "normalised values, read by products and lags",
        "a[t] = norm(tanh(U @ x[t] + W @ (a[t-1] * a[t-2])) + a[t-1])\n"
        "h[t] = norm(a[t-1]) * tanh(V @ norm(a[t] / 2) + norm(s))\n" + OUTPUT,
    ),
    Valid(
        "norm of a norm, twice",
        "h[t] = norm(norm(U @ x[t]) * h[t-1]) + norm(V @ h[t-1])\n" + OUTPUT,
    ),
    Valid(
        "norms of heads",
        "heads = 2\na[t] = norm(U @ x[t] + W @ a[t-1], heads)\n"
        "h[t] = tanh(g * norm((V @ a[t]) * h[t-1], 2) + norm(a[t-1] + s, heads) / 2)\n" + OUTPUT,
    ),
    Valid(
        "functions of heads",
        "heads = 2\na[t] = softmax(U @ x[t] + W @ a[t-1], heads) - sum(s * a[t-1], 1)\n"
        "c[t] = tanh(V @ a[t]) / (2 + sum(c[t-1] * c[t-1], heads)) + mean(T @ c[t-1] + s, 2)\n"
        "C[t] = outer(1, mean(c[t], 2)) * C[t-1] + outer(sum(a[t] * c[t], 2), c[t])\n"
        "h[t] = c[t] + C[t] @ (softmax(s, heads) * mean(s * a[t-1], heads))\n" + OUTPUT,
    ),
    Valid("output reads a norm", HIDDEN + "o[t] = softmax(Q @ norm(h[t]) + q)\n"),
    Valid(
        "edges that drop",
        "a[t] = tanh(dropout(U @ x[t]) + W @ dropout(a[t-1], 0.25) + s)\n"
        "h[t] = a[t] + dropout(tanh(V @ dropout(a[t], 0) + T @ h[t-1]), 0.5)\n"
        "o[t] = softmax(Q @ dropout(h[t]) + q)\n",
    ),
    Valid("shortlist", HIDDEN + "o[t] = softmax(Q @ h[t] + q, 3)\n"),
    Valid("all on the shortlist", HIDDEN + "o[t] = softmax(Q @ h[t] + q, 1000)\n"),
    Valid("none on the shortlist", HIDDEN + "o[t] = softmax(Q @ h[t], 0)\n"),
    Valid(
        "shortlist by name, two products",
        "c = 2\n" + HIDDEN + "o[t] = softmax(Q @ h[t] + q + R @ h[t-1], c)\n",
    ),
    Valid(
        "tied with shortlist",
        "e[t] = E @ x[t]\nh[t] = tanh(U @ e[t] + W @ h[t-1])\n"
        "o[t] = softmax(E.T @ (P @ h[t]) + q, 4)\n",
    ),
    Valid("all but one on the shortlist", HIDDEN + "o[t] = softmax(Q @ h[t] + q, 6)\n"),
    Valid("tied, all in classes", "h[t] = E @ x[t]\no[t] = softmax(E.T @ tanh(h[t]), 0)\n"),
    Valid("shortlist and a transpose", HIDDEN + "o[t] = softmax(Q.T @ h[t] + q, 3)\n"),
    Valid(
        "a layer within the output",
        HIDDEN + "o[t] = softmax(Q @ tanh(P @ h[t] + p) + R @ norm(P @ h[t] + r) + q)\n",
    ),
    Valid("a layer within a shortlist", HIDDEN + "o[t] = softmax(Q @ tanh(P @ h[t]) + q, 3)\n"),
    Valid("one bias twice in the output", HIDDEN + "o[t] = softmax(Q @ h[t] + q + r + q)\n"),
    Valid(
        "diagonal matrices",
        "e[t] = U @ x[t]\nh[t] = tanh(e[t] + A @ h[t-1] + A.T @ tanh(A @ h[t-2] + B @ W @ e[t]))\n"
        "A: diagonal\nB: diagonal = uniform(0.5)\n" + OUTPUT,
    ),
    Valid(
        "matrices of blocks",
        "n = 2\ne[t] = U @ x[t]\nz[t] = A @ h[t-1] + B @ e[t] + A.T @ B @ e[t]\n"
        "h[t] = tanh(z[t]) + B.T @ h[t-2] + A @ ((B.T @ A @ h[t-1]) * e[t]) + C @ D @ e[t]\n"
        "A: blocks(n)\nB: blocks(4) = orthogonal(0.5)\nC: blocks(1)\nD: blocks(2)\nD: normal\n"
        + OUTPUT,
    ),
    Valid(
        "sum, mean, dot",
        "e[t] = U @ x[t]\nf[t] = sigmoid(dot(w, e[t]) + b)\n"
        "n[t] = f[t] * n[t-1] + mean(e[t] * e[t-1] + f[t-2]) / 2\n"
        "h[t] = f[t] * h[t-1] + (1 - f[t]) * tanh(V @ e[t] + n[t-1] + s) / (2 + sum(e[t] * s))\n"
        + OUTPUT,
    ),
    Valid(
        "numbers of numbers, of products and of what drops",
        "a[t] = tanh(U @ x[t] + mean(W @ a[t-1] + sum(a[t-1])) * s)\n"
        "h[t] = a[t] * sum(dropout(V @ a[t-1])) + mean(norm(a[t]) / 2) - sum(a[t]) * sum(a[t])\n"
        "o[t] = softmax(Q @ (h[t] - mean(h[t])) + q)\n",
    ),
    Valid(
        "gates by softmax",
        "g[t] = softmax(U @ x[t] + W @ h[t-1])\n"
        "h[t] = g[t] * tanh(V @ h[t-1] + g[t-1]) + softmax(h[t-1] * 2) - W @ softmax(s * g[t])\n"
        + OUTPUT,
    ),
    Valid(
        "concat",
        "a[t] = tanh(U @ x[t])\nc[t] = concat(a[t], a[t-1])\n"
        "h[t] = tanh(W @ concat(a[t], h[t-1], sum(a[t-1]), a[t] * s, s)) + V @ c[t-2]\n"
        "o[t] = softmax(Q @ concat(h[t], c[t]) + q)\n",
    ),
    Valid(
        "memory of an mLSTM",
        "e[t] = U @ x[t]\nk[t] = K @ e[t]\nr[t] = R @ e[t]\ni[t] = exp(dot(a, e[t]) + b)\n"
        "f[t] = sigmoid(dot(c, e[t]) + d)\nC[t] = f[t] * C[t-1] + i[t] * outer(V @ e[t], k[t])\n"
        "n[t] = f[t] * n[t-1] + i[t] * k[t]\n"
        "h[t] = sigmoid(O @ e[t]) * (C[t] @ r[t]) / max(abs(dot(n[t], r[t])), 1)\n" + OUTPUT,
    ),
    Valid(
        "memory of the delta rule, decays of rows and columns",
        "e[t] = U @ x[t]\nk[t] = norm(K @ e[t])\nf[t] = sigmoid(F @ e[t])\n"
        "S[t] = outer(1, f[t]) * S[t-1] + mean(e[t]) * outer(V @ e[t] - S[t-1] @ k[t], k[t])\n"
        "G[t] = outer(f[t-1], 1) * G[t-1] + outer(k[t], k[t])\n"
        "h[t] = S[t] @ (R @ e[t]) + A @ G[t-1].T @ f[t]\n" + OUTPUT,
    ),
    Valid(
        "memories of blocks",
        "heads = 2\ne[t] = U @ x[t]\nk[t] = norm(K @ e[t])\nf[t] = sigmoid(F @ e[t] + b)\n"
        "C[t] = f[t] * C[t-1] + (1 - f[t-1]) * tanh(outer(V @ e[t] - C[t-1] @ k[t], k[t]) / 2)\n"
        "N[t] = f[t] * N[t-1] + outer(f[t] * a, k[t]) + sum(e[t]) * (P @ e[t]) * N[t-2]\n"
        "G[t] = outer(1, e[t]) * C[t-1] / (2 + f[t]) + outer(e[t], 1) * C[t] * 0.5\n"
        "h[t] = C[t] @ e[t] + C[t-1].T @ (R @ e[t]) + A @ N[t] @ k[t] + G[t] @ k[t] + B @ f[t]\n"
        "C: blocks(heads)\nN: blocks(heads)\nG: blocks(2)\n" + OUTPUT,
    ),
    Valid(
        "a matrix through functions, at two lags, dropped, summed",
        "e[t] = U @ x[t]\n"
        "S[t] = tanh(outer(h[t-1], 1) * S[t-2] + s * outer(e[t], e[t-1] * h[t-1]) - S[t-1] / 2)"
        " + dropout(outer(e[t], g)) - outer(e[t], 1)\n"
        "h[t] = tanh(S[t] @ e[t] + S[t-1].T @ (e[t] + g)) * mean(S[t].T @ h[t-1])\n" + OUTPUT,
    ),
    Valid(
        "matrices of parameters, of rows alone, beside numbers",
        "e[t] = U @ x[t]\nn[t] = mean(e[t])\nF[t] = outer(s, g)\nR[t] = outer(e[t], 1)\n"
        "S[t] = max(n[t] * F[t-1], tanh(R[t-1] + n[t])) / (2 + n[t] ** 2) + outer(e[t], K @ g) * b"
        " - dropout(R[t], 0.2) * S[t-1]\n"
        "h[t] = tanh(S[t] @ e[t] + F[t].T @ s)\n" + OUTPUT,
    ),
    Valid(
        "layers",
        "# a residual stack\nlayers = 3\nf = tanh\nh[0][t] = E @ x[t]\n"
        "h[l][t] = h[l-1][t] + f(g[l] * norm(V[l] @ h[l-1][t] + W[l] @ h[l][t-1]) + s[l])\n"
        "W[l]: orthogonal(0.5)\no[t] = softmax(Q @ norm(h[layers][t]) + E.T @ h[1][t] + c)\n",
    ),
    Valid(
        "the number of a layer",
        "layers = 2\nh[0][t] = E @ x[t]\n"
        "h[l][t] = h[l-1][t] + tanh(V[l] @ h[l-1][t] + W[l] @ h[l][t-1]) * l / layers\n"
        "o[t] = softmax(Q @ h[layers][t])\n",
    ),
    Valid(
        "layers of two equations",
        "layers = 2\nh[0][t] = tanh(U @ x[t])\n"
        "z[l][t] = sigmoid(Z[l] @ h[l-1][t] + A[l] @ h[l][t-1])\n"
        "g[l][t] = tanh(V[l] @ h[l-1][t] + W[l].T @ h[l][t-2])\n"
        "h[l][t] = z[l][t] * h[l][t-1] + (1 - z[l][t]) * g[l][t]\n"
        "o[t] = softmax(Q[1] @ h[1][t] + Q[2] @ h[layers][t] + q)\n",
    ),
    Valid(
        "Windows and old Macintosh line ends",
        (HIDDEN + OUTPUT).replace("\n", "\r\n", 1).replace("\n", "\r"),
    ),
    Valid("tabs, semicolon", "h[t]\t=\ttanh( U@x[ t ]+W@h[t - 1] ) ; o[t]=softmax(Q@h[t])"),
    Valid(
        "exponential gates, stabilised",
        "i[t] = A @ x[t] + B @ h[t-1] + bi\nf[t] = C @ x[t] + D @ h[t-1] + bf\n"
        "m[t] = max(log(sigmoid(f[t])) + m[t-1], i[t])\n"
        "p[t] = exp(i[t] - m[t])\nr[t] = exp(log(sigmoid(f[t])) + m[t-1] - m[t])\n"
        "c[t] = r[t] * c[t-1] + p[t] * tanh(U @ x[t] + W @ h[t-1])\n"
        "n[t] = abs(r[t] * n[t-1]) + p[t]\nh[t] = sigmoid(V @ x[t]) * c[t] / n[t]\n" + OUTPUT,
    ),
    Valid(
        "largest and smallest of two",
        "a[t] = max(U @ x[t] + W @ a[t-1], s)\n"
        "h[t] = min(max(V @ a[t], 0.1), a[t-1]) * max(-1, min(a[t-2], R @ max(a[t], h[t-1])))\n"
        + OUTPUT,
    ),
    Valid(
        "ties",
        "a[t] = tanh(U @ x[t] + W @ h[t-1])\n"
        "h[t] = max(a[t], a[t]) * s + min(-a[t], -a[t]) * r + max(V @ a[t], V @ a[t])\n" + OUTPUT,
    ),
    Valid(
        "powers",
        "p = 2.5\na[t] = sqrt(1 + (U @ x[t] + W @ h[t-1]) ** 2)\n"
        "h[t] = a[t] ** p / 9 - (a[t] + 1) ** -2 + (W @ h[t-1]) ** 3 * abs(a[t-1]) ** (1 / 2)\n"
        "g[t] = tanh(h[t]) ** 4 - abs(h[t-1]) ** 1.5 + V @ a[t] ** 2\n"
        "o[t] = softmax(Q @ (h[t] ** 2 + g[t]))\n",
    ),
    Valid(
        "waves",
        "h[t] = sin(3 * (U @ x[t]) + W @ h[t-1]) * exp(-abs(V @ x[t])) + cos(s * h[t-2])\n"
        + OUTPUT,
    ),
    Valid(
        "logarithms of exponentials",
        "f = sigmoid\na[t] = tanh(U @ x[t] + W @ h[t-1] + s)\n"
        "h[t] = (log(f(a[t])) + log(1 + exp(V @ a[t])) - log(exp(a[t]) + exp(h[t-1] / 9)) / 9\n"
        "    + tanh(log(exp(r * a[t])) + log(1 - sigmoid(a[t])) + log(exp(a[t-1]) + 1)))\n"
        + OUTPUT,
    ),
    Valid(
        "names that later versions gave to functions",
        "abs[t] = tanh(max @ x[t] + sin @ abs[t-1] + log)\no[t] = softmax(exp @ abs[t] + cos)\n",
    ),
    Valid(
        "earlier characters",
        "a[t] = tanh(U @ x[t] + V @ x[t-1] + V @ x[t-2] + W @ a[t-1] + s)\n"
        "h[t] = a[t] * (U @ x[t-3]) + Q.T @ x[t-1] + A @ B @ x[t-1]\n" + OUTPUT,
    ),
    Valid("earlier characters alone", "h[t] = tanh(U @ x[t-1])\n" + OUTPUT),
    Valid(
        "first values",
        "c = 0.25\na[t] = tanh(U @ x[t] + W @ a[t-1] + V @ h[t-2])\nh[0] = s\na[0] = a0\n"
        "h[t] = a[t] * g[t-3] + s * h[t-1] + norm(T @ (a[t-1] * h[t-1]))\n"
        "g[t] = sin(G @ g[t-2] + h[t])\ng[0] = c\n"
        "o[t] = softmax(Q @ h[t] + R @ h[t-1])\n",
    ),
    Valid(
        "first values of layers",
        "layers = 2\nh[0][t] = E @ x[t] + E @ x[t-1]\n"
        "h[l][t] = tanh(V[l] @ h[l-1][t] + W[l] @ h[l][t-1])\nh[l][0] = r[l]\nm[0] = -0.5\n"
        "m[t] = abs(m[t-1]) * h[layers][t]\no[t] = softmax(Q @ m[t])\n",
    ),
]
