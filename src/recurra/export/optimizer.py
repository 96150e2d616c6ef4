"""The update of a recipe as the lines of a program: only what this recipe does."""

from collections.abc import Mapping

from recurra.compute.optimizers.muon import INTERVAL, LENGTH, MOMENTUM
from recurra.compute.optimizers.orthogonal import MARGIN, POLYNOMIALS
from recurra.compute.optimizers.registry import make_optimizer
from recurra.errors import SettingError
from recurra.training.recipe import Recipe


def slot_names(recipe: Recipe) -> tuple[str, ...]:
    """The arrays that the optimiser keeps for every parameter."""
    return make_optimizer(recipe.optimizer_settings).slots


def counts_steps(recipe: Recipe) -> bool:
    """Whether the update depends on how many came before it."""
    return recipe.optimizer in ("adam", "adamw", "muon")


def update_functions(
    recipe: Recipe, module: str, matrices: Mapping[str, int], docstring: str
) -> list[str]:
    """Definitions that `update_lines` calls.

    Args:
        recipe, module: see `update_lines`.
        matrices: those between vectors -> number of their blocks.
        docstring: of the function, in the language of the program.
    """
    if recipe.optimizer != "muon":
        return []
    places = enumerate(matrices.items())
    names = ", ".join(f'"{name}": ({place}, {blocks})' for place, (name, blocks) in places)
    return [f"MATRICES = {{{names}}}", NEAREST_ORTHOGONAL.format(
        docstring=docstring, module=module, margin=MARGIN, polynomials=POLYNOMIALS
    )]  # fmt: skip


NEAREST_ORTHOGONAL = '''\
def nearest_orthogonal(z, blocks):
    """{docstring}"""
    x = z.reshape(blocks, -1, z.shape[-1])
    x = x / ({margin} * {module}.sqrt((x * x).sum((1, 2), keepdims=True)) + 1e-30)
    wide = x.shape[1] <= x.shape[2]
    for a, b, c in {polynomials}:
        transposed = x.swapaxes(1, 2)
        gram = x @ transposed if wide else transposed @ x
        factor = b * gram + c * gram @ gram
        x = a * x + (factor @ x if wide else x @ factor)
    return max(x.shape[1:]) ** 0.5 * x.reshape(z.shape)
'''


def update_lines(recipe: Recipe, module: str) -> list[str]:
    """The body of ``update(p, gradient, memory, step, rate)``.

    Args:
        recipe: how its program trains.
        module: what has ``sqrt`` and ``clip``: "np", "torch" or "jnp".
    """
    lines = []
    if recipe.clip_value is not None:
        limit = f"{recipe.clip_value:g}"
        clipped = f"{module}.clip(g, -{limit}, {limit})"
        lines += [f"gradient = {{name: {clipped} for name, g in gradient.items()}}"]
    if recipe.clip_norm is not None:
        lines += [
            f"norm = {module}.sqrt(sum((g**2).sum() for g in gradient.values()))",
            f"shrink = (norm / {recipe.clip_norm:g}).clip(1)",
            "gradient = {name: g / shrink for name, g in gradient.items()}",
        ]
    lines += ["for name, g in gradient.items():"]
    return lines + [f"    {line}" for line in _one_parameter(recipe, module)]


def _one_parameter(recipe: Recipe, module: str) -> list[str]:
    lines = []
    decay = recipe.weight_decay
    if decay:
        # in NumPy biases are columns: one entry a row
        matrix = "p[name].shape[1] > 1" if module == "np" else "p[name].ndim > 1"
        lines.append(f"if {matrix}:  # matrices, not biases")
        if make_optimizer(recipe.optimizer_settings).decoupled_decay:
            lines.append(f"    p[name] *= 1 - rate * {decay:g}")
        else:
            lines.append(f"    g = g + {decay:g} * p[name]")
    slots = slot_names(recipe)
    lines += [f'{slot} = memory[name, "{slot}"]' for slot in slots]
    match recipe.optimizer:
        case "adagrad":
            lines += ["accumulator += g * g", f"g = g / {_root(recipe, 'accumulator', module)}"]
        case "rmsprop":
            lines += [
                f"v += {1 - recipe.beta2:.12g} * (g * g - v)",
                f"g = g / {_root(recipe, 'v', module)}",
            ]
        case "adam" | "adamw":
            lines += _adam(recipe, module)
        case "muon":
            mean = f"{MOMENTUM:g} * m + {1 - MOMENTUM:.12g} * g"
            lines += [
                "if name in MATRICES:",
                "    place, blocks = MATRICES[name]",
                f"    m += {1 - MOMENTUM:.12g} * (g - m)",
                f"    if (step + place) % {INTERVAL} == 0:",
                f"        g = {LENGTH * INTERVAL:g} * nearest_orthogonal({mean}, blocks)",
                "    else:",
                "        g = 0.0 * g",
                "else:",
                *(f"    {line}" for line in _adam(recipe, module)),
            ]
        case "sgd":
            pass
        case other:
            raise SettingError(f"{other} cannot be written as a program: export with another one")
    if "momentum" in slots:
        lines += [f"momentum *= {recipe.momentum:g}", "momentum += g", "g = momentum"]
    if module == "jnp":  # whose arrays never change in place
        lines += [f'memory[name, "{slot}"] = {slot}' for slot in slots]
    return [*lines, "p[name] -= rate * g"]


def _adam(recipe: Recipe, module: str) -> list[str]:
    b1, b2 = recipe.beta1, recipe.beta2
    return [
        f"m += {1 - b1:.12g} * (g - m)",
        f"v += {1 - b2:.12g} * (g * g - v)",
        f"m_mean, v_mean = m / (1 - {b1:g}**step), v / (1 - {b2:g}**step)",
        f"g = m_mean / {_root(recipe, 'v_mean', module)}",
    ]


def _root(recipe: Recipe, v: str, module: str) -> str:
    if recipe.eps_inside_root:
        return f"{module}.sqrt({v} + {recipe.eps:g})"
    return f"({module}.sqrt({v}) + {recipe.eps:g})"


def learning_rate_line(recipe: Recipe, rate: float, module: str) -> str:
    """``rate = ...`` at a step that is counted from 0, of ``steps`` in all."""
    factors = [f"{rate:g}"]
    if recipe.warmup:
        factors.append(f"min(1, (step + 1) / {recipe.warmup})")
    if recipe.final_lr < 1.0:
        fall = f"(1 + {module}.cos({module}.pi * step / steps)) / 2"
        factors.append(f"({recipe.final_lr:g} + {1 - recipe.final_lr:.12g} * {fall})")
    return f"rate = {' * '.join(factors)}"
