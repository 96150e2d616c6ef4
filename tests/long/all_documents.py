"""Every command and program of the READMEs and documents, in a shell, on real texts.

    python tests/long/all_documents.py ENGLISH.txt CHINESE.txt [--full] [PAGE...]

Each page runs from top to bottom in an empty folder, which is HOME too, with the compiled engine. A
text that a page names is there under that name: Chinese if the name or the page is. Budgets are a
few steps; ``--full`` runs all as printed, which takes a day. Blocks that need a package index, a
database, a GPU or a server's visitor are listed at the end, not run. Exit code 1: a block failed.
"""
# ruff: noqa: T201

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
sys.path.insert(0, str(SUPPORT))

from documents import TEXTS, blocks  # noqa: E402

ELSEWHERE = re.compile(
    r"pip install|\.venv|\bRUN\b|STUDY|recurra (studio|serve|worker)|--storage|--device|zpaq|"
    r"planted_null|benchmarks/|docs/"
)
# What a reader has before he comes to a page.
BEFORE = {
    "adapting.md": """
        recurra train novel.txt --network glstm
        recurra train --resume runs/glstm-novel-001 --steps=300
        recurra train novel.txt --network gru
        recurra train --resume runs/gru-novel-001 --steps=300
        head -c 3000 novel.txt > chapter.txt
    """
}
SHRUNK = "import documents\nsys.argv[1:] = documents.shrunk(sys.argv[1:])\n"


def write_commands(folder: Path, full: bool) -> None:
    """``recurra`` and ``python``, as an activated environment has them."""
    folder.mkdir()
    programs = {
        "python": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
        "recurra": f"#!{sys.executable}\nimport sys\nsys.path.append({str(SUPPORT)!r})\n"
        f"{'' if full else SHRUNK}from recurra.cli import main\nmain()\n",
    }
    for name, program in programs.items():
        (folder / name).write_text(program)
        (folder / name).chmod(0o755)


def steps_of(page: Path, full: bool) -> list[list[str]]:
    """Commands that run the blocks of a page; files are written by the way."""
    found = [["bash", "-c", BEFORE[page.name]]] if page.name in BEFORE else []
    for language, title, text in blocks(page):
        if title:
            found.append([sys.executable, "-c", f"open({title!r}, 'w').write({text!r})"])
        elif language == "python":
            program = text if full else re.sub(r"(steps|minutes)=[\d.]+", r"steps=3", text)
            found.append([sys.executable, "-c", program])
        elif language in ("sh", "bash"):
            found.append(["bash", "-euo", "pipefail", "-c", text])
    return found


def run_page(page: Path, texts: tuple[Path, Path], full: bool) -> tuple[int, list[str]]:
    """Run a page; how many blocks failed, and those that were left out."""
    failed, left_out = 0, []
    with tempfile.TemporaryDirectory() as name:
        home, commands = Path(name, "home"), Path(name, "commands")
        home.mkdir()
        write_commands(commands, full)
        content = page.read_text("utf-8")
        for text in {"novel.txt", *TEXTS.findall(content)}:
            chinese = not text.isascii() or page.parent.name == "zh" or "zh-CN" in page.name
            shutil.copy(texts[chinese], home / text)
        kept = {
            key: os.environ[key] for key in ("RECURRA_CACHE", "PYTHONPATH") if key in os.environ
        }
        path = os.pathsep.join([str(commands), os.defpath])
        environment = kept | {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8"}
        for step in steps_of(page, full):
            if step[0] == "bash" and ELSEWHERE.search(step[-1]):
                left_out.append(f"{page.name}: {step[-1].splitlines()[0]}")
                continue
            begun = time.monotonic()
            done = subprocess.run(
                step, cwd=home, env=environment, stdin=subprocess.DEVNULL, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            failed += done.returncode != 0
            verdict = "ok" if done.returncode == 0 else f"EXIT CODE {done.returncode}"
            first = step[-1].strip().splitlines()[0][:70]
            print(
                f"{page.name:18} {verdict:12} {time.monotonic() - begun:6.1f} s  {first}",
                flush=True,
            )
            if done.returncode:
                print(f"{step[-1]}\n{done.stdout}", flush=True)
    return failed, left_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("english", type=Path)
    parser.add_argument("chinese", type=Path)
    parser.add_argument(
        "pages", nargs="*", metavar="PAGE", help="such as README.md or docs/runs.md"
    )
    parser.add_argument("--full", action="store_true")
    given = parser.parse_args()
    every = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    pages = [ROOT / page for page in given.pages] or every
    results = [run_page(page, (given.english, given.chinese), given.full) for page in pages]
    print("\nNot run:", *(line for _, left_out in results for line in left_out), sep="\n  ")
    failed = sum(count for count, _ in results)
    print(f"{failed} blocks failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
