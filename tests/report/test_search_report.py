"""The report of a real search: complete, in both languages, and its command finds the same."""

import shlex
import shutil
import sys
import tomllib

import pytest

import recurra
from pages import Page
from recurra.cli import main
from recurra.report.commands import study_commands
from recurra.report.content import gather
from recurra.report.document import compose
from recurra.report.markdown import markdown
from recurra.report.page import page
from recurra.tuning.request import TuneRequest, tune
from recurra.tuning.space import classic_space, parse_space
from recurra.tuning.statistics import compared
from recurra.view import numbers
from recurra.view.words import LANGUAGES

RECIPE = recurra.CLASSIC.with_(
    record_every=5, evaluate_every=10, evaluate_characters=200, sample_every=0, clip_value=2.0
)
SPACE = {"lr": [0.1, 0.03, 1e-5], "hidden": {"from": 4, "to": 8, "step": 4}, "f1": ["tanh", "relu"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    text = folder / "sums.txt"
    text.write_text("".join(f"{n} + {n} < {2 * n}\n" for n in range(300)), "utf-8")
    request = TuneRequest(
        texts=[text],
        network="wrnn",
        space=SPACE,
        recipe=RECIPE,
        out=folder / "study",
        workers=1,
        engine="reference",
        length=1000,
        rung=100,
        finalists=2,
        within="f1",
    )
    return tune(request)


@pytest.fixture(scope="module")
def content(made):
    return gather(made.folder, characters=40)


def test_a_network_that_lost_is_shown_too(made, tmp_path):
    request = TuneRequest(
        texts=made.spec.text.sources,
        space={"network": ["rnn", "wrnn", "lag2"], "hidden": [3]},
        recipe=RECIPE,
        out=tmp_path / "study",
        workers=1,
        engine="reference",
        length=300,
        rung=100,
        finalists=1,
    )
    tune(request)
    found = gather(tmp_path / "study", characters=0)
    assert len(found.runs) < 3
    assert {part.network.name for part in found.networks} == {"rnn", "wrnn", "lag2"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_tells_of_the_search(made, content, language):
    source = page(compose(content, language))
    found = Page(source)
    winner = made.winner()
    assert f"{winner.loss:.4f}" in found.text
    done = [trial for trial in made.trials() if trial.loss is not None]
    assert 2 <= len(done) < len(made.trials()) == 12
    for trial in done:
        assert numbers.loss(trial.loss) in found.text
        assert f"{trial.result.min_smooth_loss:.2f}" in found.text
    for sample in content.samples:
        assert sample.prompt + sample.text in found.text
    assert ("结论" in found.text) == (language == "zh")
    assert str(made.folder.parent) not in source  # no path of this machine
    text = markdown(compose(content, language))
    for sentence in (f"{winner.loss:.4f}", 'f1 = ["tanh", "relu"]', content.commands[0]):
        assert sentence in text


def test_every_pair_of_parameters_has_its_map(made, content):
    source = page(compose(content))
    for pair in (("lr", "hidden"), ("lr", "f1"), ("hidden", "f1")):
        assert f"Loss by {pair[0]} and {pair[1]}" in source
    chosen, losses = compared(made.trials())
    lowest = {}
    for trial, loss in zip(chosen, losses.tolist(), strict=True):
        pair = trial.setting["lr"], trial.setting["hidden"]
        lowest[pair] = min(loss, lowest.get(pair, loss))
    assert len(lowest) == 6
    for loss in lowest.values():
        assert f">{numbers.loss(loss)}<" in source


def test_the_best_trials_stand_side_by_side(made, content):
    ranked = sorted((t for t in made.trials() if t.loss is not None), key=lambda t: t.loss)
    assert content.names == [f"#{trial.number}" for trial in ranked[:3]]
    # trials of the same equations share them
    choices = {trial.setting["f1"] for trial in ranked[:3]}
    assert len(content.networks) == len(choices)
    assert sorted(t for network in content.networks for t in network.sizes) == sorted(content.names)


def test_the_command_makes_the_search_again(made, content, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(made.spec.text.sources[0], tmp_path)
    (tmp_path / "space.toml").write_text(made.spec.space.as_toml(), "utf-8")
    command, train = content.commands
    words = [*shlex.split(command), "--quiet", "--out", "again", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, capsys.readouterr().err
    again = recurra.Study.open("again")
    assert [trial.loss for trial in again.trials()] == [trial.loss for trial in made.trials()]
    assert train == "recurra train --from STUDY"


@pytest.mark.parametrize("network", ["rnn", "wrnn"])
def test_the_classic_grid_is_named(network, tmp_path):
    text = tmp_path / "sums.txt"
    text.write_text("1 + 1 = 2\n" * 100, "utf-8")
    spec = TuneRequest(
        texts=[text], network=network, space=classic_space(network), recipe=recurra.CLASSIC
    ).spec()
    command = study_commands(spec)[0]
    assert f"--network={network} --grid=classic --search=grid --pruner=rounds" in command


def test_a_space_reads_back_what_it_wrote():
    space = parse_space(
        {
            "hidden.b": {"from": 50, "to": 1000, "step": 50},
            "lr": {"from": 1e-5, "to": 1e-2, "log": True, "points": 4},
            "carry_state": [True, False],
            "f1": ["tanh", "sigmoid"],
            "network": ['od"d', "\u7f51\u7edc"],
        }
    )
    assert parse_space(tomllib.loads(space.as_toml())) == space
