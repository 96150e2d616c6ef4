"""The figures and tables of a report as files: for papers, and beside Markdown."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from recurra.errors import SettingError
from recurra.report.document import Document, Figures, Rows
from recurra.storage.files import cannot_write, safe_name
from recurra.storage.outputs import open_output, write_output
from recurra.view.axes import Figure
from recurra.view.export import FORMATS, encode
from recurra.view.tables import comma_separated, latex


def named_figures(document: Document) -> Iterator[tuple[str, Figure]]:
    """The figures of a report that have something to show, each with a name of its own."""
    names: Counter[str] = Counter()
    for section in document.sections:
        for block in section.blocks:
            for figure in block.figures if isinstance(block, Figures) else ():
                if figure.svg:
                    name = safe_name(figure.name)
                    names[name] += 1
                    yield (f"{name}-{names[name]}" if names[name] > 1 else name), figure


def write_figures(document: Document, folder: Path, format: str, *, tables: bool) -> list[Path]:
    """Write the figures of a report into a folder, which is made.

    Args:
        document: the report.
        folder: gets a file for each figure, and its numbers as CSV where they are points or
            intervals.
        format: "svg"; "pdf" or "png" need the extra `figures`.
        tables: the tables too, as CSV and as LaTeX (with the package booktabs).

    Returns:
        The files.

    Raises:
        RunError: a file cannot be written.
        SettingError: no such format, or its package is not installed.
    """
    if format not in FORMATS:
        raise SettingError(f"no format {format} for figures: choose one of {', '.join(FORMATS)}")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    written = []
    for name, figure in named_figures(document):
        written.append(folder / f"{name}.{format}")
        with open_output(written[-1]) as file:
            file.write(encode(figure.svg, format))
        if figure.data:
            written.append(folder / f"{name}.csv")
            write_output(written[-1], figure.data)
    if not tables:
        return written
    blocks = [block for section in document.sections for block in section.blocks]
    for number, rows in enumerate((b for b in blocks if isinstance(b, Rows)), 1):
        for suffix, text in (("csv", comma_separated), ("tex", latex)):
            written.append(folder / f"table-{number}.{suffix}")
            write_output(written[-1], text(rows.cells))
    return written
