"""A search as a part of a report: what it was asked for, and what its trials came to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.comparison.comparison import PlannedRun
from recurra.tuning.study_spec import StudySpec
from recurra.tuning.trials import Trial, rank

SHOWN = 3  # of the best trials have curves and samples
LISTED = 20  # stand in the table


@dataclass(frozen=True)
class SearchPart:
    """A search.

    Attributes:
        spec: what it was asked for.
        trials: all of them.
        table: the best ones, as in `recurra.tuning.study.rows`.
        winner: number of the best.
    """

    spec: StudySpec
    trials: tuple[Trial, ...]
    table: tuple[Mapping[str, Any], ...]
    winner: int

    @property
    def counts(self) -> Counter[str]:
        """State -> how many trials."""
        return Counter(trial.state for trial in self.trials)


def gather_search(folder: str | Path) -> tuple[SearchPart, list[PlannedRun]]:
    """A search that found something, and its best trials as entries of the report.

    Raises:
        RunError: the folder is no study, or no trial is done yet.
    """
    # who reports something else need not wait for Optuna to load
    from recurra.tuning.study import Study, rows

    study = Study.open(folder)
    winner = study.winner()
    ranked = sorted(study.trials(), key=rank)
    part = SearchPart(
        study.spec,
        tuple(sorted(ranked, key=lambda trial: trial.number)),
        tuple(rows(study, ranked[:LISTED])),
        winner.number,
    )
    best = [trial for trial in ranked if trial.loss is not None][:SHOWN]
    return part, [
        PlannedRun(
            "best",
            f"#{trial.number}",
            study.spec.recipe_of(trial.setting or {}).seed,
            study.run_folder(trial.number),
        )
        for trial in best
    ]
