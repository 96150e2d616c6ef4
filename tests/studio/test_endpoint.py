"""The endpoint, asked by OpenAI's own client: the library's own answers, in its form."""

import importlib
import json
import math
import shutil

import numpy as np
import pytest

import recurra
from recurra.models.adaptation.reader import AdaptiveReader, adaptive_loss
from recurra.training.finished_run import FinishedRun, load_model
from serving import serving

RUN = "runs/rnn"
PROMPT = "to be or not"


@pytest.fixture(scope="module")
def openai():
    """The library: a second of imports, spared the processes that run none of these tests."""
    return importlib.import_module("openai")


@pytest.fixture(scope="module")
def client(openai, studio):
    server, _ = studio
    with openai.OpenAI(
        base_url=f"{server.origin}/v1", api_key=server.token, max_retries=0, timeout=600
    ) as client:
        yield client


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder / RUN)


def log_probabilities(model, text):
    """Of every next character of a text, by the reference engine."""
    engine, rows = model.engine("reference"), []
    state = engine.zero_state(1)
    for number in model.vocabulary.encode(text):
        log_p, state = engine.next_log_probabilities(np.array([number], np.int32), state)
        rows.append(log_p[0])
    return np.array(rows)


def complete(client, prompt=PROMPT, **options):
    return client.completions.create(model=RUN, prompt=prompt, **options)


def test_models(openai, client):
    assert [found.id for found in client.models.list()] == [RUN]
    assert client.models.retrieve(RUN).id == RUN
    for name in ("runs/none", "../rnn", "%2e%2e", "plays.txt"):
        with pytest.raises(openai.NotFoundError) as error:
            client.completions.create(model=name, prompt="a")
        assert (error.value.code, error.value.param) == ("model_not_found", "model")
        assert error.value.type == "invalid_request_error"


def test_a_wrong_key(openai, studio):
    server, _ = studio
    stranger = openai.OpenAI(base_url=f"{server.origin}/v1", api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError, match="open the address"):
        stranger.models.list()


@pytest.mark.parametrize("options", [{}, {"temperature": 0.7}, {"top_p": 0.5}, {"temperature": 0}])
def test_the_text_is_that_of_write(client, folder, options):
    got = complete(client, seed=3, max_tokens=40, **options)
    temperature = options.get("temperature", 1.0)
    own = {"temperature": temperature, "top_p": options.get("top_p"), "seed": 3}
    assert got.choices[0].text == "".join(recurra.write(folder / RUN, PROMPT, 40, **own))
    assert got.choices[0].finish_reason == "length"
    assert got.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": len(PROMPT), "completion_tokens": 40, "total_tokens": len(PROMPT) + 40,
    }  # fmt: skip


def test_sixteen_characters_unless_asked(client):
    assert len(complete(client).choices[0].text) == 16


def test_several_texts_of_several_prompts(client, folder):
    got = complete(client, prompt=["to be", "or"], n=2, seed=8, max_tokens=9)
    assert [choice.index for choice in got.choices] == [0, 1, 2, 3]
    expected = [
        "".join(recurra.write(folder / RUN, prompt, 9, temperature=1.0, seed=seed))
        for prompt in ("to be", "or")
        for seed in (8, 9)
    ]
    assert [choice.text for choice in got.choices] == expected


def test_a_stream_is_the_same_text(client):
    whole = complete(client, seed=5, max_tokens=300, logprobs=1, echo=True)
    stream = complete(
        client, seed=5, max_tokens=300, logprobs=1, echo=True, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    *parts, usage = list(stream)
    assert "".join(part.choices[0].text for part in parts) == whole.choices[0].text
    assert [part.choices[0].finish_reason for part in parts][-1] == "length"
    for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        told = [x for part in parts for x in getattr(part.choices[0].logprobs, name)]
        assert told == getattr(whole.choices[0].logprobs, name)
    assert usage.choices == []
    assert usage.usage == whole.usage
    assert {part.id for part in parts} == {usage.id}


def test_what_a_stream_sends(studio):
    _, http = studio
    asked = {"model": RUN, "prompt": "to", "max_tokens": 3, "stream": True}
    with http.stream("POST", "/v1/completions", json=asked) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *events, done, end = response.read().decode().split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    for event in events:
        assert json.loads(event.removeprefix("data: "))["object"] == "text_completion"


@pytest.mark.parametrize("stops", [["o"], ["t ", "qu"], ["zzzz"], ["e", "be", "to be", "not"]])
def test_stops_are_not_returned(client, stops):
    whole = complete(client, seed=1, max_tokens=200).choices[0].text
    found = [(whole.find(stop) + len(stop), -len(stop)) for stop in stops if stop in whole]
    end = min(found) if found else (200, 0)
    got = complete(client, seed=1, max_tokens=200, stop=stops).choices[0]
    assert got.text == whole[: end[0] + end[1]]
    assert got.finish_reason == ("stop" if found else "length")


def test_log_probabilities_are_the_models_own(client, model):
    got = complete(client, logprobs=3, max_tokens=5, echo=True, temperature=0.3, seed=2).choices[0]
    text = PROMPT + got.text[len(PROMPT) :]
    assert got.text == text
    told, rows = got.logprobs, log_probabilities(model, text)
    assert told.tokens == list(text)
    assert told.text_offset == list(range(len(text)))
    assert (told.token_logprobs[0], told.top_logprobs[0]) == (None, None)
    numbers = model.vocabulary.encode(text)
    expected = [rows[i - 1][numbers[i]] for i in range(1, len(text))]
    np.testing.assert_allclose(told.token_logprobs[1:], expected, atol=2e-5)
    for i in range(1, len(text)):
        top = told.top_logprobs[i]
        best = model.vocabulary.decode(np.argsort(-rows[i - 1], kind="stable")[:3])
        assert set(top) == {*best, text[i]}
        assert top[text[i]] == told.token_logprobs[i]


def test_a_text_is_as_likely_as_eval_says(client, folder):
    text = (folder / "plays.txt").read_text("utf-8")[:900]
    (folder / "given.txt").write_text(text, "utf-8")
    (score,) = recurra.score(recurra.Run.open(folder / RUN), [folder / "given.txt"])
    got = complete(client, prompt=text, max_tokens=0, echo=True, logprobs=0).choices[0]
    assert got.text == text
    assert score.loss.characters == len(text) - 1
    assert math.isclose(-sum(got.logprobs.token_logprobs[1:]), score.loss.nats, rel_tol=1e-5)


def test_a_prompt_is_learned_from(openai, client, folder):
    prompt, options = "to be or not to be that is " * 20, {"extra_body": {"adapt": True}, "n": 2}
    rms = recurra.Adaptation()
    for echo in ({}, {"echo": True, "logprobs": 1}):
        got = complete(client, prompt=prompt, seed=4, max_tokens=80, **options, **echo)
        for number, choice in enumerate(got.choices):
            written = recurra.write(
                folder / RUN, prompt, 80, temperature=1.0, seed=4 + number, adapt=rms
            )
            assert choice.text.removeprefix(prompt) == "".join(written)
    opened = FinishedRun.open(folder / RUN)
    reader = AdaptiveReader(opened.best.engine("reference"), rms, opened.gradient_squares)
    loss = adaptive_loss(reader, [opened.best.vocabulary.encode(prompt)])
    told = choice.logprobs.token_logprobs[1 : len(prompt)]
    assert -sum(told) == pytest.approx(loss.nats, rel=1e-4)
    with pytest.raises(openai.BadRequestError, match="learns from 100,000 characters"):
        complete(client, prompt="to be " * 20_000, **options)


def test_numbers_of_characters_are_a_prompt(client, model):
    numbers = model.vocabulary.encode(PROMPT).tolist()
    texts = [
        complete(client, prompt=prompt, seed=4, max_tokens=12).choices[0].text
        for prompt in (PROMPT, numbers, [numbers])
    ]
    assert len(set(texts)) == 1


def test_unknown_characters(openai, client):
    got = complete(client, prompt="to be €", seed=1)
    assert got.skipped == ["€"]
    assert got.choices[0].text == complete(client, prompt="to be ", seed=1).choices[0].text
    with pytest.raises(openai.BadRequestError, match="the model does not know '€'") as error:
        complete(client, prompt="to be €", echo=True, logprobs=1)
    assert error.value.param == "prompt"


def test_an_empty_prompt_and_no_characters(client):
    assert complete(client, prompt="", max_tokens=0).choices[0].text == ""
    assert complete(client, max_tokens=0, echo=True).choices[0].text == PROMPT
    assert len(complete(client, prompt="", max_tokens=4).choices[0].text) == 4


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"max_tokens": -1}, "max_tokens"), ({"max_tokens": 10**9}, "max_tokens"),
        ({"n": 0}, "n"), ({"n": 10**9}, "n"), ({"logprobs": 10**9}, "logprobs"),
        ({"temperature": -1}, "temperature"), ({"top_p": 0}, "top_p"), ({"top_p": 1.5}, "top_p"),
        ({"seed": -1}, "seed"), ({"seed": 10**30}, "seed"), ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"), ({"best_of": 3}, "best_of"), ({"suffix": "x"}, "suffix"),
        ({"frequency_penalty": 1}, "frequency_penalty"), ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"prompt": []}, "prompt"), ({"prompt": [[]] * 200}, "n"), ({"prompt": [10**9]}, "prompt"),
        ({"prompt": [-1]}, "prompt"), ({"prompt": ["a", 1]}, "prompt"), ({"prompt": 5}, "prompt"),
        ({"prompt": {}}, "prompt"), ({"prompt": [[1.5]]}, "prompt"),
        ({"prompt": [[True]]}, "prompt"),
        ({"prompt": "to" * 600_000}, "max_tokens"),
        ({"n": 100, "max_tokens": 1000, "logprobs": 20}, "max_tokens"),
        ({"max_tokens": "5"}, None), ({"stream": 1}, None), ({"temperature": "hot"}, None),
        ({"extra_body": {"min_p": 0.1}}, None), ({"extra_body": {"top_k": 0}}, "top_k"),
    ],
)  # fmt: skip
def test_what_is_refused(openai, client, options, param):
    with pytest.raises(openai.BadRequestError) as error:
        complete(client, **options)
    assert (error.value.param, error.value.type) == (param, "invalid_request_error")
    message = error.value.body["message"]
    assert message.count("\n") == 0
    assert len(message) < 300


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff", b'{"model": 1}', b"1" * 9999],
)
def test_what_is_no_request(studio, body):
    _, http = studio
    response = http.post("/v1/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_fields_without_effect_are_taken(client):
    options = {"best_of": 1, "presence_penalty": 0, "logit_bias": {}, "user": "me"}
    assert len(complete(client, max_tokens=2, **options).choices[0].text) == 2


# -- the tokenizer


def test_the_tokenizer_is_the_vocabulary(studio, model):
    _, http = studio
    assert http.get("/tokenizer_info").json() == {"bos_token": "\n", "eos_token": None}
    numbers = model.vocabulary.encode(PROMPT).tolist()
    assert http.post("/tokenize", json={"prompt": PROMPT}).json()["tokens"] == numbers
    assert http.post("/detokenize", json={"tokens": numbers}).json() == {"prompt": PROMPT}
    for path, body in [
        ("tokenize", {}), ("tokenize", {"prompt": 1}), ("tokenize", {"prompt": "€"}),
        ("detokenize", {"tokens": "a"}), ("detokenize", {"tokens": [10**9]}),
        ("detokenize", {"tokens": [-1]}), ("detokenize", {"tokens": [True]}),
    ]:  # fmt: skip
        assert http.post(f"/{path}", json=body).status_code == 400


def test_two_models_have_no_tokenizer(tmp_path, folder):
    for name in "ab":
        shutil.copytree(folder / RUN, tmp_path / name)
    with serving(tmp_path) as (_, http):
        response = http.get("/tokenizer_info")
    assert response.status_code == 404
    assert "serve the folder of one run" in response.text
