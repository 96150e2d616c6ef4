"""The winners of studies against each other: trained with what their studies found."""

import json
import sys

import pytest

import recurra
from comparing import RECIPE, finish, write_text
from recurra.cli import main
from recurra.errors import SettingError
from recurra.report.content import gather
from recurra.report.document import compose
from recurra.report.page import page
from recurra.tuning.request import TuneRequest, tune

SEARCH = {"engine": "reference", "workers": 1, "length": 480, "pruner": "none", "finalists": 1}


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studies")
    text = write_text(folder / "plays.txt")
    spaces = {
        "rnn": {"hidden": [8, 12], "seq_len": [6, 8], "lr": [1e-2]},
        "wrnn": {"hidden": [6], "f1": ["sigmoid", "tanh"], "lr": [1e-2, 1e-3]},
    }
    recipe = RECIPE.with_(warmup=0, seed=3)
    return {
        name: tune(
            TuneRequest(
                texts=[text], network=name, space=space, recipe=recipe, out=folder / name, **SEARCH
            )
        )
        for name, space in spaces.items()
    }


@pytest.fixture(scope="module")
def compared(studies, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "comparison"
    comparison = recurra.compare_studies(studies, seeds=2, out=out, threads=1)
    return comparison, finish(comparison)


def test_every_winner_is_trained_as_its_study_found_it(studies, compared):
    comparison, trained = compared
    assert trained == [f"won/{name}/seed-{seed}" for seed in (4, 5) for name in ("rnn", "wrnn")]
    for trial in comparison.finalists():
        config = recurra.Run.open(trial.folder).config
        recipe = studies[trial.contestant].winning().recipe
        assert recurra.Recipe(**config["recipe"]) == recipe.with_(seed=trial.seed)
    network = studies["wrnn"].winning().network
    assert f"f1 = {network.choices['f1']}" in comparison.contestant("wrnn").equations
    sizes = comparison.budgets[0].parameters
    rows = recurra.evaluate_test(comparison).rows
    assert {(row.contestant, row.parameters) for row in rows} == set(sizes.items())


def test_it_goes_on_where_it_was(compared):
    comparison, _ = compared
    again = recurra.Comparison.open(comparison.folder)
    assert again == comparison
    assert finish(again) == []


def test_its_report_says_where_the_settings_come_from(studies, compared):
    comparison, _ = compared
    content = gather(comparison.folder, characters=10)
    assert "as each network&#x27;s study found them" in page(compose(content))
    assert "沿用各自搜索得到的设置" in page(compose(content, "zh"))
    source = page(compose(content))
    for name, study in studies.items():
        assert f"The search of {name}" in source
        assert f'<td class="n">{study.winner().loss:.4f}</td>' in source
    assert content.commands == (
        "recurra compare rnn=STUDY-rnn wrnn=STUDY-wrnn --seeds=2 --threads=1",
    )


def test_seeds_that_a_study_searched_are_not_used_again(studies, tmp_path):
    text = studies["rnn"].spec.text.sources
    space = {"seed": [0, 7, 3], "hidden": [6], "lr": [1e-2]}
    recipe = RECIPE.with_(warmup=0)
    seeds = tune(
        TuneRequest(
            texts=text, network="rnn", space=space, recipe=recipe, out=tmp_path / "seeds", **SEARCH
        )
    )
    made = recurra.compare_studies({"one": seeds, "other": studies["wrnn"]}, seeds=2, out="new")
    assert made.seeds == (8, 9)


def test_studies_of_other_texts_are_refused(studies, tmp_path):
    text = write_text(tmp_path / "plays.txt", 9_000)
    other = tune(
        TuneRequest(
            texts=[text],
            network="rnn",
            space={"lr": [1e-2]},
            recipe=RECIPE.with_(hidden=4),
            out=tmp_path / "o",
            **SEARCH,
        )
    )
    with pytest.raises(SettingError, match="the study other searched on other texts"):
        recurra.compare_studies({"rnn": studies["rnn"], "other": other})
    with pytest.raises(SettingError, match="two networks or more"):
        recurra.compare_studies({"rnn": studies["rnn"]})


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["recurra", "compare", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0


def test_the_command_takes_studies(studies, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folders = [study.folder for study in studies.values()]
    code = command(monkeypatch, *folders, "--seeds", "1", "--threads", "1", "--json")
    said = capsys.readouterr()
    assert code == 0, said.err
    found = json.loads(said.out)
    assert [row["key"] for row in found["rows"]] == ["won/rnn/seed-4", "won/wrnn/seed-4"]
    assert command(monkeypatch, f"a={folders[0]}", f"b={folders[0]}", "--lr", "0.1") == 2
    assert "winners of studies keep their settings" in capsys.readouterr().err
