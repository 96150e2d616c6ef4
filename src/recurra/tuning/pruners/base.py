"""The contract of a pruner."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Self

from recurra.errors import SettingError
from recurra.tuning.history import History

FIRST_RUNG_DIVISOR = 27  # the first rung is a 27th of a training in full, unless asked otherwise


@dataclass(frozen=True)
class Decision:
    """Whether a trial ends at the rung that it has reached.

    Attributes:
        prune: that.
        notes: numbers to be kept with the trial, for decisions on later ones.
    """

    prune: bool
    notes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Goal:
    """How long trials train, and how many there are.

    Attributes:
        length: characters of a training in full.
        one_pass: characters of the training text.
        trials: how many.
    """

    length: int
    one_pass: int
    trials: int


@dataclass(frozen=True)
class Pruner(ABC):
    """A rule by which trials end early, with its rungs.

    Attributes:
        name: of the kind, in commands and files.
        uses_history: its decisions depend on earlier trials.
        uses_keep: the number `keep` means something to it.
        groupable: trials can be compared within those that share a value.
        stop_rules: fields of a recipe that it sets in every trial.
        rungs: characters, rising, all below those of a training in full.
        factor: one trial in so many goes on; and how many times further the next rung is.
        keep: how many go on after one pass.
        within: a parameter; trials are compared only with those with the same value of it.

    Raises:
        SettingError: numbers that make no sense.
    """

    name: ClassVar[str]
    uses_history: ClassVar[bool] = False
    uses_keep: ClassVar[bool] = False
    groupable: ClassVar[bool] = False
    stop_rules: ClassVar[Mapping[str, int | None]] = {}

    rungs: tuple[int, ...] = ()
    factor: int = 3
    keep: int = 1
    within: str | None = None

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise SettingError(f"a pruner has to keep 1 trial or more, not {self.keep}")
        if self.within is not None and not self.groupable:
            raise SettingError(f"only rounds are held within a parameter, not {self.name}")
        if list(self.rungs) != sorted(set(self.rungs)) or min(self.rungs, default=1) < 1:
            raise SettingError(f"rungs {self.rungs} have to be whole numbers above 0 that rise")

    @classmethod
    def create(
        cls,
        goal: Goal,
        *,
        first: int | None = None,
        factor: int = 3,
        keep: int | None = None,
        within: str | None = None,
    ) -> Self:
        """Make a pruner for trials of some length; this one has no rungs.

        Args:
            goal: length and number of the trials.
            first: characters of the first rung; None: the kind's default.
            factor, keep, within: see the class; None: the kind's default.

        Raises:
            SettingError: the numbers contradict one another.
        """
        return cls((), factor, within=within)

    @abstractmethod
    def decide(self, history: History, rungs: Mapping[int, float]) -> Decision:
        """Decide whether a trial ends at the last rung that it has reached.

        Args:
            history: what it may look back on.
            rungs: characters -> held-out loss, nats per character, up to that rung.
        """

    def expected_share(self, trials: int, length: int, finalists: int, groups: int) -> float | None:
        """The part of a training in full that a trial takes on average; None: nobody can know.

        Args:
            trials: how many.
            length: characters of a training in full.
            finalists: so many are trained in full in any case.
            groups: in which trials are compared.
        """
        return None

    def to_json(self) -> dict[str, Any]:
        """Plain values for `pruners.from_json`; what is not set is left out."""
        return {"name": self.name} | {k: v for k, v in asdict(self).items() if v is not None}


class RungPruner(Pruner):
    """A pruner whose rungs lie a factor apart."""

    @classmethod
    def create(
        cls,
        goal: Goal,
        *,
        first: int | None = None,
        factor: int = 3,
        keep: int | None = None,
        within: str | None = None,
    ) -> Self:
        """Make a pruner whose first rung is a 27th of the way, unless asked otherwise."""
        if factor < 2:
            raise SettingError(f"a pruner's factor has to be 2 or more, not {factor}")
        first = first if first is not None else cls.first_rung(goal)
        if not 0 < first < goal.length:
            raise SettingError(
                f"the first rung, {first:,} characters, has to lie below the {goal.length:,} "
                "characters of a training in full: give another --rung or --length"
            )
        return cls(
            cls.rungs_from(first, factor, goal.length),
            factor,
            keep or max(1, goal.trials // 16),
            within,
        )

    @classmethod
    def first_rung(cls, goal: Goal) -> int:
        """Characters of the first rung by default."""
        return goal.length // FIRST_RUNG_DIVISOR

    @classmethod
    def rungs_from(cls, first: int, factor: int, length: int) -> tuple[int, ...]:
        """All rungs: the length is at least `factor` times the last one."""
        rungs = [first]
        # but for the rest of a division
        while rungs[-1] * factor**2 <= 1.01 * length:
            rungs.append(rungs[-1] * factor)
        return tuple(rungs)


class SynchronousPruner(RungPruner):
    """A pruner that compares nobody before all have come: all trials wait at a rung."""

    @abstractmethod
    def promoted(self, reached: int, groups: int = 1) -> int:
        """How many of the trials at a rung go on.

        Args:
            reached: how many are there.
            groups: of equal size, in which they are compared.
        """

    def decide(self, history: History, rungs: Mapping[int, float]) -> Decision:
        """Never ends a trial on its own: `recurra.tuning.schedule` compares all of them."""
        return Decision(False)

    def expected_share(self, trials: int, length: int, finalists: int, groups: int) -> float | None:
        """Arithmetic: so many come to each rung."""
        left, way, total = trials, 0, 0.0
        for rung in self.rungs:
            total += left * (rung - way)
            way, left = rung, self.promoted(left, groups)
        total += max(left, min(finalists, trials)) * (length - way)
        return total / (trials * length)
