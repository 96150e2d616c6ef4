"""A report as one HTML page that needs nothing else: no script, no font, no request."""

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from itertools import groupby

from recurra._version import __version__
from recurra.comparison.estimates import difference_estimates, loss_estimates
from recurra.comparison.verdict import HIGHER, LOWER
from recurra.explain.diagram import draw
from recurra.lang.parser import parse
from recurra.report import figures, tables
from recurra.report.content import Content
from recurra.report.samples import Sample
from recurra.report.words import Words
from recurra.view import escape, table
from recurra.view.equations import typeset
from recurra.view.figures import intervals

# A diagram of more vectors than this is a thicket.
DRAWN = 16

# Bits of surprise at which the next colour begins.
LEVELS = (2, 3, 4, 5, 6, 7, 8)


def page(content: Content, language: str = "en") -> str:
    """The whole page, in English ("en") or Chinese ("zh")."""
    words = Words(language)
    sections = (
        _answer, _asked, _networks, _comparison, _search, _study, _curves, _runs, _samples, _again
    )  # fmt: skip
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh-Hans" if language == "zh" else "en"}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # whatever stands in a text or a name: nothing is fetched, nothing runs
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(title(content, words))}</title>\n<style>\n{_style()}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title(content, words))}</h1>\n"
        + "\n".join(filter(None, (section(content, words) for section in sections)))
        + f"\n<footer>{escape(words('made with', version=__version__))}</footer>\n"
        "</main>\n</body>\n</html>\n"
    )


def title(content: Content, words: Words) -> str:
    """What the report is about."""
    texts = words("comma").join(content.texts[:3]) + (" …" if len(content.texts) > 3 else "")
    networks = words.list([network.name for network in content.networks])
    return words("search title" if content.search else "title", networks=networks, texts=texts)


def _style() -> str:
    return (files("recurra.report") / "page.css").read_text("utf-8")


def _answer(content: Content, words: Words) -> str:
    if content.search is not None:
        said = f'<p class="found">{escape(tables.winner(content.search, words))}</p>'
        return _section(words("answer"), f'<div class="answer">{said}</div>')
    results = content.results
    if results is None:
        return ""

    def of_budget(budget: str) -> str:
        said = [
            f'<p class="{"found" if d.verdict in (LOWER, HIGHER) else "open"}">'
            f"{escape(d.sentence(words.language))}</p>"
            for d in results.differences
            if d.budget == budget
        ]
        notes = results.notes(budget, words.language)
        return "".join([*said, *(f'<p class="note">{escape(note)}</p>' for note in notes)])

    said = _by_budget(content, words, of_budget)
    basis = words("basis", characters=f"{results.characters:,}", blocks=f"{results.blocks:,}")
    return _section(
        words("answer"), f'<div class="answer">{said}</div><p class="note">{escape(basis)}</p>'
    )


def _asked(content: Content, words: Words) -> str:
    return _section(words("asked"), _definitions(tables.asked(content, words)))


def _networks(content: Content, words: Words) -> str:
    cards = []
    for number, network in enumerate(content.networks):
        sizes = [
            (f"{trial}{words('colon')}" if content.search else "")
            + words("size", hidden=tables.shown_sizes(hidden), parameters=f"{count:,}")
            for trial, (hidden, count) in network.sizes.items()
        ]
        # budgets of one size share their line
        lines = "".join(f"<p class='note'>{escape(line)}</p>" for line in dict.fromkeys(sizes))
        described = parse(network.equations, network.name)
        drawing = ""
        if len(described.equations) <= DRAWN:
            drawing = f"<figure>{draw(described)}</figure>"
        cards.append(
            f'<article class="card c{number % 7}"><h3>{escape(network.name)}</h3>'
            f"{typeset(network.equations)}{drawing}{lines}"
            f"<details><summary>{escape(words('as typed'))}</summary>"
            f"<pre>{escape(network.equations)}</pre></details></article>"
        )
    return _section(words("networks"), f'<div class="cards">{"".join(cards)}</div>')


def _comparison(content: Content, words: Words) -> str:
    results = content.results
    if results is None:
        return ""

    def of_budget(budget: str) -> str:
        losses = intervals(loss_estimates(results, budget), words("nats axis"))
        gaps = difference_estimates(results, budget)
        drawn = _figures(
            (losses, words("test by network")),
            (intervals(gaps, words("difference axis"), zero=True), words("differences")),
        )
        return drawn + table(*tables.summaries(content, budget, words))

    return _section(words("comparison"), _by_budget(content, words, of_budget))


def _search(content: Content, words: Words) -> str:
    if content.results is None or not content.results.searches:
        return ""

    def of_budget(budget: str) -> str:
        by_rate, best = figures.searches(content, budget, words)
        return _figures((by_rate, words("by rate")), (best, words("expected best")))

    return _section(words("search"), _by_budget(content, words, of_budget))


def _study(content: Content, words: Words) -> str:
    if content.search is None:
        return ""
    course, smaller = figures.search_course(content.search, words)
    drawn = _figures(
        (course, words("course")),
        (smaller, words("smaller search")),
        *figures.heat_maps(content.search, words),
    )
    note = tables.compared_by(content.search, words)
    facts = _definitions(tables.search_facts(content.search, words), "facts")
    return _section(words("study"), f'{drawn}<p class="note">{escape(note)}</p>{facts}')


def _curves(content: Content, words: Words) -> str:
    def of_budget(budget: str) -> str:
        held_out, train = figures.training(content, budget, words)
        return _figures((held_out, words("held-out curve")), (train, words("train curve")))

    return _section(words("curves"), _by_budget(content, words, of_budget))


def _runs(content: Content, words: Words) -> str:
    if content.search is None:
        heading, shown = words("runs"), tables.runs(content, words)
    else:
        heading, shown = words("best trials"), tables.trials(content.search, words)
    return _section(
        heading,
        f'<div class="small">{table(*shown)}</div>'
        f'<p class="note">{escape(words("runs note"))}</p>'
        f"<details><summary>{escape(words('whole recipe'))}</summary>"
        f"{_definitions(tables.recipe(content), 'many')}</details>",
    )


def _samples(content: Content, words: Words) -> str:
    if not content.samples:
        return ""
    count = len(content.samples[0].text)
    scale = "".join(f'<span class="s{i}">&nbsp;</span>' for i in range(len(LEVELS) + 1))
    parts = [
        f'<p class="note">{escape(words("samples note", count=count))} '
        f'<span class="scale">{escape(words("surprise low"))} {scale} '
        f"{escape(words('surprise high'))}</span></p>"
    ]
    for _, samples in groupby(content.samples, key=lambda sample: sample.prompt):
        cards = "".join(_sample(sample, content, words) for sample in samples)
        parts.append(f'<div class="cards">{cards}</div>')
    return _section(words("samples"), "".join(parts))


def _sample(sample: Sample, content: Content, words: Words) -> str:
    number = content.names.index(sample.network)
    mean = sum(sample.surprise) / max(1, len(sample.surprise))
    return (
        f'<article class="card c{number % 7}"><h3>{escape(sample.network)} '
        f"<small>{escape(words('mean surprise', bits=mean))}</small></h3>"
        f'<p class="sample"><b>{escape(sample.prompt)}</b>{coloured(sample)}</p></article>'
    )


def coloured(sample: Sample) -> str:
    """The text of a sample; neighbours of one level of surprise share their colour's element."""
    levels = [sum(bits >= level for level in LEVELS) for bits in sample.surprise]
    parts = []
    for level, group in groupby(zip(levels, sample.text, strict=True), key=lambda pair: pair[0]):
        text = escape("".join(character for _, character in group))
        parts.append(f'<span class="s{level}">{text}</span>' if level else text)
    return "".join(parts)


def _again(content: Content, words: Words) -> str:
    # a word of a command is not broken, though it may have hyphens
    commands = "\n".join(
        " ".join(f"<span>{escape(word)}</span>" for word in command.split(" "))
        for command in content.commands
    )
    where = [(words.known(name), value) for name, value in content.environment.items()]
    place = words("environment" if content.comparison else "page made")
    return _section(
        words("again"),
        f"<pre>{commands}</pre>"
        f'<p class="note">{escape(words("again note"))}</p>'
        f"<h3>{escape(place)}</h3>{_definitions(where)}",
    )


def _by_budget(content: Content, words: Words, show: Callable[[str], str]) -> str:
    """A part for every budget, under its name where there are several."""
    if len(content.budgets) == 1:
        return show(content.budgets[0])
    return "".join(
        f"<h3>{escape(tables.shown_budget(content, budget, words))}</h3>{show(budget)}"
        for budget in content.budgets
    )


def _section(heading: str, body: str) -> str:
    return f"<section>\n<h2>{escape(heading)}</h2>\n{body}\n</section>"


def _figures(*drawn: tuple[str, str]) -> str:
    parts = [
        f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
        for svg, caption in drawn
        if svg
    ]
    return f'<div class="figures">{"".join(parts)}</div>'


def _definitions(rows: Iterable[Sequence[str]], kind: str = "") -> str:
    items = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in rows)
    return f'<dl class="{kind}">{items}</dl>'
