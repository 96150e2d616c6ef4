"""A command line and a notebook ask for the same: their requests are equal."""

from dataclasses import replace
from pathlib import Path

import pytest
import typer

import recurra
from recurra.cli import app
from recurra.tuning.study import StudyWinner

DOES = {
    recurra.TrainRequest: "start",
    recurra.CompareRequest: "open",
    recurra.TuneRequest: "open_study",
    recurra.WriteRequest: "writers",
}


@pytest.fixture
def asked(monkeypatch):
    """The requests that something would be done about."""
    requests = []

    def keep(request, *arguments, **options):
        requests.append(request)
        raise recurra.RunError("enough")

    for kind, method in DOES.items():
        monkeypatch.setattr(kind, method, keep)
    return requests


@pytest.fixture
def typed(call, asked):
    """The request that a command line makes, in a folder with two runs and a study."""
    for name in ("one", "other", "study"):
        Path(name).mkdir()
    Path("study", "study.json").touch()

    def request(line, stdin=b""):
        code, out, err = call(*line, stdin=stdin)
        assert (code, out, err) == (1, "", "Error: enough\n")
        return asked.pop()

    return request


TRAINED = [
    (["a.txt"], ("a.txt",), {}),
    (["a.txt", "--split=90/5/5", "--engine=compiled", "--network=wrnn"], (["a.txt"],), {}),
    (["a.txt"], ("a.txt", "wrnn", recurra.MODERN), {"split": (90, 5, 5), "engine": "compiled"}),
    (
        ["a.txt", "b.txt", "--recipe=classic", "--lr=0.5", "--steps=7", "--no-carry-state"],
        (["a.txt", "b.txt"],),
        {"recipe": recurra.CLASSIC.with_(lr=0.5, steps=7, carry_state=False)},
    ),
    (
        ["a.txt", "--network=rnn", "--set=f=relu", "--split=80/10/10", "--threads=2", "--out=x"],
        ("a.txt", "rnn"),
        {"choices": {"f": "relu"}, "split": (80, 10, 10), "threads": 2, "out": "x"},
    ),
    (
        ["a.txt", "--hidden=a=3,b=4", "--encoding=gbk", "--engine=reference"],
        (["a.txt"], "wrnn", recurra.MODERN.with_(hidden={"a": 3, "b": 4})),
        {"encoding": "gbk", "engine": "reference"},
    ),
]


@pytest.mark.parametrize(("line", "given", "options"), TRAINED)
def test_train(typed, asked, line, given, options):
    with pytest.raises(recurra.RunError, match="enough"):
        recurra.train(*given, **options)
    from_notebook = asked.pop()
    assert typed(["train", *line]) == from_notebook
    assert replace(from_notebook) == from_notebook


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (["--resume=run"], {"resume": "run"}),
        (["--resume=run", "a.txt", "--fetch"], {"resume": "run", "texts": "a.txt", "fetch": True}),
        (
            ["a.txt", "--preset=fast", "--lr=0.5"],
            {"texts": ["a.txt"], "preset": "fast", "settings": {"lr": 0.5}},
        ),
        (
            ["--from=study", "--seed=3"],
            {"winner": StudyWinner("study"), "settings": {"seed": 3}},
        ),
    ],
)
def test_trainings_that_only_a_request_asks_for(typed, line, fields):
    assert typed(["train", *line]) == recurra.TrainRequest(**fields)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (["--resume=folder"], {"resume": "folder"}),
        (["rnn", "gru", "--text=a.txt"], {"networks": ["rnn", "gru"], "texts": "a.txt"}),
        (
            ["rnn", "mine=my.eq", "--text=a.txt", "--text=b.txt", "--set=mine.f1=relu"],
            {
                "networks": {"rnn": "rnn", "mine": "my.eq"},
                "texts": ["a.txt", "b.txt"],
                "choices": {"mine": {"f1": "relu"}},
            },
        ),
        (
            ["rnn", "gru", "--text=a.txt", "--hidden=64,256", "--steps=5,10", "--minutes=0.5"],
            {
                "networks": ["rnn", "gru"], "texts": ["a.txt"], "hidden": [64, 256],
                "steps": [5, 10], "minutes": [0.5], "recipe": recurra.MODERN,
            },
        ),
        (
            ["rnn", "gru", "--text=a.txt", "--hidden=a=6,b=7", "--rates=1e-2,1e-3", "--seed=4",
             "--match=hidden", "--seeds=2", "--recipe=classic", "--out=x"],
            {
                "networks": ["rnn", "gru"], "texts": ["a.txt"], "hidden": [{"a": 6, "b": 7}],
                "rates": (0.01, 0.001), "settings": {"seed": 4}, "match": "hidden", "seeds": 2,
                "recipe": "classic", "out": "x",
            },
        ),
        (
            ["rnn", "gru", "--text=a.txt", "--storage=postgresql://h/x", "--dask=tcp://h:1"],
            {
                "networks": ["rnn", "gru"], "texts": ["a.txt"], "storage": "postgresql://h/x",
                "dask": "tcp://h:1",
            },
        ),
        (
            ["--resume=folder", "--storage=postgresql://h/x", "--sbatch", "--workers=9"],
            {"resume": "folder", "storage": "postgresql://h/x", "sbatch": True, "workers": 9},
        ),
        (["one", "other"], {"runs": ["one", "other"]}),
        (["a=one", "b=other", "a=more"], {"runs": {"a": ["one", "more"], "b": ["other"]}}),
        (
            ["study", "again=study", "--seeds=3", "--threads=1"],
            {"studies": {"study": "study", "again": "study"}, "seeds": 3, "threads": 1},
        ),
    ],
)  # fmt: skip
def test_compare(typed, asked, line, fields):
    with pytest.raises(recurra.RunError, match="enough"):
        recurra.compare(recurra.CompareRequest(**fields))
    from_notebook = asked.pop()
    assert typed(["compare", *line]) == from_notebook
    assert replace(from_notebook) == from_notebook


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (["a.txt", "--space=s.toml"], {"texts": "a.txt", "space": "s.toml"}),
        (
            ["a.txt", "--grid=classic", "--network=rnn"],
            {"texts": ["a.txt"], "grid": "classic", "network": "rnn", "recipe": recurra.CLASSIC},
        ),
        (
            ["a.txt", "--space=s.toml", "--recipe=classic", "--search=tpe", "--pruner=halving",
             "--trials=9", "--length=1000", "--rung=10", "--factor=4", "--finalists=0",
             "--ahead=2", "--minutes=1.5", "--workers=1", "--lr=0.5", "--storage=postgresql://h/x",
             "--dask=tcp://h:1"],
            {
                "texts": ["a.txt"], "space": "s.toml", "settings": {"lr": 0.5},
                "recipe": recurra.CLASSIC, "sampler": "tpe", "pruner": "halving", "trials": 9,
                "length": 1000, "rung": 10, "factor": 4, "finalists": 0, "max_in_flight": 2,
                "minutes": 1.5, "workers": 1, "storage": "postgresql://h/x", "dask": "tcp://h:1",
            },
        ),
    ],
)  # fmt: skip
def test_tune(typed, asked, line, fields):
    with pytest.raises(recurra.RunError, match="enough"):
        recurra.tune(recurra.TuneRequest(**fields))
    from_notebook = asked.pop()
    assert typed(["tune", *line]) == from_notebook
    assert replace(from_notebook) == from_notebook


@pytest.mark.parametrize(
    ("line", "given", "options"),
    [
        (["to be"], ("to be",), {}),
        (["to be"], ("to be", 500), {"temperature": 0.8}),
        (["to be", "--chars=9", "--greedy"], ("to be", 9), {"temperature": 0.0}),
        (["to be", "--temperature=0"], ("to be",), {"greedy": True}),
        (
            ["宝玉", "--top-k=3", "--top-p=0.5", "--seed=1", "--strict", "--last"],
            ("宝玉",),
            {"top_k": 3, "top_p": 0.5, "seed": 1, "strict": True, "last": True},
        ),
    ],
)
def test_write(typed, asked, line, given, options):
    with pytest.raises(recurra.RunError, match="enough"):
        recurra.write("one", *given, **options)
    assert typed(["write", "one", *line]) == asked.pop()


def test_write_several_into_a_file_from_a_pipe(typed):
    expected = recurra.WriteRequest(runs=["one", "other"], prompt="to be", out="texts.txt")
    assert typed(["write", "one", "other", "-", "-o", "texts.txt"], b"to be\n") == expected
    assert typed(["write", "one", "other", "to be", "-o", "texts.txt"]) == expected


@pytest.mark.parametrize(
    ("command", "request_"),
    [
        ("train", recurra.TrainRequest(texts="a.txt")),
        ("compare", recurra.CompareRequest(networks=["rnn", "gru"], texts="a.txt")),
        ("tune", recurra.TuneRequest(texts="a.txt", space="s.toml")),
        ("write", recurra.WriteRequest(runs=["one"], prompt="to be")),
    ],
)
def test_the_defaults_of_help_are_those_of_the_request(command, request_):
    commands = typer.main.get_command(app)
    _, parsed, _ = commands.resolve_command(typer.Context(commands), [command])
    shown = {p.name: p.default for p in parsed.params if p.default not in (None, False)}
    of_request = {name: getattr(request_, name) for name in shown.keys() & vars(request_).keys()}
    assert shown == {**shown, **of_request, **({"recipe": "modern"} if "recipe" in shown else {})}
    assert len(of_request) > 1


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("train --resume one --seed 3", "Invalid value for --seed: a resumed run keeps"),
        ("train --seed 3", "Invalid value for TEXT: name what to train on"),
        ("train --from study --set f=relu", "Invalid value for --set: a search's winner brings"),
        ("compare", "Invalid value for [NAME=]NETWORK: name two networks"),
        ("compare one other --text a --rates 1,2 --lr 3", "Invalid value for --rates: give lr"),
        ("compare study --engine reference", "Invalid value for --engine: the winners of studies"),
        ("compare --resume x --text a --set a.b=c", "Invalid value for --set: a resumed"),
        ("tune a.txt --space x --sbatch", "Invalid value for --storage: many machines"),
        ("tune a.txt --space x --recipe old", "Invalid value for --recipe: old is none of"),
        ("write one x --greedy --temperature 2", "Invalid value for --temperature: greedy takes"),
        ("export wrnn --to numpy -o x.py --recipe old", "Invalid value for --recipe: old is none"),
    ],
)
def test_a_refusal_names_the_option(typed, call, line, sentence):
    code, out, err = call(*line.split())
    assert (code, out) == (2, "")
    assert sentence in err
