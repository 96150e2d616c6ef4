"""A report as Markdown: the same content without figures, for a repository or a thesis."""

from collections.abc import Sequence
from itertools import groupby

from recurra._version import __version__
from recurra.report import tables
from recurra.report.content import Content
from recurra.report.page import title
from recurra.report.words import Words
from recurra.view import number
from recurra.view.markdown import code, inline


def markdown(content: Content, language: str = "en") -> str:
    """The whole report, in English ("en") or Chinese ("zh")."""
    words = Words(language)
    lines = [f"# {inline(title(content, words))}"]
    if results := content.results:
        lines.append(f"## {words('answer')}")
        for budget in content.budgets:
            if len(content.budgets) > 1:
                lines.append(f"### {inline(tables.shown_budget(content, budget, words))}")
            said = [d.sentence(language) for d in results.differences if d.budget == budget]
            said += results.notes(budget, language)
            lines.append("\n".join(f"- {inline(sentence)}" for sentence in said))
        characters, blocks = f"{results.characters:,}", f"{results.blocks:,}"
        lines.append(words("basis", characters=characters, blocks=blocks))
    if search := content.search:
        lines += [f"## {words('answer')}", inline(tables.winner(search, words))]
    lines.append(f"## {words('asked')}")
    lines.append(_definitions(tables.asked(content, words), words))
    lines.append(f"## {words('networks')}")
    for network in content.networks:
        lines += [f"### {inline(network.name)}", code(network.equations)]
    if content.results:
        lines.append(f"## {words('comparison')}")
        for budget in content.budgets:
            if len(content.budgets) > 1:
                lines.append(f"### {inline(tables.shown_budget(content, budget, words))}")
            lines.append(_table(*tables.summaries(content, budget, words)))
    if search:
        lines.append(f"## {words('best trials')}")
        lines.append(_definitions(tables.search_facts(search, words), words))
        lines += [_table(*tables.trials(search, words)), words("runs note")]
    else:
        lines += [f"## {words('runs')}", _table(*tables.runs(content, words)), words("runs note")]
    if content.samples:
        lines.append(f"## {words('samples')}")
        for prompt, samples in groupby(content.samples, key=lambda sample: sample.prompt):
            for sample in samples:
                lines += [f"### {inline(sample.network)}", code(prompt + sample.text)]
    lines += [f"## {words('again')}", code("\n".join(content.commands)), words("again note")]
    lines.append(f"### {words('environment' if content.comparison else 'page made')}")
    where = [(words.known(name), value) for name, value in content.environment.items()]
    lines += [_definitions(where, words), words("made with", version=__version__)]
    return "\n\n".join(lines) + "\n"


def _definitions(rows: Sequence[tuple[str, str]], words: Words) -> str:
    return "\n".join(f"- {inline(name)}{words('colon')}{inline(value)}" for name, value in rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    body = [[inline(number(value)) for value in row] for row in rows]
    flush = [
        "---:" if isinstance(v, int | float) else "---" for v in (rows[0] if rows else columns)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(map(inline, columns)), flush, *body])
