"""Parameters before any training, as a program of a library draws them."""

from collections.abc import Mapping

from recurra.compute.plan import make_plan
from recurra.export.sizes import Sides
from recurra.lang.network import Initialiser, Network
from recurra.models.initialisation import begins_with_counts, initialisers
from recurra.training.recipe import Recipe

Templates = Mapping[str, str]
# The names of `recurra.lang.network.INITIALISERS`; and counts of characters, none of them 0.
NUMPY: Templates = {
    "normal": "rng.standard_normal(({shape}))",
    "uniform": "rng.uniform(-{scale}, {scale}, ({shape}))",
    "identity": "np.eye({shape})",
    "orthogonal": "orthogonal({shape}, rng)",
    "identity blocks": "np.tile({one}, ({n}, 1))",
    "orthogonal blocks": "np.concatenate([{one} for _ in range({n})])",
    "constant": "np.full(({shape}), {number})",
    "zeros": "np.zeros(({shape}))",
    "counts": "np.log(counts / counts.sum())[:, None]",
    "array": "np.array",
    "bias": "{n}, 1",
    "smoothed": "counts + 1",
}
TORCH: Templates = {
    "normal": "torch.randn({shape})",
    "uniform": "torch.empty({shape}).uniform_(-{scale}, {scale})",
    "identity": "torch.eye({shape})",
    "orthogonal": "nn.init.orthogonal_(torch.empty({shape}))",
    "identity blocks": "({one}).repeat({n}, 1)",
    "orthogonal blocks": "torch.cat([{one} for _ in range({n})])",
    "constant": "torch.full([{shape}], {number})",
    "zeros": "torch.zeros({shape})",
    "counts": "torch.log(counts / counts.sum())",
    "array": "torch.tensor",
    "bias": "{n}",
    "smoothed": "torch.ones(V) if counts is None else counts + 1",
}
JAX: Templates = {
    "normal": "jax.random.normal(next(keys), ({shape}))",
    "uniform": "jax.random.uniform(next(keys), ({shape}), minval=-{scale}, maxval={scale})",
    "identity": "jnp.eye({shape})",
    "orthogonal": "jax.nn.initializers.orthogonal()({key}, ({shape}))",
    "identity blocks": "jnp.tile({one}, ({n}, 1))",
    "orthogonal blocks": "jnp.concatenate([{one} for key in jax.random.split(next(keys), {n})])",
    "constant": "jnp.full(({shape}), {number})",
    "zeros": "jnp.zeros(({shape}))",
    "counts": "jnp.log(counts / counts.sum())",
    "array": "np.array",
    "bias": "{n},",
    "smoothed": "np.ones(V) if counts is None else counts + 1",
}
_FACTORS = ("normal", "identity", "orthogonal")  # what is multiplied by the initialiser's argument


class Starts:
    """How every parameter of a network starts.

    Attributes:
        kinds: parameter -> kind of its initialiser; "counts": from those of characters.
    """

    def __init__(self, network: Network, sides: Sides, recipe: Recipe) -> None:
        plan = make_plan(network)
        self.network, self.sides = network, sides
        self.starts = initialisers(plan, sides.shapes, recipe.init)
        self.kinds = {
            name: "counts"
            if recipe.init == "scaled" and begins_with_counts(name, plan)
            else start.kind
            for name, start in self.starts.items()
        }

    def texts(self, templates: Templates) -> dict[str, str]:
        """Parameter -> the expression that gives it."""
        return {name: self._text(name, start, templates) for name, start in self.starts.items()}

    @property
    def counts(self) -> bool:
        """Whether parameters start from how often each character occurs."""
        return "counts" in self.kinds.values()

    def lines(self, templates: Templates) -> list[str]:
        """Lines before the expressions: sizes, and counts."""
        lines = ["S = V + len(classes(V))"] if self.network.shortlist else []
        if self.counts:
            lines.append(f"counts = {templates['smoothed']}")
            if self.network.shortlist:
                of_classes = "*(counts[a:b].sum() for a, b in classes(V))"
                lines.append(f"counts = {templates['array']}([*counts, {of_classes}])")
        return lines

    def _text(self, name: str, start: Initialiser, templates: Templates) -> str:
        sides, kind = self.sides.parameters[name], self.kinds[name]
        blocks = name in self.sides.shapes.blocks and templates.get(f"{kind} blocks")
        if blocks:
            sides = self.sides.block(name)
        shape = templates["bias"].format(n=sides[0]) if len(sides) == 1 else ", ".join(sides)
        if kind == "constant":
            kind = "constant" if start.argument else "zeros"
        scale = f"{start.argument:.12g}"
        factor = f"{scale} * " if kind in _FACTORS and start.argument != 1.0 else ""
        key = "key" if blocks else "next(keys)"
        slots = {"shape": shape, "scale": scale, "number": start.argument, "key": key}
        text = factor + templates[kind].format(**slots)
        return blocks.format(one=text, n=self.sides.shapes.blocks[name]) if blocks else text
