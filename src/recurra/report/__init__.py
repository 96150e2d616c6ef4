"""Comparisons, studies and runs as one page: HTML that needs nothing else, or Markdown."""

from pathlib import Path
from typing import Any

from recurra.errors import SettingError
from recurra.report.content import Content as Content
from recurra.report.content import gather as gather
from recurra.report.markdown import markdown as markdown
from recurra.report.page import page as page
from recurra.storage.outputs import check_output, output_format, write_output
from recurra.view.words import LANGUAGES

FORMATS = {"html": page, "md": markdown}


def write_report(
    things: Any,
    out: str | Path,
    *,
    language: str = "en",
    format: str | None = None,
    **options: Any,
) -> Path:
    """Write the report of a comparison, of a study, or of runs, as a file.

    Args:
        things: the folder of a comparison or of a study, or one or more run folders.
        out: the file; it is replaced, but a pipe or a device is written into.
        language: "en" or "zh".
        format: "html" or "md"; None: what the file's name ends in; without an ending, HTML.
        options: see `recurra.report.gather`.

    Returns:
        The file's absolute path.

    Raises:
        RunError: a folder or the file is refused, or the file cannot be written.
        SettingError: no such language or format.
        TextError: prompts were to come from texts that are not there.
    """
    format = output_format(out, tuple(FORMATS), format)
    if language not in LANGUAGES:
        raise SettingError(f"no language {language}: choose one of {', '.join(LANGUAGES)}")
    check_output(out)
    content = gather(things, **options)
    write_output(out, FORMATS[format](content, language))
    return Path(out).absolute()
