"""Every formula of every explanation through real LaTeX: `python tests/long/latex.py [FOLDER]`.

Needs pdflatex with amsmath (Debian: texlive-latex-base, texlive-latex-recommended). Writes one PDF
a network into FOLDER (else a temporary one), to be looked at, and fails at the end if a formula
did not compile or was wider than its page.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import recurra

HEAD = r"""
\documentclass[fleqn]{article}
\usepackage[a4paper, margin=2cm]{geometry}
\usepackage{amsmath, amssymb}
\setlength{\parindent}{0pt}
\hfuzz=1pt
\begin{document}
"""


def document(page: str) -> str:
    """The headings, sentences and formulas of a page as LaTeX."""
    lines = [HEAD]
    prose = re.sub(r"```.*?```|!\[.*?\]\(.*?\)", "", page, flags=re.DOTALL)
    for paragraph in re.split(r"\n\n+", prose):
        if found := re.fullmatch(r"\$\$\n(.*)\n\$\$", paragraph, re.DOTALL):
            lines.append(f"\\[{found[1]}\\]")
        elif paragraph.startswith("#"):
            lines.append(rf"\section*{{{paragraph.lstrip('# ')}}}")
        elif not paragraph.startswith("|"):
            inline = re.findall(r"\$[^$]+\$", paragraph)
            lines.append(r"\quad ".join(inline))
    return "\n\n".join([*lines, r"\end{document}"])


def main(folder: Path) -> None:
    wrong = list[str]()
    for name in recurra.library():
        source = folder / f"{name}.tex"
        source.write_text(document(recurra.explanation(recurra.load_network(name))), "utf-8")
        command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", source.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        wide = re.findall(r"Overfull \\hbox.*", done.stdout)
        if done.returncode or wide:
            wrong.append(f"{name}: {'; '.join(wide) or done.stdout[-2000:]}")
        print(f"{name}: {source.with_suffix('.pdf')}")  # noqa: T201 (a program)
    raise SystemExit("\n".join(wrong) or None)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
