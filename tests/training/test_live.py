"""A training folded into what a display shows."""

from recurra.training.live import LiveTraining
from recurra.training.records import Compiling, Evaluating, Evaluation, Progress, Sample, Saved


def progress(step, loss):
    return Progress(step, 10 * step, 9.0, 9.0, loss, 0.1, 100.0, float(step), None, None)


def test_the_latest_of_each_kind_and_the_whole_curve():
    live = LiveTraining()
    records = [
        Compiling("rnn"), Compiling("rnn", "tanh", 2.0), progress(1, 3.0), Evaluation(1, 2.9, 4.2,
        True), Saved(1, "best"), progress(2, 2.5), Sample(2, "to"), Sample(3, "be"),
        progress(3, 2.75), Evaluating(3, 20, 90), Evaluating(3, 40, 90),
    ]  # fmt: skip
    for record in records:
        live.take(record)
    assert (live.compiling, live.evaluating) == (records[1], records[10])
    assert (live.progress, live.evaluation, live.sample) == (records[8], records[3], records[7])
    assert live.curve == [3.0, 2.5, 2.75]
