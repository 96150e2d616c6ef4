"""What reaches a terminal, a pipe, a file: hostile texts, vocabularies and names; locales."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recurra
from command_line import REFERENCE, SMALL, process
from recurra.training.trainer import Trainer
from recurra.view.text import visible

# An OSC, a CSI of one character, an override of direction, a bell, a backspace.
HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e\x08"
SHOWN = r"\x1b]0;owned\x07\x9b31m\u202e\x08"
COMMANDS = re.compile(
    "[\0-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\x1b]"
)
# What Rich draws with: colours, movements of the cursor, the cursor itself.
DRAWN = re.compile("\x1b\\[[0-9;]*[mAK]|\x1b\\[\\?25[hl]")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A folder with a run whose vocabulary, and a file whose text and name, are hostile."""
    folder = tmp_path_factory.mktemp("stranger")
    text = folder / f"t{HOSTILE}.txt"
    text.write_text("to be \x9b31m or\x9d0;owned\x9c not \u202e to be\n" * 200, "utf-8")
    corpus = recurra.load_corpus([text])
    turn = str.maketrans({"t": "\x1b", "b": "\x07", "\x9c": "\ud800"})
    characters = "".join(corpus.vocabulary.characters).translate(turn)
    corpus = replace(corpus, vocabulary=recurra.Vocabulary(characters))
    network = recurra.load_network("rnn")
    recipe = recurra.MODERN.with_(hidden=4, batch=2, seq_len=8, steps=3, sample_every=0)
    config = {
        "network": "rnn", "recipe": vars(recipe), "engine": "reference", "threads": 1,
        "text": {"sources": [str(text)], "encoding": None, "split": "90/5/5", "fingerprint": "0"},
    }  # fmt: skip
    run = recurra.Run.create(folder / f"run{HOSTILE}", config, network.source, characters)
    list(Trainer(network, corpus, recipe, run=run, engine="reference").records())
    return folder


# Command lines and their exit codes.
LINES = {
    "train TEXT --out new --steps=20 --json": 0,
    "train TEXT --out new2 --steps=20": 0,
    "write RUN ooo --chars=100 --seed=1": 0,
    "write RUN RUN ooo --chars=60 --seed=1": 0,
    "write noneHOSTILE ooo": 1,
    "eval RUN": 1,
    "show EQ": 0,
    "check EQ --engine=reference": 0,
    "train --nothing-HOSTILE": 2,
    "show EQ -o copyHOSTILE.eq": 0,
}
# Runs several of them in one process.
SEVERAL = """
import json, sys
from recurra.cli import main
for line in json.loads(sys.argv[1]):
    sys.argv = ["recurra", *line]
    try:
        main()
    except SystemExit as end:
        print("ended:", end.code or 0, flush=True)
"""


def on_terminal(*arguments, cwd):
    """All that a Python program shows on a terminal."""
    pty = pytest.importorskip("pty")
    pid, descriptor = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        os.execve(sys.executable, [sys.executable, *arguments], environment)
    shown = b""
    while True:
        try:
            shown += (piece := os.read(descriptor, 65536))
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            break
    os.close(descriptor)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    return shown.decode("utf-8").replace("\r\n", "\n")


@pytest.fixture(scope="module")
def shown(stranger, tmp_path_factory):
    """What each of the lines shows on a terminal, and its exit code."""
    folder = tmp_path_factory.mktemp("terminal")
    equations = f"# {HOSTILE} a comment\n{recurra.load_network('rnn').source}"
    (folder / f"{HOSTILE}.eq").write_text(equations, "utf-8")
    places = {
        "TEXT": stranger / f"t{HOSTILE}.txt",
        "RUN": stranger / f"run{HOSTILE}",
        "EQ": f"{HOSTILE}.eq",
    }
    lines = []
    for line in LINES:
        words = [str(places.get(word, word.replace("HOSTILE", HOSTILE))) for word in line.split()]
        lines.append([words[0], *(SMALL if words[0] == "train" else []), *words[1:]])
    everything = on_terminal("-c", SEVERAL, json.dumps(lines), cwd=folder)
    pieces = re.findall(r"(.*?)^ended: (\d)\n", everything, re.DOTALL | re.MULTILINE)
    return {line: (int(code), text) for line, (text, code) in zip(LINES, pieces, strict=True)}


@pytest.mark.parametrize("line", LINES)
def test_nothing_commands_a_terminal(shown, line):
    code, text = shown[line]
    assert code == LINES[line], text
    assert not COMMANDS.search(DRAWN.sub("", text)), text
    assert "\\x" in text or "--json" in line  # that is ASCII, with escapes of its own


def test_a_pipe_has_the_text_as_it_is(stranger):
    run = stranger / f"run{HOSTILE}"
    model = recurra.load_model(run)
    written = "ooo" + "".join(recurra.write(model, "ooo", 300, seed=1)) + "\n"
    done = process("write", run, "ooo", "--chars=300", "--seed=1")
    assert {"\x1b", "\x9b", "\ud800"} <= {*written}
    assert done.stdout == written.encode("utf-8", "backslashreplace")
    name = str(stranger / "text.txt")
    assert process("write", run, "ooo", "--chars=300", "--seed=1", "-o", name).returncode == 0
    assert Path(name).read_bytes() == done.stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        pytest.param({"PYTHONIOENCODING": "cp936"}, marks=pytest.mark.long),
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        pytest.param({"LC_ALL": "C.UTF-8"}, marks=pytest.mark.long),
        {"LC_ALL": "zh_CN.GB18030", "PYTHONUTF8": "0"},
    ],
)
def test_a_pipe_is_utf_8_whatever_the_locale(runs, environment):
    # Linux hands arguments over as bytes, which Python reads in the locale: so from standard input
    options = {"env": {**os.environ, **environment}, "input": "宝玉 to be Ω".encode()}
    done = process("write", runs / "rnn", "-", "--chars=0", program=REFERENCE, **options)
    assert (done.returncode, done.stdout.decode()) == (0, "宝玉 to be Ω\n")
    assert "has never seen 'Ω': skipped" in done.stderr.decode()


@pytest.mark.skipif(os.name == "nt", reason="a terminal of POSIX")
@pytest.mark.parametrize(
    "encoding", ["ascii", *(pytest.param(e, marks=pytest.mark.long) for e in ("cp936", "utf-8"))]
)
def test_any_terminal_can_be_written_to(runs, tmp_path, encoding):
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    command = [*REFERENCE, "write", str(runs / "rnn"), str(runs / "wrnn"), "宝玉", "--chars=30"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "TERM": "dumb"}
    with subprocess.Popen(command, stdout=slave, stderr=subprocess.PIPE, env=environment) as child:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:  # the other end is closed
            pass
        assert child.stderr.read() == b""
    os.close(master)
    assert child.returncode == 0
    assert "宝玉".encode(encoding, "replace") in shown


@given(st.text())
def test_visible_text_commands_nothing_and_other_text_stays(text):
    shown = visible(text)
    assert not COMMANDS.search(shown)
    shown.encode()  # no lone surrogates
    if text.isprintable():
        assert shown == text
    assert visible("宝玉\n\té\u200f") == "宝玉\n\té\u200f"
    assert visible(HOSTILE + "\udcff\r") == SHOWN + r"\udcff\r"
