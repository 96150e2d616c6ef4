"""A report as a document: sections of blocks, in one language, before it is HTML or Markdown."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from recurra._version import __version__
from recurra.comparison.results import Results
from recurra.comparison.tables import SUMMARIES
from recurra.comparison.verdict import HIGHER, LOWER
from recurra.lang.network import Network
from recurra.report import figures, tables
from recurra.report.content import Compared, Content
from recurra.report.samples import Sample
from recurra.report.searches import SearchPart
from recurra.storage.files import safe_name
from recurra.tuning.figures import search_figures
from recurra.tuning.tables import trials_table
from recurra.view.axes import Figure
from recurra.view.tables import Cells
from recurra.view.words import Words

DOCUMENTS = 40  # texts of which each has a row of its own
Kind = Literal["found", "open", "note"]


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str


@dataclass(frozen=True)
class Said:
    """A sentence: something found, something left open, or a note."""

    text: str
    kind: Kind = "note"


@dataclass(frozen=True)
class Definitions:
    """Names and values; ``facts`` have short values, ``many`` stand in columns."""

    rows: Sequence[tuple[str, str]]
    kind: Literal["", "facts", "many"] = ""


@dataclass(frozen=True)
class Rows:
    """A table; a dense one has many columns."""

    cells: Cells
    dense: bool = False


@dataclass(frozen=True)
class Figures:
    """Drawings with their captions."""

    figures: Sequence[Figure]


@dataclass(frozen=True)
class Networks:
    """Networks with the lines that tell their sizes; ``source`` is the title of the text typed."""

    networks: Sequence[tuple[Network, Sequence[str]]]
    source: str


@dataclass(frozen=True)
class Samples:
    """Texts of several networks after one prompt, each with its number and mean surprise."""

    samples: Sequence[tuple[Sample, int, str]]


@dataclass(frozen=True)
class Scale:
    """Meaning of the colours of samples."""

    text: str
    low: str
    high: str


@dataclass(frozen=True)
class Commands:
    """Commands to type."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Details:
    """Names and values that one opens to see."""

    title: str
    rows: Sequence[tuple[str, str]]


Block = (
    Heading | Said | Definitions | Rows | Figures | Networks | Samples | Scale | Commands | Details
)


@dataclass(frozen=True)
class Section:
    """A heading and its blocks; the answer stands out."""

    heading: str
    blocks: Sequence[Block]
    answer: bool = False


@dataclass(frozen=True)
class Document:
    """A title, sections, and a line at the end."""

    language: str
    title: str
    sections: Sequence[Section]
    footer: str

    def named_figures(self) -> Iterator[tuple[str, Figure]]:
        """The figures that have something to show, each with a name of its own for a file."""
        names: Counter[str] = Counter()
        for block in (block for section in self.sections for block in section.blocks):
            for figure in block.figures if isinstance(block, Figures) else ():
                if figure.svg:
                    name = safe_name(figure.name)
                    names[name] += 1
                    yield (f"{name}-{names[name]}" if names[name] > 1 else name), figure


def compose(content: Content, language: str = "en") -> Document:
    """Write a report in a language."""
    words = Words(language)
    curves = _curves(content, words)
    match content.found:
        case Compared(results=results):
            answer = [_verdicts(results, content, words)]
            middle = [
                _comparison(results, content, words),
                _rates(results, content, words),
                *(_search_of(name, one, words) for name, one in content.found.searches.items()),
                curves,
                _runs(content, words),
            ]
        case SearchPart() as search:
            answer = [_winner(search, words)]
            middle = [_search(search, words), curves, _trials(search, content, words)]
        case None:
            answer, middle = [], [curves, _runs(content, words)]
    about = [_settings(content, words), _networks(content, words)]
    sections = [*answer, *about, *middle, _samples(content, words), _again(content, words)]
    return Document(
        language,
        _title(content, words),
        [section for section in sections if section.blocks],
        words("made with", version=__version__),
    )


def _title(content: Content, words: Words) -> str:
    texts = words("comma").join(content.texts[:3]) + (" …" if len(content.texts) > 3 else "")
    networks = words.list([part.network.name for part in content.networks])
    key = "search title" if isinstance(content.found, SearchPart) else "title"
    return words(key, networks=networks, texts=texts)


def _winner(search: SearchPart, words: Words) -> Section:
    return Section(words("answer"), [Said(tables.winner(search, words), "found")], answer=True)


def _verdicts(results: Results, content: Content, words: Words) -> Section:
    def of_budget(budget: str) -> list[Block]:
        verdicts = [d for d in results.differences if d.budget == budget]
        return [
            *(
                Said(
                    d.sentence(words.language), "found" if d.verdict in (LOWER, HIGHER) else "open"
                )
                for d in verdicts
            ),
            *map(Said, results.notes(budget, words.language)),
        ]

    basis = words("basis", characters=f"{results.characters:,}", blocks=f"{results.blocks:,}")
    blocks = [*_by_budget(content, words, of_budget), Said(basis)]
    return Section(words("answer"), blocks, answer=True)


def _settings(content: Content, words: Words) -> Section:
    blocks: list[Block] = [Definitions(tables.settings(content, words))]
    if content.documents:
        shown = content.documents[:DOCUMENTS]
        more = len(content.documents) - len(shown)
        characters = sum(one.characters for one in content.documents)
        blocks.append(Rows(tables.TEXTS.show(shown, words), dense=True))
        if more:
            blocks.append(Said(words("more texts", count=f"{more:,}")))
        if len(content.documents) > 1:
            count = f"{len(content.documents):,}"
            blocks.append(Said(words("all texts", count=count, characters=f"{characters:,}")))
    return Section(words("settings"), blocks)


def _networks(content: Content, words: Words) -> Section:
    networks = [
        (part.network, tables.sizes(content, part.sizes.items(), words))
        for part in content.networks
    ]
    return Section(words("networks"), [Networks(networks, words("as typed"))])


def _comparison(results: Results, content: Content, words: Words) -> Section:
    def of_budget(budget: str) -> list[Block]:
        rows = [summary for summary in results.summaries if summary.budget == budget]
        return [
            Figures(figures.verdicts(results, budget, words)),
            Rows(SUMMARIES.show(rows, words)),
        ]

    return Section(words("comparison"), _by_budget(content, words, of_budget))


def _rates(results: Results, content: Content, words: Words) -> Section:
    def of_budget(budget: str) -> list[Block]:
        return [Figures(figures.searches(results, content.names, budget, words))]

    blocks = _by_budget(content, words, of_budget) if results.searches else []
    return Section(words("search"), blocks)


def _search(search: SearchPart, words: Words) -> Section:
    return Section(words("study"), _found(search, words))


def _search_of(name: str, search: SearchPart | str, words: Words) -> Section:
    """The search that a network of a comparison won; or that it is not there any more."""
    if isinstance(search, str):
        blocks: list[Block] = [Said(words("study missing", folder=search))]
    else:
        rows = trials_table(search.spec).show(search.table, words)
        blocks = [
            Said(tables.winner(search, words)),
            *_found(search, words),
            Rows(rows, dense=True),
        ]
    return Section(words("study of", name=name), blocks)


def _found(search: SearchPart, words: Words) -> list[Block]:
    return [
        Figures(search_figures(search.spec, search.trials, words)),
        Said(tables.compared_by(search, words)),
        Definitions(tables.search_facts(search, words), "facts"),
    ]


def _curves(content: Content, words: Words) -> Section:
    def of_budget(budget: str) -> list[Block]:
        return [Figures(figures.training(content, budget, words))]

    return Section(words("curves"), _by_budget(content, words, of_budget))


def _runs(content: Content, words: Words) -> Section:
    cells = tables.RUNS.show(tables.run_rows(content, words), words)
    return Section(words("runs"), _dense(cells, content, words))


def _trials(search: SearchPart, content: Content, words: Words) -> Section:
    cells = trials_table(search.spec).show(search.table, words)
    return Section(words("best trials"), _dense(cells, content, words))


def _dense(cells: Cells, content: Content, words: Words) -> list[Block]:
    recipe = Details(words("whole recipe"), tables.recipe(content))
    return [Rows(cells, dense=True), Said(words("runs note")), recipe]


def _samples(content: Content, words: Words) -> Section:
    if not content.samples:
        return Section(words("samples"), [])
    note = words("samples note", count=len(content.samples[0].text))
    blocks: list[Block] = [Scale(note, words("surprise low"), words("surprise high"))]
    for _, samples in groupby(content.samples, key=lambda sample: sample.prompt):
        blocks.append(
            Samples(
                [
                    (
                        sample,
                        content.names.index(sample.network),
                        words("mean surprise", bits=f"{sample.mean_surprise:.2f}"),
                    )
                    for sample in samples
                ]
            )
        )
    return Section(words("samples"), blocks)


def _again(content: Content, words: Words) -> Section:
    where = [(words.known(name), value) for name, value in content.environment.items()]
    place = "environment" if isinstance(content.found, Compared) else "page made"
    return Section(
        words("again"),
        [
            Commands(content.commands),
            Said(words("again note")),
            Heading(words(place)),
            Definitions(where),
        ],
    )


def _by_budget(content: Content, words: Words, blocks: Callable[[str], list[Block]]) -> list[Block]:
    """Blocks for every budget, under its name where there are several."""
    if len(content.budgets) == 1:
        return blocks(content.budgets[0])
    return [
        block
        for budget in content.budgets
        for block in (Heading(tables.shown_budget(content, budget, words)), *blocks(budget))
    ]
