"""A folder for the Hugging Face Hub: weights, configuration, vocabulary, equations, model card.

It is a run folder too: ``recurra write`` and ``recurra.load_model`` read it.
"""

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recurra._version import __version__
from recurra.compute.sampling import Sampling
from recurra.errors import RunError, SettingError
from recurra.export.base import Export, Target
from recurra.export.words import word
from recurra.models.writer import Writer
from recurra.storage.outputs import write_output
from recurra.storage.runs import MODEL, Run
from recurra.training.finished_run import FinishedRun
from recurra.view import numbers
from recurra.view.markdown import code, inline
from recurra.view.tables import Cells, markdown

_SAMPLES, _CHARACTERS = 2, 400


class HuggingFaceFolder(Target):
    """See the module."""

    name = "huggingface"
    suffix = ""
    help = "a folder for the Hugging Face Hub"

    def write(self, export: Export, path: Path) -> list[Path]:
        """Write the folder; the paths of the user's texts stay at home."""
        source = export.run
        if source is None:
            raise SettingError("a folder for the Hub needs weights: name a run, not a network")
        run = Run.create(
            path, _public(source.run.config), source.run.equations, source.run.vocabulary
        )
        step = (
            source.held_out.steps[source.held_out.nats.argmin()] if len(source.held_out.nats) else 0
        )
        arrays = {f"parameter/{name}": value for name, value in source.best.parameters.items()}
        run.save("best", arrays, {"step": int(step)})
        (path / "best.safetensors").rename(path / MODEL)  # the name that the Hub looks for
        (path / "metrics.jsonl").unlink()
        write_output(path / "README.md", _card(export, source, path.name))
        return [path, *sorted(path.iterdir())]


def _public(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a run without folders of its machine."""
    text = dict(config["text"])
    public = {**config, "text": {**text, "sources": [_last(one) for one in text["sources"]]}}
    if config.get("origin"):
        public["origin"] = {**config["origin"], "run": _last(config["origin"]["run"])}
    return public


def _last(source: str) -> str:
    return source.rstrip("/\\").replace("\\", "/").rpartition("/")[2]


def _card(export: Export, source: FinishedRun, name: str) -> str:
    model, recipe = source.best, source.recipe

    def word_of(key: str, **values: object) -> str:
        return word(key, export.language, **values)

    texts = ", ".join(map(_last, source.config.text.sources))
    found = source.finished
    held_out = source.held_out_loss
    facts = {
        word_of("card network"): model.network.name,
        word_of("card parameters"): f"{model.shapes.count:,}",
        word_of("card vocabulary"): f"{len(model.vocabulary):,}",
        word_of("card texts"): texts,
        word_of("card recipe"): word_of(
            "card trained",
            optimizer=recipe.optimizer,
            batch=recipe.batch,
            length=recipe.seq_len,
            dropout=f"{recipe.dropout:g}",
        ),
    }
    if found:
        facts[word_of("card steps")] = f"{found.steps:,}"
        facts[word_of("card characters")] = f"{found.characters:,}"
        facts[word_of("card seconds")] = numbers.duration(found.seconds)
    if held_out is not None:
        facts[word_of("card loss")] = word_of(
            "card nats",
            nats=numbers.loss(held_out),
            bits=numbers.loss(held_out / math.log(2)),
        )
    samples = [_sample(source, seed) for seed in range(_SAMPLES)]
    usage = f'recurra write {shlex.quote(name)} "..."'
    return (
        "\n\n".join(
            [
                _head(name, texts, held_out),
                f"# {inline(name)}",
                word_of("card what", version=__version__),
                code(model.network.source),
                markdown(Cells(("", ""), [*facts.items()], (False, False))),
                f"## {word_of('card use')}",
                code(f"pip install recurra\n{usage}", "sh"),
                f"## {word_of('card samples')}",
                word_of("card drawn"),
                *(code(sample) for sample in samples),
            ]
        )
        + "\n"
    )


def _head(name: str, texts: str, held_out: float | None) -> str:
    """The YAML that the Hub reads; a text in JSON is one in YAML."""
    lines = [
        "---",
        "library_name: recurra",
        "pipeline_tag: text-generation",
        "tags: [recurrent-neural-network, character-level-language-model]",
    ]
    if held_out is not None:
        lines += [
            "model-index:",
            f"- name: {json.dumps(name)}",
            "  results:",
            "  - task: {type: text-generation}",
            f"    dataset: {{type: text, name: {json.dumps(texts)}}}",
            "    metrics:",
            f"    - {{type: loss, name: held-out nats per character, value: {held_out:.6g}}}",
        ]
    return "\n".join([*lines, "---"])


def _sample(source: FinishedRun, seed: int) -> str:
    writer = Writer(source.best, Sampling(), seed)
    try:
        return "".join(writer.write(_CHARACTERS))
    except RunError:  # it predicts no finite numbers
        return "-"
