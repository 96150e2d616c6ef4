"""A study: a folder with all that its trials were, are and need in order to go on.

study.json      the specification, with the format number; written once
journal.log     Optuna's journal of the trials, unless they are in a database
trials/00007/   the run of trial 7, an ordinary run folder
claims/         lock files of leases: which process trains which trial
figures/        what `recurra trials --figures` draws
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from recurra.errors import RunError, SettingError
from recurra.storage.files import safe_name
from recurra.training.finished_run import FinishedRun
from recurra.training.winner import Winner
from recurra.tuning.leases import Leases
from recurra.tuning.optuna_storage import full_address, public_url, require_database
from recurra.tuning.study_spec import FILE, StudySpec, load_spec, save_spec, study_name
from recurra.tuning.trial_store import TrialStore
from recurra.tuning.trials import DONE, WAITING, Trial, best


@dataclass(frozen=True)
class Study:
    """A study, opened.

    Attributes:
        folder: absolute path.
        spec: what is searched, how, and on which texts.
        name: among Optuna's studies.
        storage: address of the database that its trials are in; None: its folder.
        patience: seconds to wait for a database that does not answer.
    """

    folder: Path
    spec: StudySpec
    name: str
    storage: str | None = None
    patience: float = 600.0

    @classmethod
    def create(
        cls,
        spec: StudySpec,
        out: str | Path | None = None,
        storage: str | None = None,
    ) -> Self:
        """Begin a study, or open the one that was begun with the same specification.

        Args:
            spec: what to search, how, and on which texts.
            out: the folder; None: one below ``studies`` with the specification's key in its name.
            storage: address of a PostgreSQL database; None: the trials are kept in the folder.

        Raises:
            SettingError: the folder holds a study that was asked for something else.
            TextError: no text is held out.
            RunError: the folder cannot be written, or the database does not answer.
        """
        address = None
        if storage is not None:
            require_database(storage)
            address = public_url(storage)
        corpus = spec.text.load("the study")
        corpus.held_out("validation")
        name = safe_name("-".join([*spec.networks, Path(spec.text.sources[0]).stem]))
        folder = Path(out or Path("studies", f"{name}-{spec.key}")).resolve()
        if (folder / FILE).exists():
            study = cls.open(folder, storage)
            _refuse_other(study, spec)
            return study
        # hidden: what is left of a call that was killed here
        if folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise RunError(f"{folder} is not empty, and no study: choose another --out")
        folder.mkdir(parents=True, exist_ok=True)
        save_spec(spec, folder, study_name(folder, spec), address)
        return cls.open(folder, storage)

    @classmethod
    def open(cls, folder: str | Path, storage: str | None = None) -> Self:
        """A study that is there.

        Args:
            folder: of the study.
            storage: address of its database, if it has one; default: the environment's
                ``RECURRA_STORAGE``.

        Raises:
            RunError: the folder is no study, is damaged, or is of another version.
            SettingError: its trials are in a database, which is not named; or are not.
        """
        folder = Path(folder).resolve()
        spec, name, kept = load_spec(folder)
        return cls(folder, spec, name, full_address(folder, kept, storage))

    @cached_property
    def store(self) -> TrialStore:
        """Where the trials are kept."""
        space = self.spec.space
        return TrialStore(self.folder, self.name, space, self.storage, patience=self.patience)

    @cached_property
    def leases(self) -> Leases:
        """Which of them this process trains."""
        return Leases(self.store, self.folder / "claims", self.folder / "trials")

    def trials(self) -> list[Trial]:
        """All trials, also those that nobody has begun."""
        there = self.store.trials()[: self.spec.trials]
        return there + [Trial(number) for number in range(len(there), self.spec.trials)]

    def run_folder(self, number: int) -> Path:
        """The run folder of a trial."""
        return self.folder / "trials" / f"{number:05}"

    def remove_checkpoints(self, number: int) -> None:
        """Remove the checkpoints of a trial that will never go on; its records are kept."""
        for name in ("last", "best"):
            (self.run_folder(number) / f"{name}.safetensors").unlink(missing_ok=True)

    def curve(self, number: int) -> list[float]:
        """Smoothed training loss of a trial, nats per character, from its first record to now."""
        folder = self.run_folder(number)
        if not folder.exists():
            return []
        curve: list[float] = FinishedRun.open(folder).train.nats.tolist()
        return curve

    def winner(self) -> Trial:
        """The best trial of those that are done.

        Raises:
            RunError: there is none.
        """
        trials = self.trials()
        found = best(trials)
        if found is None:
            finished = [trial for trial in trials if trial.finished and trial.reason]
            if finished and all(trial.finished for trial in trials):
                raise RunError(
                    f"no trial of {self.folder} came to an end; trial {finished[0].number}: "
                    f"{finished[0].reason}"
                )
            raise RunError(f"no trial of {self.folder} is done yet: go on with `recurra tune`")
        return found

    def winning(self) -> Winner:
        """The winner, to be trained in full.

        Raises:
            RunError: there is no winner.
        """
        setting = self.winner().setting
        assert setting is not None
        spec = self.spec
        return Winner(spec.network(setting), spec.recipe_of(setting), spec.text, self.folder)


@dataclass(frozen=True)
class StudyWinner:
    """The winner of a study that is opened when the winner is asked for.

    Attributes:
        folder: of the study.
    """

    folder: str | Path

    def __call__(self) -> Winner:
        """Open the study; see `Study.winning`."""
        return Study.open(self.folder).winning()


def rows(study: Study, trials: list[Trial]) -> list[dict[str, Any]]:
    """The table of a study: one flat row of plain values for every trial.

    The classic columns are ``min_smooth_loss``, summed over a sequence and to be compared only
    between equal ``seq_len``, the step (iteration) that it was set at, and ``sample``.
    """
    bits = 1.4426950408889634
    table = []
    for trial in trials:
        result = trial.result
        rungs = {f"nats_at_{rung}": trial.rungs.get(rung) for rung in study.spec.pruner.rungs}
        done = trial.state == DONE
        table.append(
            {
                "trial": trial.number,
                "state": trial.state,
                **dict.fromkeys(study.spec.space.parameters),
                **(trial.setting or {}),
                **rungs,
                "nats_per_char": trial.loss,
                "bits_per_char": None if trial.loss is None else trial.loss * bits,
                "characters": trial.characters,
                "min_smooth_loss": result.min_smooth_loss if done else None,
                "min_smooth_loss_step": result.min_smooth_loss_step if done else None,
                "steps": result.steps,
                "seconds": result.seconds,
                "chars_per_second": result.chars_per_second,
                "parameters": result.parameters,
                "reason": trial.reason,
                "sample": result.sample,
                "run": str(study.run_folder(trial.number)),
            }
        )
    return table


def leading_rows(
    table: Sequence[Mapping[str, Any]], top: int
) -> tuple[list[Mapping[str, Any]], int, int]:
    """The first rows of a table whose trials have begun.

    Args:
        table: see `rows`, sorted.
        top: so many of them.

    Returns:
        These rows, how many more have begun, and how many wait.
    """
    begun = [row for row in table if row["state"] != WAITING or row["characters"]]
    return begun[:top], max(0, len(begun) - top), len(table) - len(begun)


def _refuse_other(study: Study, spec: StudySpec) -> None:
    old, new = study.spec.as_json(), spec.as_json()
    differing = [name for name in new if old[name] != new[name]]
    if differing:
        raise SettingError(
            f"{study.folder} holds a study with another {' and another '.join(differing)}: "
            "choose another --out, or give the same command again to go on"
        )
