"""The report of a real comparison: complete, escaped, and nothing in it leaves the page."""

import itertools
import math
import random
import re
import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import recurra
from pages import Page
from recurra.cli import main
from recurra.errors import RunError, SettingError, TextError
from recurra.explain.diagram import draw
from recurra.report.content import gather
from recurra.report.document import compose
from recurra.report.markdown import markdown
from recurra.report.page import LEVELS, coloured, page
from recurra.report.samples import Sample, choose_prompts, surprise
from recurra.storage.runs import Run
from recurra.view import numbers
from recurra.view.words import LANGUAGES

RECIPE = recurra.MODERN.with_(
    batch=2, seq_len=8, steps=30, warmup=5, record_every=5, evaluate_every=10, sample_every=0,
    lr=1e-2, dropout=0.1
)  # fmt: skip
OWN = "h[t] = tanh(U @ x[t] + W @ h[t-1])\no[t] = softmax(V @ h[t] + s)\n"


def write_text(path):
    """With characters that have a meaning in HTML, Markdown and Chinese."""
    chance = random.Random(3)
    words = ["<script>alert(1)</script>", "A & B", "```", "宝玉笑道", "to be|or", '"not"\n']
    path.write_text(" ".join(chance.choice(words) for _ in range(1200)), "utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    (folder / "mine.eq").write_text(OWN, "utf-8")
    comparison = recurra.plan_comparison(
        {"wrnn": "wrnn", "门控": "wrnn", "mine": folder / "mine.eq"},
        [write_text(folder / "a text.txt")],
        RECIPE,
        choices={"门控": {"f1": "sigmoid"}},
        hidden=[24, 40],
        limits=[{"steps": 10}],
        match="hidden",
        seeds=2,
        rates=[1e-2, 3e-3],
        out=folder / "comparison",
        engine="reference",
        threads=1,
    )
    for _, trainer in recurra.pending_runs(comparison):
        list(trainer.records())
    return comparison


@pytest.fixture(scope="module")
def content(made):
    return gather(made.folder, characters=60)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_and_stays_by_itself(made, content, language):
    source = page(compose(content, language))
    found = Page(source)
    for tag, attributes in found.found:
        assert tag not in {"script", "link", "img", "iframe", "object", "base", "form"}
        assert not {"src", "href", "srcset", "action", "onload", "onclick"} & set(attributes)
    policies = [a["content"] for tag, a in found.found if a.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert "url(" not in source.replace("url(#", "")  # places of the page itself
    assert "@import" not in source
    results = recurra.evaluate_test(made)
    for difference in results.differences:
        assert difference.sentence(language) in found.text
    for row in results.rows:
        assert numbers.loss(row.test) in found.text
        assert f"{row.min_smooth_loss:.2f}" in found.text
    for sample in content.samples:
        assert sample.prompt + sample.text in found.text
    assert ("结论" in found.text) == (language == "zh")
    assert str(made.folder.parent) not in source  # no path of this machine


def test_figures_show_every_network_at_every_budget(content):
    found = Page(page(compose(content)))
    drawings = [a["aria-label"] for tag, a in found.found if tag == "svg" and "aria-label" in a]
    # two for the losses, two for the search and two for the curves, at two budgets
    assert len(drawings) == 2 * 6
    for network in content.names:
        assert found.text.count(network) > 12


def test_every_network_is_drawn_over_three_time_steps(content):
    source = page(compose(content))
    for network in content.networks:
        assert draw(network.network) in source


@pytest.mark.parametrize("language", LANGUAGES)
def test_markdown_tells_the_same(made, content, language):
    text = markdown(compose(content, language))
    results = recurra.evaluate_test(made)
    for sentence in (d.sentence(language) for d in results.differences):
        assert sentence in text
    for sample in content.samples:
        assert f"{sample.prompt}{sample.text}".rstrip() in text
    tables = re.sub(r"(?ms)^(```+)text$.*?^\1$", "", text)
    widths = {line.count(" | ") for line in tables.splitlines() if line.startswith("| ")}
    assert len(widths) == 3  # kinds of tables, each with as many cells in every row
    assert str(made.folder.parent) not in text


def test_the_commands_make_the_comparison_again(made, content, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "a text.txt")
    (tmp_path / "mine.eq").write_text(content.networks[2].network.source, "utf-8")
    (command,) = content.commands
    monkeypatch.setattr(sys, "argv", [*shlex.split(command), "--quiet", "--out", "again"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code, capsys.readouterr().err
    again = recurra.evaluate_test(recurra.Comparison.open("again"))
    results = recurra.evaluate_test(made)
    assert [row.test for row in again.rows] == [row.test for row in results.rows]
    assert again.differences == results.differences
    assert again.searches == results.searches


def test_the_commands_make_runs_again(made, tmp_path, monkeypatch):
    folders = [trial.folder for trial in made.finalists()[:3]]
    content = gather(folders, characters=0)
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "a text.txt")
    for network in content.networks:
        (tmp_path / f"{network.network.name}.eq").write_text(network.network.source, "utf-8")
    for number, (command, folder) in enumerate(zip(content.commands, folders, strict=True)):
        out = f"run{number}"
        monkeypatch.setattr(sys, "argv", [*shlex.split(command), "-q", "--out", out])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        saved = [recurra.load_model(run).parameters for run in (folder, out)]
        for name, value in saved[0].items():
            assert np.array_equal(value, saved[1][name])


def test_a_report_opens_each_run_once_and_reads_its_records_once(made, monkeypatch):
    opened, read = Counter(), Counter()
    run_open, run_metrics = Run.open.__func__, Run.metrics_from

    def counted_open(cls, folder):
        opened[Path(folder).resolve()] += 1
        return run_open(cls, folder)

    def counted_metrics(run, start):
        read[run.folder] += 1
        return run_metrics(run, start)

    monkeypatch.setattr(Run, "open", classmethod(counted_open))
    monkeypatch.setattr(Run, "metrics_from", counted_metrics)
    runs = dict.fromkeys((trial.folder for trial in made.finalists()), 1)
    searched = dict.fromkeys((t.folder for *_, trials in made.searches() for t in trials), 1)
    gather(made.folder, characters=20)
    assert opened == read == runs | searched
    opened.clear()
    read.clear()
    gather(list(runs), characters=20)
    assert opened == read == runs


def test_runs_that_were_not_compared(made):
    folders = [trial.folder for trial in made.finalists()]
    content = gather(folders[:2], characters=20)
    assert content.names == ["wrnn", "门控"]
    assert content.found is None
    found = Page(page(compose(content)))
    assert "The answer" not in found.text
    assert f"{content.runs[0].outcome.val_nats_per_char:.4f}" in found.text
    markdown(compose(content, "zh"))
    # One network and seed in two sizes, in folders of one name.
    assert gather([folders[0], folders[6]], characters=0).names == ["wrnn-1", "wrnn-2"]


def test_a_network_that_saved_nothing_writes_nothing(made, tmp_path):
    folders = [trial.folder for trial in made.finalists()[:2]]
    diverged = shutil.copytree(folders[0], tmp_path / "diverged")
    for name in ("best", "last"):
        (diverged / f"{name}.safetensors").unlink()
    content = gather([diverged, folders[1]], characters=20)
    assert len(content.names) == 2
    assert {sample.network for sample in content.samples} == {content.names[1]}
    page(compose(content))
    markdown(compose(content))


def test_the_commands_of_a_comparison_of_runs(made, tmp_path):
    folders = {t.contestant: [t.folder] for t in made.finalists()[:2]}
    given = recurra.compare_runs(folders, tmp_path / "given")
    *train, compare = gather(given.folder, characters=0).commands
    assert [shlex.split(command)[-1] for command in train] == [
        "--out=wrnn-seed-0",
        "--out=门控-seed-0",
    ]
    assert shlex.split(compare) == [
        "recurra", "compare", "wrnn=wrnn-seed-0", "门控=门控-seed-0",
    ]  # fmt: skip


def test_surprise_is_minus_log_two_of_what_the_model_gave(made):
    model = recurra.load_model(made.finalists()[0].folder)
    prompt, text = "宝玉笑道 A", "& B <sc"
    engine = model.engine("reference")
    numbers, state = model.vocabulary.encode(prompt + text), engine.zero_state(1)
    bits = []
    for one, following in itertools.pairwise(numbers):
        log_p, state = engine.next_log_probabilities(np.array([one]), state)
        bits.append(-float(log_p[0, following]) / math.log(2))
    assert surprise(model, prompt, text) == pytest.approx(bits[-len(text) :], rel=1e-4)
    assert surprise(model, prompt, "") == ()


def test_colours_follow_the_surprise():
    bits = (0.0, LEVELS[0] + 0.1, LEVELS[0] + 0.2, 1e9, 0.1)
    last = len(LEVELS)
    assert coloured(Sample("rnn", "", "a<&b>", bits)) == (
        f'a<span class="s1">&lt;&amp;</span><span class="s{last}">b</span>&gt;'
    )


def test_prompts_come_from_validation_text(made):
    corpus = recurra.load_corpus(made.text.sources)
    held_out = corpus.vocabulary.decode(corpus.validation[0])
    prompts = choose_prompts(corpus)
    assert 1 <= len(prompts) <= 2
    for prompt in prompts:
        assert 0 < len(prompt) <= 60
        assert prompt in held_out


def test_every_text_has_its_length_and_encoding(tmp_path):
    texts = {"一.txt": ("红楼梦\n" * 900, "gb18030"), "two.txt": ("to be\n" * 400, "utf-8")}
    for name, (text, encoding) in texts.items():
        (tmp_path / name).write_text(text, encoding)
    recipe = RECIPE.with_(evaluate_every=30)  # a single evaluation
    trainer = recurra.start(
        [tmp_path], recurra.load_network("rnn"), recipe.with_(hidden=5), engine="reference",
        threads=1, out=tmp_path / "run",
    )  # fmt: skip
    list(trainer.records())
    found = gather(tmp_path / "run", characters=0)
    parts = [(Path(one.name).name, one.characters, one.encoding) for one in found.documents]
    assert parts == [("two.txt", 2400, "utf-8"), ("一.txt", 3600, "gb18030")]
    source = page(compose(found))
    assert "2 texts of 6,000 characters in all" in source
    curve = re.search(r"<figure>(.*?)<figcaption>Held-out loss", source, re.DOTALL)
    assert "<circle" in curve[1].rsplit("<figure>", 1)[-1]
    (tmp_path / "two.txt").unlink()
    assert gather(tmp_path / "run", characters=0).documents == ()


def test_prompts_of_ones_own(made, tmp_path):
    content = gather(made.folder, prompts=["宝玉é"], characters=5)
    assert {sample.prompt for sample in content.samples} == {"宝玉"}
    assert {len(sample.text) for sample in content.samples} == {5}
    with pytest.raises(TextError, match="knows no character of the prompt"):
        gather(made.folder, prompts=["Ωé"])


def test_without_the_texts_prompts_are_needed(made, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(made.folder, copy)
    run = copy / "runs" / made.finalists()[0].key
    path = run / "config.json"
    path.write_text(path.read_text("utf-8").replace("a text.txt", "gone.txt"), "utf-8")
    # checkpoints carry the seal of a config: this one needs its own
    moved = recurra.Run.open(run)
    for name in ("best", "last"):
        moved.save(name, *recurra.Run.open(made.finalists()[0].folder).load(name))
    with pytest.raises(TextError, match="or give prompts of your own"):
        gather(run)
    assert gather(run, prompts=["A"], characters=3).samples[0].text


def test_files_and_formats(made, tmp_path):
    options = {"characters": 10}
    html = recurra.write_report(made.folder, tmp_path / "one.html", **options)
    assert html.read_text("utf-8").startswith("<!DOCTYPE html>")
    text = recurra.write_report(str(made.folder), tmp_path / "one.md", language="zh", **options)
    assert text.read_text("utf-8").startswith("# wrnn、门控 与 mine")
    other = recurra.write_report(made.folder, tmp_path / "one.txt", format="md", **options)
    assert other.read_text("utf-8").startswith("# ")
    before = html.read_bytes()
    assert recurra.write_report(made.folder, html, **options).read_bytes() == before
    with pytest.raises(SettingError, match="a report is html or md, not pdf"):
        recurra.write_report(made.folder, html, format="pdf")
    with pytest.raises(SettingError, match="no language fr"):
        recurra.write_report(made.folder, html, language="fr")
    with pytest.raises(RunError, match="cannot write"):
        recurra.write_report(made.folder, tmp_path / "missing" / "one.html", **options)
    with pytest.raises(RunError, match="cannot read"):
        recurra.write_report(tmp_path, html)
    with pytest.raises(SettingError, match="of one comparison, of one study, or of runs"):
        recurra.write_report([made.folder, made.folder], html)
