"""Parts of a NumPy program that are the same for many networks."""

LOG_SOFTMAX = """\
def log_softmax(z):
    z = z - z.max(0)
    return z - np.log(np.exp(z).sum(0))
"""
SHORTLIST = """\
def classes(V):
    size = int(np.ceil(np.sqrt(max(0, V - LISTED))))
    return [(first, min(first + size, V)) for first in range(LISTED, V, max(1, size))]


@cache
def vocabulary(scores):
    return next(V for V in range(scores, 0, -1) if V + len(classes(V)) == scores)


def log_probabilities(z):
    \"\"\"{shortlist}\"\"\"
    V = vocabulary(len(z))
    n = min(V, LISTED)
    head = log_softmax(np.concatenate([z[:n], z[V:]]))
    within = [log_softmax(z[a:b]) + head[n + k] for k, (a, b) in enumerate(classes(V))]
    return np.concatenate([head[:n], *within])


def error(z, y):
    \"\"\"{error}\"\"\"
    V = vocabulary(len(z))
    n = min(V, LISTED)
    d = np.zeros_like(z)
    head = np.exp(log_softmax(np.concatenate([z[:n], z[V:]])))
    d[:n], d[V:] = head[:n], head[n:]
    for k, (a, b) in enumerate(classes(V)):
        chosen = (a <= y) & (y < b)
        d[V + k] -= chosen
        d[a:b] = chosen * np.exp(log_softmax(z[a:b]))
    d[y, np.arange(len(y))] -= 1
    return d
"""
ORTHOGONAL = """\
def orthogonal(n, m, rng):
    q, r = np.linalg.qr(rng.standard_normal((max(n, m), min(n, m))))
    q *= np.sign(np.diag(r))
    return q if n >= m else q.T
"""
COLUMNS = """\
def {name}(matrix, x, d):
    \"\"\"{columns}\"\"\"
    into = np.zeros_like(matrix)
    for t in range(len(x)):
        np.add.at({target}, x[t], d[t].T)
    return into
"""
DROPOUT = """\
def dropout(rate, shape, rng):
    \"\"\"{dropout}\"\"\"
    if rng is None:
        return np.ones(shape)
    return (rng.random(shape) >= rate) / (1 - rate)
"""
REST = """\
def read(path):
    \"\"\"{read}\"\"\"
    text = Path(path).read_text("utf-8-sig")
    points = np.array([ord(c) for c in text])
    counts = np.bincount(points[: 9 * len(points) // 10], minlength=points.max() + 1)
    characters = np.unique(points)
    characters = characters[np.argsort(-counts[characters], kind="stable")]
    return encode(text, characters), characters


def encode(text, characters):
    number = {{chr(c): i for i, c in enumerate(characters)}}
    unknown = sorted(set(text) - set(number))
    if unknown:
        print("{missing}: " + " ".join(map(repr, unknown[:20])), file=sys.stderr)
    return np.array([number[c] for c in text if c in number], int)


def train(path, steps={steps}, batch={batch}, length={length}, seed={seed}):
    \"\"\"{training}\"\"\"
    text, characters = read(path)
    own = text[: 9 * len(text) // 10]
    rng = np.random.default_rng(seed)
    p = initial(len(characters), rng{counted})
    p = {{name: value.astype(np.{dtype}) for name, value in p.items()}}
    memory = {{(name, slot): np.zeros_like(p[name]) for name in p for slot in {slots}}}
    streams = own[: len(own) // batch * batch].reshape(batch, -1).T
    smooth = np.log(len(characters))
    at = len(streams)
    for step in range(steps):
        if at + length >= len(streams):
            at, state = 0, start(p, batch)
{reset}        x, y = streams[at : at + length], streams[at + 1 : at + length + 1]
        at += length
        logp, series, state = forward(p, x, state{with_rng})
        gradient = backward(p, x, y, logp, series)
{scale}{rate}
        update(p, gradient, memory, {step}rate)
        smooth += {weight} * (loss(logp, y) / x.size - smooth)
        if (step + 1) % {record} == 0:
            print(f"{{step + 1:7,}}  {{smooth:.4f}}", flush=True)
    np.savez(WEIGHTS, characters=characters, **{{"parameter/" + name: p[name] for name in p}})
    held = text[len(own) :]
    if len(held) > 1:
        print(f"{held}: {{mean_loss(p, held):.4f}}")


def load():
    with np.load(WEIGHTS) as file:
        arrays = {{name.removeprefix("parameter/"): file[name] for name in file}}
    characters = arrays.pop("characters")
    return arrays, characters


def mean_loss(p, text, piece=1000):
    \"\"\"{evaluate}\"\"\"
    text, state, total = text[:, None], start(p, 1), 0.0
    for i in range(0, len(text) - 1, piece):
        x, y = text[i : i + piece][: len(text) - 1 - i], text[i + 1 : i + 1 + piece]
        logp, _, state = forward(p, x, state)
        total += loss(logp, y)
    return total / (len(text) - 1)


def write(prompt, count=500, temperature=0.8, seed=None):
    \"\"\"{writing}\"\"\"
    p, characters = load()
    rng = np.random.default_rng(seed)
    state = start(p, 1)
    x = encode(prompt, characters)
    if not len(x):
        x = rng.integers(len(characters), size=1)
    print(prompt, end="")
    for _ in range(count):
        logp, _, state = forward(p, x[:, None], state)
        q = np.exp((logp[len(x) - 1][:, 0] - logp[len(x) - 1].max()) / temperature)
        x = rng.choice(len(q), size=1, p=q / q.sum())
        print(chr(characters[x[0]]), end="", flush=True)
    print()


def check(V=5, batch=2, length=4, step=1e-5):
    \"\"\"{checking}\"\"\"
    rng = np.random.default_rng(0)
    p = initial(V, rng{ones})
    p = {{name: value + 0.3 * rng.standard_normal(value.shape) for name, value in p.items()}}
    x, y = rng.integers(V, size=(2, length, batch))
    logp, series, _ = forward(p, x, start(p, batch))
    gradient = backward(p, x, y, logp, series)
    for name in p:
        worst = 0.0
        for i in np.ndindex(p[name].shape):
            p[name][i] += step
            above = loss(forward(p, x, start(p, batch))[0], y)
            p[name][i] -= 2 * step
            below = loss(forward(p, x, start(p, batch))[0], y)
            p[name][i] += step
            difference = (above - below) / (2 * step)
            worst = max(worst, abs(difference - gradient[name][i]) / (1 + abs(difference)))
        print(f"{{name:10}} {{worst:.1e}}")


def main(arguments):
    match arguments:
        case ["train", path]:
            train(path)
        case ["eval", path]:
            p, characters = load()
            print(mean_loss(p, encode(Path(path).read_text("utf-8-sig"), characters)))
        case ["write", prompt]:
            write(prompt)
        case ["check"]:
            check()
        case _:
            print(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
"""
