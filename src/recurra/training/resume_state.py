"""All that a resume needs beside arrays, as the checkpoint ``last`` keeps it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from recurra.errors import RunError
from recurra.storage.typed_json import read_typed
from recurra.training.extensions import Extension
from recurra.training.stopping import Watch


@dataclass(frozen=True)
class PCG64State:
    """The two numbers of a generator, below 2^128."""

    state: int
    inc: int


@dataclass(frozen=True)
class GeneratorState:
    """The state of `numpy.random.PCG64`, with the half of a number that it keeps."""

    bit_generator: Literal["PCG64"]
    state: PCG64State
    has_uint32: int
    uinteger: int


@dataclass(frozen=True)
class ResumeState:
    """Where a training is.

    Attributes:
        step: steps done.
        watch: losses so far.
        updates: steps of the optimiser.
        generator: of random numbers.
        stream: position in the text.
        extensions: of the budget.

    Raises:
        RunError: numbers that no training comes to.
    """

    step: int
    watch: Watch
    updates: int
    generator: GeneratorState
    stream: int
    extensions: tuple[Extension, ...] = ()

    def __post_init__(self) -> None:
        generator = self.generator
        limits = {
            "step": (self.step, 2**63),
            "updates": (self.updates, 2**63),
            "stream": (self.stream, 2**63),
            "generator.state.state": (generator.state.state, 2**128),
            "generator.state.inc": (generator.state.inc, 2**128),
            "generator.has_uint32": (generator.has_uint32, 2),
            "generator.uinteger": (generator.uinteger, 2**32),
        }
        for name, (number, limit) in limits.items():
            if not 0 <= number < limit:
                raise RunError(f"{name} is out of bounds")

    @classmethod
    def read(cls, meta: Any, path: Path) -> Self:
        """The state in the meta data of a checkpoint.

        Raises:
            RunError: a field is missing, of another type, or out of bounds.
        """
        return read_typed(cls, meta, path, "restore a backup, or train again", exact=True)

    def to_json(self) -> dict[str, Any]:
        """The state as JSON, for `read`."""
        fields = asdict(self)
        if not self.extensions:  # as in older versions
            del fields["extensions"]
        return fields

    def restore(self, rng: np.random.Generator) -> None:
        """Bring back the generator."""
        rng.bit_generator.state = asdict(self.generator)
