"""Folders for the Hugging Face Hub: a card, standard names, and a run that can be read back."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

import recurra

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home of somebody")
    text = folder / "a `novel`: | 小说.txt"
    text.write_text("".join(f"{n} + {n} = {2 * n} ``` | 是\n" for n in range(200)), "utf-8")
    recipe = recurra.MODERN.with_(hidden=6, steps=20, evaluate_every=10)
    result = recurra.train([text], "lstm", recipe, engine="reference", out=folder / "run")
    return result, folder


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_folder_is_a_run_without_traces_of_the_machine(language, trained, tmp_path):
    result, home = trained
    folder = tmp_path / 'my "model"'
    written = recurra.export_to("huggingface", result.run, folder, language=language)
    assert written[0] == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "equations.eq", "model.safetensors", "vocabulary.json",
    ]  # fmt: skip
    for path in folder.iterdir():
        assert str(home).encode() not in path.read_bytes()
    model, expected = recurra.load_model(folder), recurra.load_model(result.run)
    assert model.network == expected.network
    assert model.vocabulary == expected.vocabulary
    arrays = load_file(folder / "model.safetensors")
    for name, value in expected.parameters.items():
        np.testing.assert_array_equal(model.parameters[name], value)
        np.testing.assert_array_equal(arrays[f"parameter/{name}"], value)
    texts = ["".join(recurra.write(run, "1 + 1", 50, seed=3)) for run in (str(folder), result.run)]
    assert texts[0] == texts[1]

    card = (folder / "README.md").read_text("utf-8")
    _, head, body = card.split("---\n", 2)
    about = yaml.safe_load(head)
    (entry,) = about["model-index"]
    assert entry["name"] == folder.name
    assert entry["results"][0]["dataset"]["name"] == "a `novel`: | 小说.txt"
    value = entry["results"][0]["metrics"][0]["value"]
    assert value == pytest.approx(result.val_nats_per_char, rel=1e-5)
    assert model.network.source.rstrip() in body
    assert json.loads((folder / "config.json").read_text("utf-8"))["text"]["sources"] == [
        "a `novel`: | 小说.txt"
    ]


def test_what_is_there_is_kept(trained, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(recurra.RunError, match="is not an empty, free folder"):
        recurra.export_to("huggingface", trained[0].run, tmp_path)
    with pytest.raises(recurra.SettingError, match="name a run, not a network"):
        recurra.export_to("huggingface", "rnn", tmp_path / "new")
