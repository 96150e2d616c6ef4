"""The figures and tables of a report as files: for papers, and beside Markdown."""

from pathlib import Path

from recurra.report.document import Document, Rows
from recurra.storage.files import cannot_write
from recurra.storage.outputs import open_output, write_output
from recurra.view.export import encode
from recurra.view.tables import csv_text, latex


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
    figures = [(name, one, encode(one.svg, format)) for name, one in document.named_figures()]
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    written = []
    for name, figure, encoded in figures:
        written.append(folder / f"{name}.{format}")
        with open_output(written[-1]) as file:
            file.write(encoded)
        if figure.data:
            written.append(folder / f"{name}.csv")
            write_output(written[-1], figure.data)
    if not tables:
        return written
    blocks = [block for section in document.sections for block in section.blocks]
    for number, rows in enumerate((b for b in blocks if isinstance(b, Rows)), 1):
        cells = rows.cells
        texts = {"csv": csv_text(cells.headings, cells.rows), "tex": latex(cells)}
        for suffix, text in texts.items():
            written.append(folder / f"table-{number}.{suffix}")
            write_output(written[-1], text)
    return written
