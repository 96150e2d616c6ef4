"""Text -> network -> text; and every refusal: where, what, and the cure."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from equations_list import HIDDEN, OUTPUT, VALID, Valid
from recurra.compute.plan import make_plan
from recurra.errors import EquationError, RecurraError, SettingError
from recurra.lang.library import library, load_network
from recurra.lang.parser import parse
from recurra.lang.source import Source
from refused_list import INVALID, Invalid
from strategies import networks


def names(cases: list[Valid] | list[Invalid]) -> list[str]:
    return [case.name for case in cases]


def test_every_name_in_the_list_is_another() -> None:
    every = names(VALID) + names(INVALID)
    assert len(every) == len(set(every))


# ------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("case", VALID, ids=names(VALID))
def test_valid(case: Valid) -> None:
    network = parse(case.text)
    again = parse(network.source)
    assert again == network
    assert again.source == network.source


@pytest.mark.parametrize("name", library())
def test_library(name: str) -> None:
    network = load_network(name)
    assert parse(network.source, name) == network
    assert network.name == name
    assert network.description.isascii()
    assert re.search("[\u4e00-\u9fff]", network.about("zh"))


@given(networks(structured=True))
def test_print_and_parse(text: str) -> None:
    network = parse(text)
    again = parse(network.source)
    assert again == network
    assert again.source == network.source
    assert again.parameters == network.parameters


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("A @ B @ b[t]", "A @ (B @ b[t])"),
        ("A @ (B @ C) @ b[t]", "A @ (B @ (C @ b[t]))"),
        ("W @ b[t] * 2", "(W @ b[t]) * 2"),
        ("(W @ b[t]) * s", "(W @ b[t]) * s"),
        ("W @ (b[t] * s)", "W @ (b[t] * s)"),
        ("s * (W @ b[t])", "s * (W @ b[t])"),
        ("s - (b[t] - h[t-1])", "s - (b[t] - h[t-1])"),
        ("(s - b[t]) - h[t-1]", "s - b[t] - h[t-1]"),
        ("s / (b[t] * h[t-1])", "s / (b[t] * h[t-1])"),
        ("(s / b[t]) * h[t-1]", "s / b[t] * h[t-1]"),
        ("-s * b[t]", "-s * b[t]"),
        ("-(s * b[t])", "-(s * b[t])"),
        ("- -b[t]", "-(-b[t])"),
        ("2 - -3 * b[t]", "2 - -3 * b[t]"),
        ("W @ -b[t - 0]", "W @ -b[t]"),
        ("1_000 * b[t]", "1000 * b[t]"),
        ("0.10 * b[t] / 1e20", "0.1 * b[t] / 1e+20"),
        ("W.T @ (b[t])", "W.T @ b[t]"),
        ("tanh((b[t]))", "tanh(b[t])"),
    ],
)
def test_canonical_form(typed: str, printed: str) -> None:
    network = parse(f"b[t] = tanh(U @ x[t])\nh[t] = {typed}\n" + OUTPUT)
    assert f"h[t] = {printed}\n" in network.source


def test_parameters_stand_in_one_order_wherever_the_output_does() -> None:
    first, last = parse(OUTPUT + HIDDEN), parse(HIDDEN + OUTPUT)
    assert first == last
    assert first.parameters == last.parameters == ("U", "W", "Q", "s", "q")


def test_a_leading_comment_is_the_description() -> None:
    network = parse("# One line\n#\n#   and another\n" + HIDDEN + "# not this\n" + OUTPUT)
    assert network.description == "One line\n\nand another"
    assert parse(network.source).description == network.description


def test_a_description_has_lines_in_chinese() -> None:
    network = parse("# A gate\n# zh: 一个门\n# of two\n#zh:两行\n" + HIDDEN + OUTPUT)
    assert network.about("en") == "A gate\nof two"
    assert network.about("zh") == "一个门\n两行"
    assert parse(HIDDEN + "# zh: 不是\n" + OUTPUT).about("zh") == ""
    assert parse("# A gate\n" + HIDDEN + OUTPUT).about("zh") == "A gate"


@pytest.mark.parametrize(
    ("language", "comment"), [("en", "# A gate\n#\n# of two\n"), ("zh", "# 一个门\n")]
)
def test_a_text_described_in_one_language(language: str, comment: str) -> None:
    rest = HIDDEN + "# zh: 不是\n" + OUTPUT.rstrip()
    text = Source("# A gate\n# zh: 一个门\n#\n# of two\n" + rest, "")
    assert text.described_in(language) == comment + rest
    assert Source("# A gate\n" + rest, "").described_in(language) == "# A gate\n" + rest
    assert Source(rest, "").described_in(language) == rest


# ----------------------------------------------------------------------------------------- choices


def test_choices() -> None:
    text = "f = tanh\nc = 0.5\nh[t] = c * f(U @ x[t])\n" + OUTPUT
    assert parse(text).choices == {"f": "tanh", "c": 0.5}
    network = parse(text, choices={"f": "relu", "c": "-2"})
    assert network.choices == {"f": "relu", "c": -2.0}
    assert parse(network.source) == network
    assert network.function("f") == "relu"


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"g": "tanh"}, ["no choice g", "it has f, c"]),
        ({"f": "tan"}, ["f: unknown function tan", "did you mean tanh?"]),
        ({"f": "0.5"}, ["unknown function 0.5", "sigmoid"]),
        ({"c": "tanh"}, ["c is a number", "tanh"]),
        ({"c": "nan"}, ["c is a number"]),
        ({"c": "inf"}, ["c is a number"]),
    ],
)
def test_impossible_choices(choices: dict[str, str], words: list[str]) -> None:
    text = "f = tanh\nc = 0.5\nh[t] = c * f(U @ x[t])\n" + OUTPUT
    with pytest.raises(SettingError) as caught:
        parse(text, choices=choices)
    assert all(word in str(caught.value) for word in words)


def test_no_choices() -> None:
    with pytest.raises(SettingError, match="no choice f to set: it has none"):
        load_network("lstm", {"f": "tanh"})


def test_a_choice_of_zero_may_not_divide() -> None:
    text = "c = 2\nh[t] = tanh(U @ x[t]) / c\n" + OUTPUT
    make_plan(parse(text))
    with pytest.raises(EquationError, match="division by zero"):
        make_plan(parse(text, choices={"c": 0}))


# ----------------------------------------------------------------------------------------- refusals


def test_a_plus_in_front_says_nothing() -> None:
    equations = "h[t] = {}(U @ x[t])\no[t] = softmax(Q @ h[t])\n"
    assert parse(equations.format("+")).equations == parse(equations.format("")).equations


@pytest.mark.parametrize("case", INVALID, ids=names(INVALID))
def test_refused(case: Invalid) -> None:
    with pytest.raises(EquationError) as caught:
        make_plan(parse(case.text, "mine"))
    error = caught.value
    assert all(word in str(error) for word in case.words), str(error)
    if case.line:
        assert (error.line, error.column + 1) == (case.line, case.column), str(error)
    where, shown, caret = str(error).split("\n")
    assert where.startswith(f"mine, line {error.line}, column {error.column + 1}: ")
    assert len(shown) <= 104
    assert caret.strip(" \u3000") == "^"
    str(error).encode()  # whatever stood in the text, the message can be shown
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("h[t] = tanh(U @ x[t] + g[t])", "g"),
        ("h[t]\t=\tU @ x[t] + g[t]", "g"),
        ("α[t] = ħ * (U @ x[t]) + g[t]", "g"),
        ("h[t] = U @ x[t]" + " + s" * 40 + " + g[t]" + " + s" * 40, "g"),
    ],
)
def test_the_caret_stands_below_the_place(text: str, below: str) -> None:
    with pytest.raises(EquationError) as caught:
        parse(text)
    _, shown, caret = str(caught.value).split("\n")
    assert shown[caret.index("^")] == below


def test_an_error_crosses_processes() -> None:
    with pytest.raises(EquationError) as caught:
        parse("h[t] = g[t]", "mine")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_caret_below_wide_characters_is_moved_by_wide_spaces() -> None:
    with pytest.raises(EquationError) as caught:
        parse("状态[t] = 门[t]")
    assert str(caught.value).endswith("\n    状态[t] = 门[t]\n    \u3000\u3000      ^")


@given(st.text(max_size=80))
@example("h[t] = '\\N{}'")
@example("\f")
@example("h[t] = 1 if 0or 2 else 3")
def test_any_text(text: str) -> None:
    with pytest.raises(EquationError):
        parse(text)


FRAGMENTS = (
    *("h[t]", "h[t-1]", "x[t]", "o[t]", "b[t-2]", "t", "x", "h", "W", "W.T", "s", "1", "-1", "0"),
    *(
        " + ",
        " - ",
        " * ",
        " / ",
        " @ ",
        " = ",
        "-",
        "(",
        ")",
        "\n",
        "softmax(",
        "tanh(",
        "f(",
        ":",
    ),
    *(
        "f = tanh\n",
        "U @ x[t]",
        "\no[t] = softmax(Q @ h[t])\n",
        "h[t] = ",
        "W: identity\n",
        "[",
        "]",
    ),
)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
@example("h[t] = U @ x[t]\no[t] = softmax(Q @ h[t])\n")
def test_any_fragments(text: str) -> None:
    try:
        network = parse(text)
        make_plan(network)
    except EquationError:
        return
    assert parse(network.source) == network


@given(networks(structured=True), st.data())
def test_a_damaged_network(text: str, data: st.DataObject) -> None:
    """One character taken out, doubled or exchanged: another network or a refusal, no crash."""
    place = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from(["", text[place] * 2, *"tx0(@.[]=\n\0"]))
    damaged = text[:place] + new + text[place + 1 :]
    try:
        network = parse(damaged)
        make_plan(network)
    except EquationError:
        return
    assert parse(network.source) == network


# ------------------------------------------------------------------------------------------- files


def test_a_file_is_as_good_as_a_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.eq"
    path.write_text("\ufeff" + HIDDEN.replace("\n", "\r\n") + OUTPUT, "utf-8")
    network = load_network(path)
    assert network.name == "mine"
    assert network == parse(HIDDEN + OUTPUT, "mine")
    assert load_network(str(path)) == network


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["mine.eq, line 1", "no output"]),
        (b"\xff\xfe\x00\x01" * 99, ["mine.eq, line 1", "cannot be read"]),
        (b"PK\x03\x04" + bytes(range(256)), ["mine.eq", "is not a text of equations", "UTF-8"]),
        (bytes(1000), ["mine.eq, line 1"]),
        (b"word " * 1_000_000, ["mine.eq, line 1", "longer than 100,000 characters"]),
    ],
)
def test_a_file_of_something_else(tmp_path: Path, content: bytes, words: list[str]) -> None:
    path = tmp_path / "mine.eq"
    path.write_bytes(content)
    with pytest.raises(RecurraError) as caught:
        load_network(path)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_no_such_network(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no network wrn; did you mean wrnn\?"):
        load_network("wrn")
    with pytest.raises(SettingError, match=r"cannot read .*missing\.eq: No such file"):
        load_network(tmp_path / "missing.eq")
    (tmp_path / "folder.eq").mkdir()
    with pytest.raises(SettingError, match=r"cannot read .*folder\.eq"):
        load_network(tmp_path / "folder.eq")


def test_a_cycle_is_told_alike_by_every_process() -> None:
    """Names in sets come in another order in each process; messages must not."""
    text = "\n".join(
        f"{v}[t] = U @ x[t] + {' + '.join(f'{w}[t]' for w in 'abcdefg' if w != v)}"
        for v in "abcdefg"
    )
    program = (
        "import sys; from recurra.lang.parser import parse\n"
        "try: parse(sys.argv[1])\n"
        "except Exception as error: print(error)"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program, text + "\no[t] = softmax(Q @ a[t])"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "123"
    }
    assert len(told) == 1
    assert "cycle" in told.pop()
