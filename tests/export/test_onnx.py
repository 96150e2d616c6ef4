"""ONNX models of one time step: a runtime predicts what the reference engine predicts."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import recurra
from random_models import TEXTS, model_of
from recurra.export.base import Export
from strategies import networks, sizes

pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
from recurra.export.onnx import OnnxStep  # noqa: E402

T, B = 6, 2


def session_of(model, path):
    OnnxStep().write(Export(model.network, recurra.CLASSIC, model), path)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def check_equal(text, folder, hidden=3):
    model = model_of(text, hidden=hidden, scale=0.2)
    engine = model.engine("reference")
    session = session_of(model, folder / "net.onnx")
    rng = np.random.default_rng(5)
    state = {n: rng.normal(0, 0.5, s.shape) for n, s in engine.zero_state(B).items()}
    state = {n: s.astype(np.float32) for n, s in state.items()}
    names = [one.name for one in session.get_inputs()[1:]]
    past = {}
    for one in session.get_inputs()[1:]:
        name, _, lag = one.name.rpartition(".")
        past[one.name] = state[name][-int(lag)].reshape(B, *one.shape[1:])
    for x in rng.integers(len(model.vocabulary), size=(T, B)):
        expected, state = engine.next_log_probabilities(x.astype(np.int32), state)
        logp, *after = session.run(None, {"x": x, **past})
        np.testing.assert_allclose(logp, expected, rtol=1e-5, atol=1e-4)
        past = dict(zip(names, after, strict=True))
    assert [one.name for one in session.get_outputs()] == ["logp", *(f"next.{n}" for n in names)]


@pytest.mark.parametrize("text", TEXTS)
def test_log_probabilities_are_those_of_the_reference_engine(text, tmp_path):
    check_equal(text, tmp_path)


@given(text=networks())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_networks(text, tmp_path):
    check_equal(text, tmp_path, sizes(text))


CHINESE = "\n，。" + "".join(map(chr, range(0x4E00, 0x4E00 + 90)))


@pytest.mark.parametrize(
    ("network", "characters", "prompt"),
    [("glstm", "\n abcdefghijklmnopqrstuvwxyz.", "it was a dark"), ("large", CHINESE, "一丁七。")],
    ids=["English", "Chinese"],
)
def test_the_reader_of_the_documents_writes_as_the_model_does(
    network, characters, prompt, tmp_path
):
    choices = {"shortlist": 30} if network == "large" else None
    model = model_of(recurra.load_network(network, choices).source, characters, 16, 0.2)
    session_of(model, tmp_path / "writer.onnx")
    document = Path(__file__).parents[2] / "docs" / "export.md"
    (reader,) = re.findall(r"```py\n(.*?)```", document.read_text("utf-8"), re.DOTALL)
    assert len(reader.splitlines()) <= 20
    (tmp_path / "reader.py").write_text(reader, "utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "reader.py", "writer.onnx", prompt, "0"],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    writer = recurra.Writer(model, recurra.Sampling(0.0), engine=model.engine("reference"))
    writer.read(prompt)
    assert done.stdout.decode() == prompt + "".join(writer.write(300))


def test_names_and_equations_are_data(tmp_path):
    text = (
        "# </x> \" ' \\ \u2028\nlogp[t] = tanh(next @ x[t] + 状态 @ logp[t-2])\n"
        "o[t] = softmax(constant @ logp[t])\n"
    )
    check_equal(text, tmp_path)
    model = model_of(text, "\ud800ab")
    session = session_of(model, tmp_path / "odd.onnx")
    found = session.get_modelmeta().custom_metadata_map
    assert json.loads(found["characters"]) == model.vocabulary.characters
    assert found["equations"] == model.network.source


def test_a_network_without_weights_is_refused(tmp_path):
    with pytest.raises(recurra.SettingError, match="needs weights: name a run"):
        recurra.export_to("onnx", "rnn", tmp_path / "rnn.onnx")
