"""A report as one HTML page that needs nothing else: no script, no font, no request."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from recurra.explain.diagram import draw
from recurra.explain.notation import typeset
from recurra.lang.network import Network
from recurra.report.content import gather
from recurra.report.document import (
    Block,
    Commands,
    Definitions,
    Details,
    Document,
    Figures,
    Heading,
    Networks,
    Rows,
    Said,
    Samples,
    Scale,
    Section,
    compose,
)
from recurra.report.samples import Sample
from recurra.view import palette
from recurra.view.tables import html

# A diagram of more vectors than this is a thicket.
DRAWN = 16
# Bits of surprise at which the next colour begins.
LEVELS = range(2, 2 + len(palette.SURPRISE))


def page(document: Document) -> str:
    """The whole page."""
    title, language = escape(document.title), document.language
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh-Hans" if language == "zh" else language}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # whatever stands in a text or a name: nothing is fetched, nothing runs
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{title}</title>\n<style>\n{_style()}{palette.css()}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{title}</h1>\n"
        + _sections(document)
        + f"\n<footer>{escape(document.footer)}</footer>\n</main>\n</body>\n</html>\n"
    )


def fragment(folder: Path, language: str) -> str:
    """The report of a study or a comparison as a part of a page that has a style of its own.

    Without samples: those take long, and texts that may not be there.

    Raises:
        RunError: the folder is refused, or has not finished.
    """
    return _sections(compose(gather(folder, characters=0), language))


def _sections(document: Document) -> str:
    return "\n".join(map(_section, document.sections))


def _style() -> str:
    return (files("recurra.report") / "page.css").read_text("utf-8")


def _section(section: Section) -> str:
    body = "".join(map(_block, section.blocks))
    if section.answer:
        body = f'<div class="answer">{body}</div>'
    return f"<section>\n<h2>{escape(section.heading)}</h2>\n{body}\n</section>"


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Said(text, kind):
            return f'<p class="{kind}">{escape(text)}</p>'
        case Definitions(rows, kind):
            return _definitions(rows, kind)
        case Rows(cells, dense):
            return f'<div class="small">{html(cells)}</div>' if dense else html(cells)
        case Figures(drawn):
            parts = (
                f"<figure>{figure.svg}<figcaption>{escape(figure.caption)}</figcaption></figure>"
                for figure in drawn
                if figure.svg
            )
            return f'<div class="figures">{"".join(parts)}</div>'
        case Networks(networks, source):
            return _cards(_network(i, *one, source) for i, one in enumerate(networks))
        case Samples(samples):
            return _cards(_sample(*one) for one in samples)
        case Scale(text, low, high):
            levels = "".join(f'<span class="s{i}">&nbsp;</span>' for i in range(len(LEVELS) + 1))
            scale = f'<span class="scale">{escape(low)} {levels} {escape(high)}</span>'
            return f'<p class="note">{escape(text)} {scale}</p>'
        case Commands(lines):
            # a word of a command is not broken, though it may have hyphens
            words = ((f"<span>{escape(word)}</span>" for word in line.split(" ")) for line in lines)
            return "<pre>" + "\n".join(map(" ".join, words)) + "</pre>"
        case Details(title, rows):
            summary = f"<summary>{escape(title)}</summary>"
            return f"<details>{summary}{_definitions(rows, 'many')}</details>"


def _cards(cards: Iterable[str]) -> str:
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(number: int, heading: str, body: str, aside: str = "") -> str:
    aside = f" <small>{escape(aside)}</small>" if aside else ""
    colour = number % len(palette.SERIES)
    return f'<article class="card c{colour}"><h3>{escape(heading)}{aside}</h3>{body}</article>'


def _network(number: int, network: Network, sizes: Sequence[str], source: str) -> str:
    drawn = f"<figure>{draw(network)}</figure>" if len(network.equations) <= DRAWN else ""
    lines = "".join(f"<p class='note'>{escape(line)}</p>" for line in sizes)
    typed = f"<summary>{escape(source)}</summary><pre>{escape(network.source)}</pre>"
    return _card(
        number, network.name, f"{typeset(network)}{drawn}{lines}<details>{typed}</details>"
    )


def _sample(sample: Sample, number: int, surprise: str) -> str:
    text = f'<p class="sample"><b>{escape(sample.prompt)}</b>{coloured(sample)}</p>'
    return _card(number, sample.network, text, surprise)


def coloured(sample: Sample) -> str:
    """The text of a sample; neighbours of one level of surprise share their colour's element."""
    levels = [sum(bits >= level for level in LEVELS) for bits in sample.surprise]
    parts = []
    for level, group in groupby(zip(levels, sample.text, strict=True), key=lambda pair: pair[0]):
        text = escape("".join(character for _, character in group))
        parts.append(f'<span class="s{level}">{text}</span>' if level else text)
    return "".join(parts)


def _definitions(rows: Iterable[Sequence[str]], kind: str) -> str:
    items = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in rows)
    return f'<dl class="{kind}">{items}</dl>'
