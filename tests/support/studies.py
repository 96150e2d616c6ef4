"""Small studies: a text of sums, networks of a few numbers, trials of some dozen steps."""

import dataclasses

from recurra.training.recipe import CLASSIC
from recurra.tuning.request import TuneRequest
from recurra.tuning.study import Study, rows
from recurra.tuning.workers import Worker

RECIPE = CLASSIC.with_(
    batch=2, record_every=5, evaluate_every=10, evaluate_characters=200, sample_every=30,
    sample_characters=20,
)  # fmt: skip
SPACE = {"hidden": [3, 5], "seq_len": [4, 8], "lr": [0.1, 0.03, 0.01]}
LENGTH = 480
CLOCK = {"seconds", "chars_per_second", "run"}


def write_text(folder):
    path = folder / "sums.txt"
    if not path.exists():
        path.write_text("".join(f"{n} + {n} = {2 * n}\n" for n in range(300)), "utf-8")
    return path


def make_spec(folder, space=SPACE, recipe=RECIPE, network="rnn", **options):
    options = {
        "length": LENGTH,
        "engine": "reference",
        "pruner": "none",
        "max_in_flight": 4,
        **options,
    }
    return TuneRequest(
        texts=[write_text(folder)], network=network, space=space, recipe=recipe, **options
    ).spec()


def study(folder, name="study", **options):
    return Study.create(make_spec(folder, **options), folder / name)


def finished(folder, name="study", **options):
    """A study that has been worked on to its end in this process."""
    made = study(folder, name, **options)
    assert Worker(made).work()
    return made


def table(made, without=CLOCK):
    """All that has to be the same whoever did it, and when."""
    return [{k: v for k, v in row.items() if k not in without} for row in rows(made, made.trials())]


def states(made):
    return [trial.state for trial in made.trials()]


def replaced(given, **changes):
    return dataclasses.replace(given, **changes)
