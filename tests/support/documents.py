"""The fenced blocks of our documents, and how the commands and programs of a page are run.

A page runs from top to bottom in an empty folder, which is HOME too. A block with a title
(```text title="my.eq") is a file in that folder. `sh` blocks that begin with `recurra` and
`python` blocks run as printed, with tiny budgets and sizes; `bash` blocks need more than a test
has, such as a package index or a database.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import platformdirs

BLOCK = re.compile(r"^```(\w*)(?: title=\"(.*?)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXTS = re.compile(r"[^\s/\"'(<`]+\.txt")
# What a page's `recurra` is: the command line with smaller numbers.
SMALL_RECURRA = f"""#!{sys.executable}
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from documents import shrunk
from recurra.cli import main
sys.argv[1:] = shrunk(sys.argv[1:])
main()
"""
_TINY = ["--batch=4", "--seq-len=8", "--engine=reference", "--evaluate-characters=200"]
_OPTIONS = {
    "train": ["--steps=3", "--hidden=8", "--sample-characters=10", *_TINY],
    "compare": ["--steps=3", "--hidden=60", "--seeds=2", *_TINY],
    "tune": ["--length=192", "--rung=64", "--warmup=1", "--finalists=1", "--trials=4", *_TINY],
}
_SEARCHED = {"--hidden", "--seq-len", "--batch"}  # a space of a page may hold these


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, title ("" where there is none) and text of every fenced block."""
    return BLOCK.findall(page.read_text("utf-8"))


def shrunk(arguments: list[str]) -> list[str]:
    """The arguments of a `recurra` command with tiny budgets and sizes in place of their own."""
    command, *rest = arguments
    if any(argument.startswith(("runs/", "--resume", "--from")) for argument in rest):
        return arguments
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
    """Run the commands and programs of a page in an empty folder.

    Raises:
        subprocess.CalledProcessError: one of them failed.
    """
    (folder / "bin").mkdir()
    (folder / "bin" / "recurra").write_text(SMALL_RECURRA)
    (folder / "bin" / "recurra").chmod(0o755)
    for name in TEXTS.findall(page.read_text("utf-8")):
        (folder / name).write_text("".join(f"{n} + {n} = {2 * n}\n" for n in range(900)), "utf-8")
    cache = os.environ.get("RECURRA_CACHE") or platformdirs.user_cache_dir("recurra")
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {
        "HOME": str(folder), "RECURRA_CACHE": cache, "PATH": path, "PYTHONUTF8": "1",
    }  # fmt: skip
    for language, title, text in blocks(page):
        if title:
            (folder / title).write_text(text, "utf-8")
        elif language == "python":
            program = text.replace("minutes=2", "steps=3").replace("shakespeare", "novel.txt")
            subprocess.run(
                [sys.executable, "-W", "error", "-c", program],
                check=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        elif language == "sh" and text.startswith("recurra"):
            subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                check=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            )  # fmt: skip
