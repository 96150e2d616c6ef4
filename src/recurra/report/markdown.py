"""A report as Markdown: the same content, for a repository or a thesis."""

from collections.abc import Sequence
from urllib.parse import quote

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
)
from recurra.view import tables
from recurra.view.markdown import code, inline
from recurra.view.words import Words


def markdown(document: Document, pictures: str = "") -> str:
    """The whole report; its figures are SVG files in the folder of pictures."""
    names = {id(figure): name for name, figure in document.named_figures()}
    parts = [f"# {inline(document.title)}"]
    for section in document.sections:
        blocks = [
            text
            for block in section.blocks
            for text in _block(block, Words(document.language), pictures, names)
        ]
        parts += [f"## {section.heading}", *blocks] if blocks else []
    return "\n\n".join([*parts, document.footer]) + "\n"


def _block(block: Block, words: Words, pictures: str, names: dict[int, str]) -> list[str]:
    match block:
        case Heading(text):
            return [f"### {inline(text)}"]
        case Said(text, kind):
            return [inline(text) if kind == "note" else f"**{inline(text)}**"]
        case Definitions(rows) | Details(_, rows):
            return [_definitions(rows, words)]
        case Rows(cells):
            return [tables.markdown(cells)]
        case Networks(networks):
            return [
                text
                for network, sizes in networks
                for text in (f"### {inline(network.name)}", code(network.source), *sizes)
            ]
        case Samples(samples):
            return [
                text
                for sample, *_ in samples
                for text in (f"### {inline(sample.network)}", code(sample.prompt + sample.text))
            ]
        case Commands(lines):
            return [code("\n".join(lines))]
        case Figures(drawn) if pictures:
            return [
                f"![{inline(figure.caption)}]({quote(pictures)}/{quote(names[id(figure)])}.svg)"
                for figure in drawn
                if figure.svg
            ]
        case Figures() | Scale():
            return []


def _definitions(rows: Sequence[tuple[str, str]], words: Words) -> str:
    return "\n".join(f"- {inline(name)}{words('colon')}{inline(value)}" for name, value in rows)
