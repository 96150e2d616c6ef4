"""The main job in two minutes: a plain RNN and a W-RNN read Shakespeare, then write on."""

from collections.abc import Iterator, Sequence

from recurra.compute.registry import DEFAULT_ENGINE
from recurra.lang.library import load_network
from recurra.text.sources import Source
from recurra.training.finished_run import FinishedRun
from recurra.training.recipe import MODERN
from recurra.training.records import Finished
from recurra.training.sessions import start
from recurra.training.trainer import Trainer
from recurra.training.write_request import WriteRequest

NETWORKS = ("rnn", "wrnn")
TEXT = "shakespeare"
PROMPT = "To be, or not to be, that is the "
CHARACTERS = 300


def pending_runs(
    minutes: float = 2.0,
    *,
    engine: str = DEFAULT_ENGINE,
    threads: int | None = None,
    seed: int = 0,
) -> Iterator[Trainer]:
    """A trainer for each network, each made when it is asked for and with its own run folder.

    Args:
        minutes: training time, shared by the networks.
        engine, threads: what computes.
        seed: of both runs.

    Raises:
        SettingError: ``minutes`` is not above 0.
        TextError: the plays are not installed.
    """
    recipe = MODERN.with_(
        minutes=minutes / len(NETWORKS),
        seed=seed,
        # so short a run is looked at more often, and remembered for less long
        smoothing=0.95,
        record_every=1,
        evaluate_every=100,
        evaluate_characters=20_000,
        sample_every=500,
    )
    for name in NETWORKS:
        yield start([TEXT], load_network(name), recipe, engine=engine, threads=threads)


def loss_curve(finished: Finished) -> list[float]:
    """Smoothed training loss of a run along the way, nats per character; one value at least."""
    curve: list[float] = FinishedRun.open(finished.run or "").train.nats.tolist()
    return curve or [finished.train_nats_per_char]


def write_request(runs: Sequence[Source], prompt: str | None = None, seed: int = 0) -> WriteRequest:
    """The request to let the trained networks write.

    Args:
        runs: folders of both.
        prompt: what they go on with; None: Hamlet's beginning.
        seed: of the texts.
    """
    prompt = PROMPT if prompt is None else prompt
    return WriteRequest(runs=runs, prompt=prompt, characters=CHARACTERS, seed=seed)
