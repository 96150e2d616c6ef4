"""Texts that trained models write, as they are asked for: data, checked once."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recurra.compute.sampling import Sampling
from recurra.errors import RequestError, RunError
from recurra.models.adaptation.base import Adaptation
from recurra.models.adaptation.reader import AdaptiveReader
from recurra.models.mixed_writer import MixedWriter
from recurra.models.model import Model
from recurra.models.writer import Writer
from recurra.storage.outputs import check_output, output_format
from recurra.text.download import Progress
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun
from recurra.training.mixtures import COUNTS, make_mixture
from recurra.training.sessions import load_run_corpus

TEMPERATURE = 0.8
CHARACTERS = 500


@dataclass(frozen=True, kw_only=True)
class WriteRequest:
    """A request to let trained models write.

    Attributes:
        runs: models, or folders of runs.
        prompt: the text that they go on with; None: a conversation, in which it is typed.
        characters: how many each writes.
        stop: a text before which writing ends.
        samples: how many texts each run writes, the first with the seed, the next with seed + 1.
        temperature, top_k, top_p: see `recurra.Sampling`.
        greedy: always take the likeliest, which is temperature 0.
        seed: equal seeds write equal texts; None: another text every time.
        strict: a character of the prompt that a model does not know is an error.
        adapt: learn from the prompt while reading it; what is None in it is as the rule has it.
        mix: write as a mixture of each run and these, or "counts" of its training text; counts and
            weights learn from the prompt.
        fetch: download training texts that a run's configuration has at an address.
        last: take the last state of a run, not its best.
        out: a file for the texts.

    Raises:
        RequestError: fields that do not go together.
        SettingError: an option that makes no sense.
        RunError: the file cannot be written.
    """

    runs: Sequence[Model | Source]
    prompt: str | None = None
    characters: int = CHARACTERS
    stop: str = ""
    samples: int = 1
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    greedy: bool = False
    seed: int | None = None
    strict: bool = False
    adapt: Adaptation | None = None
    mix: Sequence[Source] = ()
    fetch: bool = False
    last: bool = False
    out: Source | None = None

    def __post_init__(self) -> None:
        if self.greedy and self.temperature:
            raise RequestError("temperature", "greedy takes the likeliest: give one of the two")
        if self.prompt is None and self.out is not None:
            raise RequestError("out", "a conversation has no file: name a text")
        if self.prompt is None and self.samples > 1:
            raise RequestError("samples", "a conversation has one: name a text")
        temperature = TEMPERATURE if self.temperature is None else self.temperature
        vars(self).update(
            runs=tuple(self.runs),
            mix=tuple(self.mix),
            temperature=0.0 if self.greedy else float(temperature),
            greedy=self.greedy or temperature == 0.0,
        )
        if self.greedy and self.samples > 1:
            raise RequestError("samples", "the likeliest text is always the same: leave greedy out")
        if self.mix and (self.last or any(isinstance(run, Model) for run in self.runs)):
            raise RequestError(
                "mix", "the best model of a run is mixed: name folders, without last"
            )
        if self.mix and self.samples > 1:
            raise RequestError("samples", "a mixture writes one text: leave samples out")
        self.sampling  # noqa: B018 (checked now)
        if self.out is not None:
            output_format(self.out, ["txt"])
            check_output(self.out)

    @property
    def sampling(self) -> Sampling:
        """How characters are drawn."""
        assert self.temperature is not None
        return Sampling(self.temperature, self.top_k, self.top_p)

    def writers(self, progress: Progress | None = None) -> dict[str, Writer]:
        """A writer for each text, by its run's path, or by a model's network; none has read yet.

        Args:
            progress: called again and again with a line that tells how much a mixture has counted.

        Raises:
            RunError: a run cannot be read.
        """
        writers: dict[str, Writer] = {}
        for run in self.runs:
            if self.mix and not isinstance(run, Model):
                writers[str(run)] = self._mixed_writer(FinishedRun.open(run), progress)
                continue
            squares = None
            if isinstance(run, Model):
                name, model = run.network.name, run
            else:
                opened = FinishedRun.open(run)
                name, model = str(run), opened.model("last") if self.last else opened.best
                squares = opened.gradient_squares if self.adapt else None
            for number in range(self.samples):
                seed = None if self.seed is None else self.seed + number
                label = f"{name}:{number + 1}" if self.samples > 1 else name
                reader = (
                    AdaptiveReader(model.engine(threads=1), self.adapt, squares)
                    if self.adapt
                    else None
                )
                writers[label] = Writer(model, self.sampling, seed, reader=reader)
        return writers

    def _mixed_writer(self, opened: FinishedRun, progress: Progress | None) -> Writer:
        own = load_run_corpus(opened, fetch=self.fetch) if COUNTS in self.mix else None
        mixture = make_mixture(opened, self.mix, own, self.adapt, threads=1, progress=progress)
        return MixedWriter(opened.best, mixture, self.sampling, self.seed)


def write(
    model: Model | Source,
    prompt: str = "",
    characters: int = CHARACTERS,
    *,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    greedy: bool = False,
    seed: int | None = None,
    strict: bool = False,
    adapt: Adaptation | None = None,
    mix: Sequence[Source] = (),
    last: bool = False,
    stop: str = "",
) -> Iterator[str]:
    """Continue a text: yields the characters that follow, without the prompt.

    Args:
        model: what writes, or the folder of its run.
        prompt: what it reads first; characters it does not know are skipped.
        characters: how many to write.
        temperature, top_k, top_p: see `Sampling`.
        greedy: always take the likeliest.
        seed: equal seeds write equal texts; None: another text every time.
        strict: an unknown character in the prompt is an error.
        adapt: learn from the prompt while reading it.
        mix: write as a mixture with these runs, or "counts".
        last: take the last state of a run, not its best.
        stop: a text before which writing ends.

    Raises:
        SettingError: an option that makes no sense.
        TextError: ``strict``, and the prompt has an unknown character.
        RunError: the run cannot be read.
    """
    request = WriteRequest(
        runs=(model,),
        prompt=prompt,
        characters=characters,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        greedy=greedy,
        seed=seed,
        strict=strict,
        adapt=adapt,
        mix=mix,
        last=last,
        stop=stop,
    )
    (writer,) = request.writers().values()
    writer.read(prompt, strict)
    return writer.write(characters, stop)


def split_prompt(words: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
    """Tell runs from the text that follows them, as on a command line.

    A folder is a run, whatever it holds; the last of several words that is none is the text.

    Raises:
        RunError: a word before the text is no folder.
    """
    prompt = words[-1] if len(words) > 1 and not os.path.isdir(words[-1]) else None
    runs = tuple(words if prompt is None else words[:-1])
    for run in runs:
        if len(words) > 1 and not os.path.isdir(run):
            raise RunError(f"no run folder {run}; a text of several words needs quotes")
    return runs, prompt
