"""The place Network: what the server answers while someone types, and what it keeps."""

import pytest

import recurra
from serving import serving

WRNN = recurra.load_network("wrnn", {"f1": "sigmoid", "f2": "sigmoid"}).source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def ask(folder):
    with serving(folder) as (_, client):

        def asked(what, **form):
            answer = client.post(f"/api/network/{what}", json=form)
            assert answer.status_code == 200, answer.text
            return answer.json()

        asked.client = client
        yield asked


def test_right_equations_have_shapes_a_diagram_and_lines(ask):
    found = ask("check", text=WRNN, hidden=8, vocabulary=30)
    shapes = recurra.ShapeSolver(recurra.parse(WRNN)).shapes(30, 8)
    assert found["count"] == shapes.count
    assert {p["name"]: tuple(p["shape"]) for p in found["parameters"]} == {
        name: shapes.paper(name) for name in shapes.parameters
    }
    assert found["diagram"].startswith("<svg")
    assert ask("check", text=WRNN, steps=1)["diagram"] != found["diagram"]
    assert [line["typed"] for line in found["lines"]][:3] == [
        "delta(bar(o[t]))", "delta(b[t])", "delta(bar(b[t]))"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [(WRNN.replace("a[t-1] + s1", "a[t+1] + s1"), 4, 25), ("", 1, 0), ("h[t] = 隐(", 1, 8)],
)
def test_wrong_equations_are_told_with_their_place(ask, text, line, column):
    error = ask("check", text=text)["error"]
    assert (error["line"], error["column"]) == (line, column)
    assert "\n" not in error["message"]
    assert "error" in ask("explain", text=text)


def test_what_a_network_is_stands_there_in_two_languages(ask):
    text = recurra.load_network("gru").text
    for language, told in (("en", "the reset gate"), ("zh", "重置门")):
        assert told in ask("check", text=text, language=language)["about"]
        assert told in ask("explain", text=text, language=language)["html"]


def test_the_gradient_is_checked_and_told_in_two_languages(ask):
    for language, verdict in (("en", "ok"), ("zh", "正确")):
        found = ask("gradients", text=WRNN, language=language)
        assert found["passed"]
        assert verdict in found["html"]


def test_a_derivation_by_hand(ask):
    right = ask("answer", text=WRNN, line="a.1", formula="delta(a[t]) * f1'(bar(a[t]))")
    assert right["right"]
    wrong = ask("answer", text=WRNN, line="a", formula="V.T @ delta(bar(b[t]))")
    assert not wrong["right"]
    assert wrong["html"].count("This term is missing") == 2
    assert wrong["html"].count("<math>") == 2
    error = ask("answer", text=WRNN, line="a", formula="V.T @\n<b>(")["error"]
    assert (error["line"], error["column"]) == (1, 6)
    assert "numpy" in ask("example", text=WRNN, line="W")
    assert "需要" in ask("answer", text=WRNN, line="W", values="1 2", language="zh")["html"]


def test_every_number_of_a_tiny_network(ask):
    found = ask("steps", text=WRNN)
    assert len(found["text"]) == 4
    assert len(found["given"]) == 9
    assert found["lines"][0]["value"].startswith('<table class="matrix">')


def test_a_network_is_kept_once_and_only_in_the_folder(ask, folder):
    assert ask("save", name="mine", text=WRNN) == {"saved": "mine.eq"}
    assert recurra.load_network(folder / "mine.eq").equations == recurra.parse(WRNN).equations
    assert ask("save", name="mine", text="other") == {"exists": "mine.eq"}
    assert ask("save", name="mine.eq", text=WRNN, replace=True) == {"saved": "mine.eq"}
    gallery = ask.client.get("/api/network/gallery").json()
    assert [one["name"] for one in gallery["files"]] == ["mine"]
    assert [one["name"] for one in gallery["networks"]] == recurra.library()
    for name in ("../mine", "a/b", "", ".hidden", "a\0b", "x" * 99):
        answer = ask.client.post("/api/network/save", json={"name": name, "text": WRNN})
        assert answer.status_code == 400
    assert [path.name for path in folder.iterdir()] == ["mine.eq"]


def test_the_library_is_described_in_the_language_of_the_page_and_else_as_it_is(ask, folder):
    (folder / "own.eq").write_text(f"# Mine\n# zh: 我的\n{WRNN}", "utf-8")
    for query, language in (("", "en"), ("?language=zh", "zh")):
        gallery = ask.client.get(f"/api/network/gallery{query}").json()
        for one in gallery["networks"]:
            network = recurra.load_network(one["name"])
            shown = recurra.parse(one["text"])
            assert shown.about(language) == network.about(language), one["name"]
            assert "# zh:" not in one["text"]
            assert shown.equations == network.equations
        texts = {one["name"]: one["text"] for one in gallery["files"]}
        assert texts["own"].startswith("# Mine\n# zh: 我的\n")
    assert ask.client.get("/api/network/gallery?language=fr").status_code == 400
    (folder / "own.eq").unlink()


def test_a_name_that_turns_the_text_round_is_shown_with_escapes(ask, folder):
    (folder / "a\u202eb.eq").write_text(WRNN, "utf-8")
    (one,) = (
        one
        for one in ask.client.get("/api/network/gallery").json()["files"]
        if one["name"] == "a\u202eb"
    )
    assert one["label"] == r"a\u202eb"
    (folder / "a\u202eb.eq").unlink()


def test_a_link_is_never_written_through(ask, folder, tmp_path):
    (folder / "link.eq").symlink_to(tmp_path / "outside.eq")
    assert ask("save", name="link", text=WRNN, replace=True) == {"exists": "link.eq"}
    (folder / "link.eq").unlink()
    assert not (tmp_path / "outside.eq").exists()


@pytest.mark.parametrize("what", ["check", "gradients", "example", "answer", "steps"])
@pytest.mark.parametrize("name", ["hidden", "vocabulary", "steps", "seed"])
def test_numbers_that_make_no_sense_are_refused(ask, what, name):
    for value in (-1, 10**30, 0.5, "4", None):
        form = {"text": WRNN, "line": "a", "formula": "1", name: value}
        answer = ask.client.post(f"/api/network/{what}", json=form)
        assert answer.status_code == 400
        assert name in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "form", [[], {}, {"text": 3}, {"text": "", "language": "fr"}, {"text": "", "more": 1}, "{"]
)
def test_other_forms_are_refused(ask, form):
    answer = ask.client.post("/api/network/check", json=form)
    assert answer.status_code == 400


def test_words_are_those_of_the_page_in_each_language(ask):
    english, chinese = (ask.client.get(f"/api/words/{code}").json() for code in ("en", "zh"))
    assert english.keys() == chinese.keys()
    assert (english["network"], chinese["network"]) == ("Network", "网络")
    assert ask.client.get("/api/words/fr").status_code == 400
