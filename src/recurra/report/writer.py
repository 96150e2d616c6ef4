"""A report as a file: gather, choose a format, write; with figures of their own."""

from collections.abc import Sequence
from pathlib import Path

from recurra.errors import SettingError, unknown
from recurra.report.content import gather
from recurra.report.document import compose
from recurra.report.figure_files import write_figures
from recurra.report.markdown import markdown
from recurra.report.page import page
from recurra.report.samples import CHARACTERS
from recurra.storage.outputs import check_output, output_format, write_output
from recurra.text.sources import Source
from recurra.view.export import FORMATS as FIGURE_FORMATS
from recurra.view.export import check_format
from recurra.view.words import LANGUAGES

FORMATS = ("html", "md")


def write_report(
    things: Source | Sequence[Source],
    out: Source,
    *,
    language: str = "en",
    format: str | None = None,
    prompts: Sequence[str] | None = None,
    characters: int = CHARACTERS,
    seed: int = 0,
    fetch: bool = False,
    figures: Source | None = None,
    figure_format: str = "svg",
) -> Path:
    """Write the report of a comparison, of a study, or of runs, as a file.

    Args:
        things: the folder of a comparison or of a study, or one or more run folders.
        out: the file; it is replaced, but a pipe or a device is written into.
        language: "en" or "zh".
        format: "html" or "md"; None: what the file's name ends in; without an ending, HTML.
        prompts, characters, seed, fetch: see `recurra.report.content.gather`.
        figures: a folder for every figure with its numbers as CSV, and for the tables as CSV and
            LaTeX.
        figure_format: "svg", "pdf" or "png".

    Markdown has its pictures beside it, in a folder named after it.

    Returns:
        The file's absolute path.

    Raises:
        RunError: a folder or the file is refused, or the file cannot be written.
        SettingError: no such language or format.
        TextError: prompts were to come from texts that are not there.
    """
    asked = format or Path(out).suffix.lower().removeprefix(".")
    if asked in FIGURE_FORMATS:
        raise SettingError(
            f"a report is html or md, not {asked}; its figures alone can be: --figures FOLDER "
            f"--figure-format {asked}"
        )
    format = output_format(out, FORMATS, format)
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    check_output(out)
    if figures is not None:
        check_format(figure_format)
    content = gather(things, prompts=prompts, characters=characters, seed=seed, fetch=fetch)
    document = compose(content, language)
    if figures is not None:
        write_figures(document, Path(figures), figure_format, tables=True)
    path = Path(out).absolute()
    if format == "html":
        write_output(out, page(document))
        return path
    pictures = path.with_name(f"{path.stem}-figures")
    beside = not path.exists() or path.is_file()  # a pipe has no folder
    if beside and any(document.named_figures()):
        write_figures(document, pictures, "svg", tables=False)
    write_output(out, markdown(document, pictures.name * beside))
    return path
