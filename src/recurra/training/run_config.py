"""What a run was asked for, out of its ``config.json``."""

from dataclasses import dataclass
from typing import Any

from recurra.errors import RecurraError, RunError
from recurra.storage.runs import Run
from recurra.training.recipe import Recipe


@dataclass(frozen=True)
class Asked:
    """What a run was asked for.

    Attributes:
        network: its name.
        recipe: how it was trained.
        text: sources, encoding, split and fingerprint.
        engine, threads: what computed.
    """

    network: str
    recipe: Recipe
    text: dict[str, Any]
    engine: str
    threads: int


def asked(run: Run) -> Asked:
    """What a run was asked for.

    Raises:
        RunError: its configuration does not say it.
    """
    config = run.config
    try:
        text = {
            name: config["text"][name] for name in ("sources", "encoding", "split", "fingerprint")
        }
        recipe = Recipe(**config["recipe"])
        return Asked(str(config["network"]), recipe, text, config["engine"], config["threads"])
    except (LookupError, TypeError, RecurraError) as error:
        raise RunError(
            f"{run.folder / 'config.json'} does not say what a run needs ({error}): restore a "
            "backup, or train a new run"
        ) from None
