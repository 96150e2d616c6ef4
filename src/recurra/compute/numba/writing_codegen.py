"""Plan -> source of the function that writes text, from the forward functions of its kernels."""

from recurra.compute.numba.source import FIXED, Call, Key
from recurra.compute.plan import Plan


def writing_function(plan: Plan, forward: list[Call]) -> tuple[Call, str]:
    """A function that writes: the forward functions, the output layer and the draw, in a loop.

    After the arrays it takes ``hidden`` (1, h), matrix and bias of the output layer, the sizes of
    its classes (none without), the numbers to draw by, the temperature, top_k and top_p (0 for
    all), and what it fills: ``text``, int32, and ``predicted`` (characters, V). It gives how many
    characters it has drawn.
    """
    keys: dict[Key, str] = {
        key: f"{key[0]}_{i}"
        for i, key in enumerate(dict.fromkeys(key for call in forward for key in call.keys))
    }
    names = {key: FIXED.get(key, name) for key, name in keys.items()}
    body = [f"{c.function}({', '.join(names[key] for key in c.keys)})" for c in forward]
    body.append("start = 0")
    for term in plan.logits.terms:
        row = plan.lags[term.vector] - term.lag
        body.append(f"start = put({names['dropped', term.vector]}, {row}, hidden, start)")
    body += [f"carry({names['vector', name]}, {lags})" for name, lags in plan.state.items()]
    body += [
        "log_p = log_probabilities(hidden, matrix, bias, sizes)",
        "character = draw(log_p[0], uniforms[i], temperature, top_k, top_p)",
        "if character < 0:",
        "    return i",
        "text[i] = inputs[0] = character",
        "put(log_p, 0, predicted[i : i + 1], 0)",  # an assignment takes a second to compile
    ]
    more = "hidden, matrix, bias, sizes, uniforms, temperature, top_k, top_p, text, predicted"
    head = f"@jit\ndef write({', '.join(names.values())}, {more}):"
    loop = ["    for i in range(text.size):", *(f"        {line}" for line in body)]
    text = "\n".join([head, *loop, "    return text.size"]) + "\n"
    return Call("write", tuple(keys)), text
