"""Whatever goes wrong is one sentence on stderr, and leaves nothing half-written."""

import os
import random
import re
from pathlib import Path

import pytest

import recurra
from command_line import REFERENCE, process


@pytest.mark.parametrize(
    ("code", "sentence", "line"),
    [
        (2, "name what to train on", "train"),
        (2, "text or name that begins with - comes after --\n", "train -dash.txt"),
        (2, "text or name that begins with - comes after -- or --prompt\n", "write RUN -dash"),
        (1, "is empty", "train empty.txt"),
        (1, "one step of 2 streams", "train one.txt --batch 2"),
        (1, "not text in any encoding", "train binary.txt"),
        (1, "one step of 32 streams x 64 characters needs 2,080", "train short.txt"),
        (1, "missing.txt cannot be read", "train missing.txt"),
        (1, "has no .txt file", "train folder"),
        (1, "is not a text encoding", "train TEXT --encoding klingon"),
        (1, "must be three shares", "train TEXT --split 90/5"),
        (1, "hidden has to be", "train TEXT --hidden 0"),
        (2, "Invalid value for --hidden", "train TEXT --hidden a=3,b"),
        (2, "Invalid value for --hidden", "train TEXT --hidden much"),
        (1, "no vector h in wrnn", "train TEXT --hidden h=3"),
        (1, "lr has to be a number above 0, up to 1e100, not nan", "train TEXT --lr nan"),
        (2, "Invalid value for --lr", "train TEXT --lr fast"),
        (2, "Invalid value for --batch", "train TEXT --batch 1.5"),
        (1, "no network wrn; did you mean", "train TEXT --network wrn"),
        (1, "no choice f9", "train TEXT --set f9=tanh"),
        (2, "expected NAME=VALUE", "train TEXT --set f1"),
        (1, "unknown function nonsense", "train TEXT --set f1=nonsense"),
        (2, "is none of modern, classic", "train TEXT --recipe clasic"),
        (1, "no engine abacus", "train TEXT --engine abacus"),
        (1, "threads have to be", "train TEXT --threads 100000"),
        (1, "choose another name, or resume", "train TEXT --batch 2 --out RUN"),
        (1, "cannot write", "train TEXT --batch 2 --out one.txt/run"),
        (1, "cannot read", "train --resume nowhere"),
        (1, "top_p has to be", "write RUN hello --top-p 2"),
        (1, "top_k has to be", "write RUN hello --top-k 0"),
        (1, "temperature has to be", "write RUN hello --temperature nan"),
        (1, "seed has to be", "write RUN hello --seed -1"),
        (1, "needs quotes", "write RUN to be"),
        (1, "no run folder nowhere", "write nowhere hello"),
        (2, "one of the two", "write RUN --file one.txt --prompt hello"),
        (1, "missing.txt cannot be read", "write RUN --file missing.txt"),
        (1, "cannot read", "write nowhere"),
        (1, "cannot read", "write folder hello"),
        (2, "Missing argument", "write"),
        (1, "cannot read", "eval nowhere"),
        (2, "--windows", "eval RUN --windows 0"),
        (1, "fewer than two characters", "eval RUN one.txt"),
        (2, "expected NAME=VALUE", "eval RUN --adapt-set rate"),
        (1, "no compressor gzip: choose one of zpaq, ppmd", "eval RUN --versus gzip"),
        (1, "no adaptation setting pace: choose one of rule, rate", "eval RUN --adapt-set pace=3"),
        (1, "choose one of rms, sgd", "eval RUN --adapt-set rule=best"),
        (2, "--adapt-set: fast is not a number, 0 or more", "eval RUN --adapt-set rate=fast"),
        (1, "no network missing", "check missing"),
        (1, "cannot read missing.eq", "check missing.eq"),
        (1, "not a text of equations", "check binary.txt"),
        (1, "line 1, column 1: this is not an equation", "check python.eq"),
        (1, "--hidden 0", "networks --hidden 0"),
        (1, "no size for", "show wrnn --hidden a=4"),
        (1, "cannot write", "explain wrnn -o ."),
        (1, "epochs has to be", "train TEXT --epochs 1e308"),
        (1, "minutes has to be", "train TEXT --minutes 1e307"),
        (1, "minutes has to be", "demo --minutes 0"),
        (2, "Did you mean 'write'?", "wirte"),
    ],
)
def test_what_a_user_gets_wrong_is_one_sentence(call, runs, code, sentence, line):
    Path("empty.txt").touch()
    Path("one.txt").write_text("x", "utf-8")
    Path("short.txt").write_text("too short", "utf-8")
    Path("binary.txt").write_bytes(random.Random(1).randbytes(10_000))
    Path("python.eq").write_text("import os; os.remove('empty.txt')", "utf-8")
    Path("folder").mkdir()
    before = sorted(Path().rglob("*"))
    places = {"TEXT": runs / "plays.txt", "RUN": runs / "rnn"}
    ended, out, err = call(*(places.get(word, word) for word in line.split()))
    assert (ended, out) == (code, "")
    assert sentence in err
    assert "Traceback" not in err
    if code == 1:
        assert err.startswith("Error: ")
    assert sorted(Path().rglob("*")) == before


def test_damaged_checkpoints_are_refused(call, runs):
    run = recurra.Run.open(runs / "rnn")
    best = (run.folder / "best.safetensors").read_bytes()
    copy = recurra.Run.create("copy", run.config, run.equations, run.vocabulary)
    for damaged in (b"", best[:-9], bytes([*best[:-1], best[-1] ^ 1]), b"\x80\x04\x95" + best):
        (copy.folder / "best.safetensors").write_bytes(damaged)
        code, out, err = call("write", "copy", "to be")
        assert (code, out) == (1, "")
        assert re.fullmatch(r"Error: .*best\.safetensors .*\n", err)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_told_once(runs, unbuffered):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    for command in (["networks"], ["networks", "--json"], ["write", runs / "rnn", "to be"]):
        with open("/dev/full", "wb") as full:
            streams = {"stdout": full, "stderr": -1, "capture_output": False, "text": True}
            environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
            done = process(*command, program=REFERENCE, **streams, env=environment)
        assert done.returncode == 1
        assert done.stderr == "Error: the output: No space left on device\n"


def test_memory_that_does_not_suffice_is_told(call, monkeypatch):
    def exhausted(word):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(recurra, "search_library", exhausted)
    code, _, err = call("networks")
    assert code == 1
    assert err.startswith("Error: not enough memory (Unable to allocate 9 TiB): try a smaller")


def test_what_nobody_foresaw_is_one_sentence_and_a_log(call, monkeypatch):
    def broken(word):
        raise KeyError("a fault")

    monkeypatch.setattr(recurra, "search_library", broken)
    code, out, err = call("networks")
    assert (code, out, err.count("\n")) == (1, "", 1)
    log = Path(re.search(r"file (\S+\.log)$", err)[1])
    assert "KeyError: 'a fault'" in log.read_text("utf-8")
    log.unlink()
