"""Presets: the vocabulary decides, and what they promise can be trained."""

import pytest

import recurra
from recurra.training.presets import LARGE_VOCABULARY, PRESETS


def corpus(folder, distinct, characters=60_000):
    signs = "".join(chr(0x4E00 + i) for i in range(distinct))
    path = folder / f"{distinct}-{characters}.txt"
    path.write_text((signs * (characters // distinct + 1))[:characters], "utf-8")
    return recurra.load_corpus([path])


@pytest.mark.parametrize("name", PRESETS)
def test_the_vocabulary_decides(tmp_path, name):
    few = recurra.preset(name, corpus(tmp_path, LARGE_VOCABULARY - 1))
    many = recurra.preset(name, corpus(tmp_path, LARGE_VOCABULARY))
    assert few.network.shortlist is None
    assert many.network.shortlist is not None
    for chosen, distinct in ((few, 60), (many, 5000)):
        shapes = recurra.ShapeSolver(chosen.network).shapes(distinct, chosen.recipe.hidden)
        assert shapes.count > 100_000


def test_who_waits_longer_trains_longer(tmp_path):
    for distinct in (60, LARGE_VOCABULARY):
        presets = [recurra.preset(name, corpus(tmp_path, distinct)) for name in PRESETS]
        minutes = [chosen.recipe.minutes for chosen in presets]
        assert minutes == sorted(set(minutes))
        assert all(chosen.recipe.steps is None for chosen in presets)
        epochs = [chosen.recipe.epochs for chosen in presets]
        assert epochs == sorted(set(epochs))


def test_a_short_text_is_not_read_for_minutes(tmp_path):
    text = corpus(tmp_path, 10, 1000)
    chosen = recurra.preset("fast", text)
    recipe = chosen.recipe.with_(hidden=4, lr=None, minutes=30.0, epochs=chosen.recipe.epochs)
    *_, end = recurra.Trainer(chosen.network, text, recipe, engine="reference").records()
    assert end.stopped_by == "epochs"
    assert end.characters <= chosen.recipe.epochs * len(text.train[0])
    # whoever asks for minutes gets them
    assert chosen.recipe.with_(minutes=5.0).epochs is None


@pytest.mark.parametrize("characters", [200, 3000, 60_000])
def test_a_short_text_is_read_in_fewer_streams(tmp_path, characters):
    text = corpus(tmp_path, 60, characters)
    recipe = recurra.preset("fast", text).recipe
    length = sum(map(len, text.train))
    assert recipe.batch <= max(1, length // (10 * recipe.seq_len))
    assert recipe.evaluate_every <= max(10, length // (recipe.batch * recipe.seq_len))
    small = recipe.with_(
        steps=2, hidden=4, evaluate_every=2, sample_every=0, evaluate_characters=50
    )
    network = recurra.load_network("rnn")
    *_, end = recurra.Trainer(network, text, small, engine="reference").records()
    assert end.steps == 2


@pytest.mark.parametrize("name", PRESETS)
def test_another_network_has_the_size_of_the_preset_and_a_rate_of_its_own(tmp_path, name):
    for distinct in (60, LARGE_VOCABULARY):
        text = corpus(tmp_path, distinct)
        own, other = recurra.preset(name, text), recurra.preset(name, text, "wrnn", {"f1": "gelu"})
        assert other.network == recurra.load_network("wrnn", {"f1": "gelu"})
        assert other.recipe == own.recipe.with_(lr=None)
        trainer = recurra.Trainer(other.network, text, other.recipe, engine="reference")
        assert trainer.model.shapes.count > 100_000


@pytest.mark.parametrize(
    ("name", "speed", "hidden"),
    [
        # tiny Shakespeare, two cores: 38,000, 19,000 and 12,000 characters a second
        ("fast", 38_000, 288), ("good", 19_000, 416), ("best", 12_000, 512),
        ("fast", 38_000 / 5, 192), ("fast", 38_000 / 40, 128), ("fast", 38_000 * 5, 416),
        ("good", 19_000 / 5, 288), ("good", 19_000 * 3, 512), ("best", 12_000 * 100, 512),
    ],
)  # fmt: skip
def test_the_size_is_right_for_the_time_there_is(tmp_path, name, speed, hidden):
    text, measured = corpus(tmp_path, 60), []

    def measure(usual):
        measured.append(usual)
        return speed

    chosen = recurra.preset(name, text, measure=measure)
    usual = recurra.preset(name, text)
    assert measured == [usual]
    assert chosen.recipe.hidden == hidden
    assert chosen.recipe.lr * hidden == pytest.approx(3 if hidden < 400 else 2)
    assert chosen.recipe.minutes == usual.recipe.minutes
    # in other minutes as much is read as by another machine in these
    shorter = recurra.preset(name, text, minutes=usual.recipe.minutes / 4, measure=measure)
    slower = recurra.preset(name, text, measure=lambda _: speed / 4)
    assert shorter.recipe == slower.recipe.with_(
        minutes=usual.recipe.minutes / 4, epochs=slower.recipe.epochs
    )


def test_what_diverges_while_it_is_measured_has_its_usual_size(tmp_path):
    text = corpus(tmp_path, 60)
    assert recurra.preset("fast", text, measure=lambda _: 0.0) == recurra.preset("fast", text)


def test_another_name_is_refused(tmp_path):
    with pytest.raises(recurra.SettingError, match="choose one of fast, good, best"):
        recurra.preset("fats", corpus(tmp_path, 60))
