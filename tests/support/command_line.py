"""How these tests run the command line."""

import random
import subprocess
import sys

import pytest

RECURRA = [sys.executable, "-m", "recurra"]
# The same with the engine whose import is half as long, for what depends on no engine.
REFERENCE = [
    *(sys.executable, "-c"),
    "from recurra.compute import registry; registry.DEFAULT_ENGINE = 'reference'; "
    "from recurra.__main__ import main; main()",
]
SMALL = [
    "--hidden=6", "--batch=2", "--seq-len=8", "--steps=40", "--warmup=5", "--record-every=5",
    "--evaluate-every=10", "--sample-every=20", "--sample-characters=30", "--engine=reference",
]  # fmt: skip


def write_text(path, encoding="utf-8"):
    chance = random.Random(path.name)
    words = ["to be", "or not", "that is", "the question\n", "宝玉", "黛玉"]
    path.write_text(" ".join(chance.choice(words) for _ in range(600)), encoding)
    return path


def trained(text, network, out):
    """Train a small run by a command line in this process; its folder."""
    from recurra.cli import main  # most tests do without

    line = ["recurra", "train", text, "--network", network, "--out", out, "-q", *SMALL]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", list(map(str, line)))
        patch.setattr(sys, "unraisablehook", sys.unraisablehook)
        with pytest.raises(SystemExit) as end:
            main()
    assert not end.value.code
    return out


def process(*arguments, program=RECURRA, **options):
    """Run a command line in a process of its own."""
    options = {"capture_output": True, "timeout": 120, **options}
    return subprocess.run([*program, *map(str, arguments)], **options)


def wait_for(part, stream):
    """Read lines until one has this part."""
    while part not in (line := stream.readline()):
        assert line, f"it ended without {part!r}"
