"""The fenced blocks of our documents, and how the commands and programs of a page are run.

A page runs from top to bottom in an empty folder, which is HOME too. A block with a title
(```text title="my.eq") is a file in that folder. `sh` blocks that begin with `recurra` and
`python` blocks run as printed, with tiny budgets and sizes; `bash` blocks need more than a test
has, such as a package index or a database.
"""

import glob
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```(\w*)(?: title=\"(.*?)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXTS = re.compile(r"[^\s/\"'(<`]+\.txt")
_TINY = ["--batch=4", "--seq-len=8", "--warmup=0", "--evaluate-characters=200"]
_OPTIONS = {
    "train": ["--steps=3", "--hidden=8", "--sample-characters=10", *_TINY],
    "compare": ["--steps=3", "--hidden=60", "--seeds=2", *_TINY],
    "tune": ["--length=3000", "--rung=1000", "--finalists=1", "--trials=3", "--workers=1", *_TINY],
}
_SEARCHED = {"--hidden", "--seq-len"}  # the spaces of pages hold these


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, title ("" where there is none) and text of every fenced block."""
    return BLOCK.findall(page.read_text("utf-8"))


def shrunk(arguments: list[str]) -> list[str]:
    """The arguments of a `recurra` command with tiny budgets and sizes in place of their own."""
    command, *rest = arguments
    if any(argument.startswith(("runs/", "--resume", "--from")) for argument in rest):
        return [*arguments, "--steps=6"] if "--steps" in arguments else arguments
    if any(argument.startswith("studies/") for argument in rest) and command == "compare":
        return [*arguments, "--seeds=2"]
    kept = []
    options = dict(option.split("=") for option in _OPTIONS.get(command, []))
    if command == "tune":
        options = {name: value for name, value in options.items() if name not in _SEARCHED}
    words = iter(rest)
    for word in words:
        if options and word in (*options, "--minutes"):
            next(words)
        elif word == "--rates":
            kept += [word, next(words).split(",")[0]]
        else:
            kept.append(word)
    return [command, *kept, *(f"{name}={value}" for name, value in options.items())]


def run_page(page: Path, folder: Path) -> None:
    """Run the commands and programs of a page in an empty folder, in a process of their own.

    Raises:
        subprocess.CalledProcessError: one of them failed.
    """
    for name in {"novel.txt", *TEXTS.findall(page.read_text("utf-8"))}:
        (folder / name).write_text("".join(f"{n} + {n} = {2 * n}\n" for n in range(900)), "utf-8")
    here = str(Path(__file__).parent)
    paths = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    subprocess.run(
        [sys.executable, "-c", "from documents import run; run()", str(page)],
        check=True,
        cwd=folder,
        env=os.environ | {"HOME": str(folder), "PYTHONPATH": paths, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
    )


def run() -> None:
    """Run the page that this process was started with, in its working folder."""
    from recurra.compute import registry

    # Nothing is compiled: the tests of the engines say that both compute the same.
    registry.DEFAULT_ENGINE = "reference"
    for language, title, text in blocks(Path(sys.argv[1])):
        if title:
            Path(title).write_text(text, "utf-8")
        elif language == "python":
            program = re.sub(r"(steps|minutes)=\d+", "steps=3", text)
            exec(program.replace("shakespeare", "novel.txt"), {})
        elif language == "sh" and text.startswith("recurra"):
            for line in text.replace("\\\n", " ").splitlines():
                _run_command(line)


def _run_command(line: str) -> None:
    from recurra.cli import main

    words, _, target = line.partition(" > ")
    found = [glob.glob(word) or [word] for word in shlex.split(words, comments=True)]
    if found:
        sys.argv = ["recurra", *shrunk([word for part in found for word in part][1:])]
        screen = sys.stdout
        with open(target.strip() or os.devnull, "w", encoding="utf-8") as sys.stdout:
            try:
                main()
            except SystemExit as end:
                if end.code:
                    sys.exit(f"{line}: exit code {end.code}")
        sys.stdout = screen
