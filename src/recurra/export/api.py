"""Export a network, or a run with its weights."""

from collections.abc import Mapping
from pathlib import Path

from recurra.errors import SettingError
from recurra.export.base import Export, Language, WeightFormat
from recurra.export.targets import find_target
from recurra.lang.library import load_network
from recurra.lang.network import Network
from recurra.storage.outputs import output_format
from recurra.storage.runs import Run
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import CLASSIC, Recipe


def export_to(
    target: str,
    source: Network | Run | str | Path,
    path: str | Path,
    *,
    choices: Mapping[str, str | float] | None = None,
    hidden: int | Mapping[str, int] | None = None,
    recipe: Recipe = CLASSIC,
    language: Language = "en",
    weights: WeightFormat | None = None,
) -> list[Path]:
    """Write a network, or a run with its weights, as a program or a file for other worlds.

    Args:
        target: its name; see `recurra.export.targets`.
        source: a network, a library name or ``.eq`` file; or a run, opened or its folder.
        path: the main file, or the folder.
        choices: of the network, such as ``{"f1": "sigmoid"}``; a run has made its own.
        hidden: sizes of the network's vectors; None: those of the recipe. A run has its own.
        recipe: how the program of a network trains; that of a run trains as the run did.
        language: of comments and words, "en" or "zh".
        weights: how they are stored, where a target leaves a choice: "float32", "float16" or
            "int8".

    Returns:
        The files written, the main one first.

    Raises:
        RecurraError: a name, the run or the file is refused.
    """
    chosen = find_target(target)
    if chosen.suffix:
        output_format(path, [chosen.suffix.removeprefix(".")])
    if weights is not None and weights not in chosen.weights:
        known = ", ".join(chosen.weights)
        raise SettingError(
            f"no weights {weights} for {target}: "
            + (f"choose one of {known}" if known else "leave --weights out")
        )
    if isinstance(source, str | Path) and Path(source, "config.json").exists():
        source = Run.open(source)
    if isinstance(source, Run):
        if choices or hidden:
            raise SettingError(
                f"{source.folder} is a run, which has its sizes and choices: leave --hidden and "
                "--set out, or name its network"
            )
        run = FinishedRun(source)
        export = Export(run.network, run.config.recipe, run.best, run, language, weights)
    else:
        network = source if isinstance(source, Network) else load_network(source, choices)
        sizes = recipe.hidden if hidden is None else hidden
        export = Export(network, recipe.with_(hidden=sizes), language=language)
    return chosen.write(export, Path(path))
