"""Records: what a training tells stands in ``metrics.jsonl`` and comes back with its types."""

import json
import math
import tracemalloc
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.errors import RunError
from recurra.storage.runs import Run
from recurra.training.records import (
    Evaluation,
    Finished,
    Progress,
    Sample,
    has_finished,
    read,
    read_records,
    to_json,
)

NUMBERS = st.integers(0, 2**60)
OF_TYPE = {
    int: NUMBERS,
    float: st.floats(allow_nan=True),
    str: st.text(),
    bool: st.booleans(),
    float | None: st.none() | st.floats(allow_nan=False, allow_infinity=False),
    int | None: NUMBERS,
    str | None: st.none() | st.text(),
}
PROGRESS = Progress(10, 700, 2.5, 17.5, 2.5, 0.01, 1e5, 3.0, 0.25, 9.0)


def records():
    return st.sampled_from([Progress, Evaluation, Sample, Finished]).flatmap(
        lambda kind: st.builds(kind, **{f.name: OF_TYPE[f.type] for f in fields(kind)})
    )


def without_infinities(record):
    """JSON has neither NaN nor infinity: both come back as NaN; compared as text, NaN is itself."""
    values = {f.name: getattr(record, f.name) for f in fields(record)}
    return type(record), {
        name: "nan" if isinstance(v, float) and not math.isfinite(v) else v
        for name, v in values.items()
    }


@given(records(), NUMBERS)
def test_what_is_written_is_read(record, step):
    line = json.loads(json.dumps(to_json(record, step), allow_nan=False))
    assert line["step"] == getattr(record, "step", step)
    assert without_infinities(read(line, "x")) == without_infinities(record)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": None}, "kind has to be one of progress, evaluation, sample, finished, not None"),
        ({"kind": []}, r"kind has to be one of .*, not \[\]"),
        ({"kind": "dance"}, "kind has to be one of"),
        ({"seconds": "long"}, "seconds has to be a number or null, not 'long'"),
        ({"seconds": math.inf}, "seconds has to be a number or null, not inf"),
        ({"characters": 1.5}, "characters has to be a whole number, not 1.5"),
        ({"characters": None}, "characters has to be a whole number, not None"),
        ({"rate": {}}, "rate has to be a number or null"),
    ],
)
def test_what_is_no_record_is_one_sentence(change, sentence):
    line = to_json(PROGRESS, 10) | change
    with pytest.raises(RunError, match=rf"^RUN/metrics\.jsonl, line 3: {sentence}"):
        read(line, "RUN/metrics.jsonl, line 3")


@pytest.mark.parametrize("missing", ["kind", "seconds", "characters"])
def test_a_missing_key_is_named(missing):
    line = to_json(PROGRESS, 10)
    del line[missing]
    with pytest.raises(RunError, match=rf"line 3: {missing} (is missing|has to be)"):
        read(line, "metrics.jsonl, line 3")


def test_keys_of_a_newer_version_are_left_out():
    assert read(to_json(PROGRESS, 10) | {"temperature": 37}, "x") == PROGRESS


def new_run(tmp_path):
    return Run.create(tmp_path / "run", {}, "a[t] = x[t]", "ab")


def test_evaluations_of_version_0_1_are_completed(tmp_path):
    run = new_run(tmp_path)
    old = Evaluation(20, 1.0, 1.44, True)
    new = replace(old, step=30, characters=999, seconds=4.5)
    for record in (PROGRESS, old, new):
        line = to_json(record, record.step)
        if record is old:
            del line["characters"], line["seconds"]
        run.append_metrics(line)
    _, first, second = read_records(run, 70)
    assert first == replace(old, characters=1400, seconds=PROGRESS.seconds)
    assert second == new


def test_the_line_of_a_wrong_record_is_named(tmp_path):
    run = new_run(tmp_path)
    run.append_metrics(to_json(PROGRESS, 10))
    run.append_metrics({"step": 20})
    with pytest.raises(RunError, match=r"run/metrics\.jsonl, line 2: kind"):
        list(read_records(run, 70))
    assert not has_finished(run, 1)


def test_records_are_read_one_by_one(tmp_path):
    run = new_run(tmp_path)
    line = json.dumps(to_json(PROGRESS, 10)) + "\n"
    (run.folder / "metrics.jsonl").write_text(line * 20_000)
    tracemalloc.start()
    try:
        assert sum(record.step for record in read_records(run, 70)) == 200_000
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
