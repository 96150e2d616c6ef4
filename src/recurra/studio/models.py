"""The models of a folder's runs; those used last are kept."""

from functools import lru_cache
from pathlib import Path

from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.model import Model
from recurra.studio.errors import MissingError
from recurra.studio.workspace import Entry, Workspace, changed
from recurra.training.finished_run import FinishedRun

KEPT = 4  # models in memory


class Models:
    """Trained models, found by the names of their runs.

    Args:
        workspace: the folder.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        # as it was saved then
        self._opened = lru_cache(KEPT)(lambda run, saved: FinishedRun.open(run))

    def entries(self) -> list[Entry]:
        """The runs that hold a model."""
        return [entry for entry in self._workspace.entries() if _checkpoint(entry.path)]

    def only(self) -> Model:
        """The model of a folder that has one; a tokenizer is asked for without the name of one.

        Raises:
            MissingError: there is none, or there are several.
        """
        entries = self.entries()
        if len(entries) != 1:
            raise MissingError(f"the folder has {len(entries)} models: serve the folder of one run")
        return self.load(entries[0].id)

    def load(self, id: str) -> Model:
        """The best model that a run has by now.

        Raises:
            MissingError: there is no such run.
            RunError: it is damaged, or has not been saved yet.
        """
        return self._open(id).best

    def reader(self, id: str) -> AdaptiveReader:
        """A reader that learns from a text, from that model's weights on.

        Raises:
            MissingError: there is no such run.
            RunError: it is damaged, or has not been saved yet.
        """
        opened = self._open(id)
        squares = opened.gradient_squares
        settings = Adaptation(rule="sgd" if squares is None else "rms")
        return AdaptiveReader(opened.best.engine(threads=1), settings, squares)

    def _open(self, id: str) -> FinishedRun:
        entry = self._workspace.entry(id, "run")
        return self._opened(entry.path, _checkpoint(entry.path))


def _checkpoint(run: Path) -> int:
    """When the model of a run changed; 0 where there is none."""
    return changed(run / "best.safetensors") or changed(run / "last.safetensors")
