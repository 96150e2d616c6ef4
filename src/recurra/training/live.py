"""A training as a display shows it: its records, folded into what is worth showing now."""

from dataclasses import dataclass, field

from recurra.training.records import (
    Compiling,
    Evaluating,
    Evaluation,
    Progress,
    Record,
    Sample,
)


@dataclass
class LiveTraining:
    """The latest record of each kind, and the curve so far.

    Attributes:
        compiling: what is waited for before the first step.
        progress, evaluation, evaluating, sample: the latest.
        curve, steps: smoothed training loss of every progress record, nats per character.
    """

    compiling: Compiling | None = None
    progress: Progress | None = None
    evaluation: Evaluation | None = None
    evaluating: Evaluating | None = None
    sample: Sample | None = None
    curve: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    @property
    def path(self) -> tuple[list[int], list[float]]:
        """The curve with the steps of its points."""
        return self.steps, self.curve

    def take(self, record: Record) -> None:
        """Take in the next record."""
        match record:
            case Compiling():
                self.compiling = record
            case Progress():
                self.progress = record
                self.curve.append(record.smooth_nats_per_char)
                self.steps.append(record.step)
            case Evaluation():
                self.evaluation = record
            case Evaluating():
                self.evaluating = record
            case Sample():
                self.sample = record
