"""The pages of the gallery, out of gallery.json and the library (``hooks`` in mkdocs.yml)."""

import json
import re
from collections.abc import Iterator
from functools import cache
from html import escape
from itertools import compress
from pathlib import Path
from statistics import mean
from typing import Any

from mkdocs.structure.files import File

from recurra.explain.diagram import draw
from recurra.explain.notation import typeset
from recurra.lang.library import library, load_network
from recurra.stats.intervals import mean_interval
from recurra.view.numbers import DASH, loss, number, whole

TABLE = re.compile(r"<!-- table of the gallery: (.*?) -->")  # with its headings, a sign between
SECTIONS = "<!-- sections of the gallery -->"
FACTS = json.loads((Path(__file__).parent / "gallery.json").read_text("utf-8"))

Cell = tuple[float | None, str]  # what a column is sorted by, and what it shows

picture = cache(lambda name: draw(load_network(name)))


def on_files(files: Any, *, config: Any) -> Any:
    """Add the diagrams, each a file that a browser loads when it comes into sight."""
    for name in library():
        files.append(File.generated(config, f"gallery/{name}.svg", content=picture(name)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Put in the table, the sections and, as in ``{{ seeds }}``, what was measured and where."""
    if SECTIONS not in markdown:
        return markdown
    root = "../" * page.url.count("/")
    script = f'<script src="{root}assets/gallery.js" defer></script>'
    markdown = TABLE.sub(lambda found: table(found[1].split(" | ")) + script, markdown)
    markdown = re.sub(r"{{ (\w+) }}", lambda found: budget()[found[1]], markdown)
    language = "zh" if page.url.startswith("zh/") else "en"
    sections = (section(name, root, language) for name in library())
    return markdown.replace(SECTIONS, "\n\n".join(sections))


def budget() -> dict[str, str]:
    """What the page says about the measurement as a whole."""
    steps = FACTS["budgets"]["steps"]
    return {
        "command": FACTS["command"],
        "processor": FACTS["machine"]["processor"],
        "cores": FACTS["machine"]["cores"],
        "workers": FACTS["workers"],
        "seeds": str(FACTS["seeds"]),
        "steps": number(steps),
        "characters": number(steps * FACTS["step_characters"]),
        "minutes": f"{FACTS['budgets']['minutes']:g}",
        "test": number(FACTS["test_characters"]),
    }


def cells(name: str) -> Iterator[Cell]:
    """The figures of a network, in the order of the headings; dashes where nothing is measured."""
    found = FACTS["networks"].get(name, {})
    seconds = found.get("seconds")
    speed = None if seconds is None else FACTS["step_characters"] / seconds
    yield found.get("parameters"), whole(found.get("parameters"))
    yield seconds, DASH if seconds is None else f"{1e3 * seconds:.1f}"
    yield speed, whole(speed)
    for limit in ("steps", "minutes"):
        losses = found.get(limit, {}).get("losses", [None])
        test = None if None in losses else mean_interval(losses)
        shown = DASH if test is None else f"{loss(test.mean)} ± {loss(test.high - test.mean)}"
        yield test and test.mean, shown
    characters = found.get("minutes", {}).get("characters")
    read = None if characters is None else mean(characters)
    yield read, whole(read)


def table(headings: list[str]) -> str:
    """A row for every network; assets/gallery.js makes its headings buttons that sort.

    Columns in which nothing is measured are left out.
    """
    figures = {name: list(cells(name)) for name in library()}
    columns = zip(*figures.values(), strict=True)
    measured = [any(value is not None for value, _ in column) for column in columns]
    headings = [headings[0], *compress(headings[1:], measured)]
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    rows = []
    for name, found in figures.items():
        numbers = "".join(
            f'<td data-value="{"" if value is None else value}">{shown}</td>'
            for value, shown in compress(found, measured)
        )
        link = f'<a href="#{name}"><code>{name}</code></a>'
        rows.append(f'<tr><th scope="row" data-value="{name}">{link}</th>{numbers}</tr>')
    head, body = f"<thead><tr>{head}</tr></thead>", "<tbody>\n{}\n</tbody>".format("\n".join(rows))
    return f'<table id="networks">\n{head}\n{body}\n</table>'


def section(name: str, root: str, language: str) -> str:
    """A network's description, equations and diagram."""
    network, address = load_network(name), f"{root}gallery/{name}.svg"
    what, *more = escape(network.about(language)).split("\n")
    sizes = re.search(r' width="\S+" height="\S+"', picture(name))
    assert sizes
    image = f'<img src="{address}" alt="{name}"{sizes[0]} loading="lazy">'
    return "\n\n".join(
        [
            f"### {name} {{ #{name} }}",
            f"<p>{what}<br>{' '.join(more)}</p>",
            typeset(network),
            f'<p><a href="{address}">{image}</a></p>',
        ]
    )
