"""Training steps of networks with a matrix memory, beside PyTorch, JAX and the memory's traffic.

    python benchmarks/memories.py [--networks mlstm ...] [--threads 1] [--markdown FILE]

PyTorch and JAX take the steps of the programs that `recurra export` writes. The floor is the time
to move the numbers of the memory five times: written and read on the way forward, read on the way
back, and their gradient written and read.
"""

from beside import Comparison, Found, run
from cases import Shape, Task
from contenders import EXPORTED, EXPORTED_JAX, TRAFFIC

MOVES = 5 / 2  # a copy moves every number twice

LEGEND = """\
`torch`, `jax`: PyTorch and JAX on the same equations, as `recurra export`
writes them; `ahead`: of the better one. `floor`: the time to move every number of the
memory five times, by the copy of an array measured in between."""


def floor(task: Task, found: Found) -> float:
    return MOVES * found[TRAFFIC].median


MEMORIES = Comparison(
    "Matrix memories",
    LEGEND,
    (
        *("linear_attention", "gla", "deltanet", "mlstm"),
        *("retnet", "mamba2", "rwkv7", "titans"),
    ),
    (Shape(65, 64, 16, 64), Shape(65, 128, 32, 64)),
    {"torch": EXPORTED, "jax": EXPORTED_JAX},
    (TRAFFIC,),
    floor,
)

if __name__ == "__main__":
    run(MEMORIES, __doc__.splitlines()[0])
