"""Training steps of recurrences without a product in the loop of time, beside PyTorch and JAX.

    python benchmarks/recurrences.py [--networks sru ...] [--threads 1] [--markdown FILE]

PyTorch and JAX do all products before their loops over time. The floor is the time of the products
at the speed of a large one, and of copying what equations and products pass to one another.
"""

from beside import Comparison, Found, run
from cases import Shape, Task
from contenders import PEAK, VECTORS
from contenders.gemm import FLOPS

LEGEND = """\
`torch`, `jax`: PyTorch and JAX on the same equations, all
products stacked and done before the loop; `ahead`: of the better one. `floor`: the products at
the speed of the fastest large float32 product, and a copy of each vector and, twice, of each sum
of products, both measured in between; a product with an embedding counts for each character of
the vocabulary once, or of the text, whichever are fewer."""


def floor(task: Task, found: Found) -> float:
    return task.flops / FLOPS * min(found[PEAK].seconds) + found[VECTORS].median


RECURRENCES = Comparison(
    "Recurrences without a product",
    LEGEND,
    ("mingru", "minlstm", "sru", "qrnn", "indrnn", "rglru"),
    (Shape(65, 256, 32, 64), Shape(65, 512, 16, 64), Shape(100, 64, 16, 64), Shape(65, 256, 1, 64)),
    {"torch": "torch", "jax": "jax hoisted"},
    (PEAK, VECTORS),
    floor,
)

if __name__ == "__main__":
    run(RECURRENCES, __doc__.splitlines()[0])
