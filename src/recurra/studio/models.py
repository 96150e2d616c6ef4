"""The models of a folder's runs; those used last are kept."""

from collections import OrderedDict
from threading import Lock

from recurra.models.model import Model
from recurra.storage.runs import Run
from recurra.studio.errors import MissingError
from recurra.studio.workspace import Entry, Workspace
from recurra.training.finished_run import load_model

KEPT = 4  # models in memory


class Models:
    """Trained models, found by the names of their runs.

    Args:
        workspace: the folder.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._kept: OrderedDict[tuple[str, int], Model] = OrderedDict()
        self._lock = Lock()

    def entries(self) -> list[Entry]:
        """The runs that hold a model."""
        return [entry for entry in self._workspace.entries() if _checkpoint(entry) is not None]

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
        entry = self._workspace.entry(id, "run")
        changed = _checkpoint(entry)
        key = (entry.id, changed or 0)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        model = load_model(Run.open(entry.path))
        with self._lock:
            self._kept[key] = model
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return model


def _checkpoint(entry: Entry) -> int | None:
    """When the model of a run changed; None where there is none."""
    for name in ("best.safetensors", "last.safetensors"):
        try:
            return (entry.path / name).stat().st_mtime_ns
        except OSError:
            continue
    return None
