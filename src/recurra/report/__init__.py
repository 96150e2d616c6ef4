"""Comparisons, studies and runs as one page: HTML that needs nothing else, or Markdown."""

from pathlib import Path
from typing import Any

from recurra.errors import SettingError
from recurra.report.content import Content as Content
from recurra.report.content import gather as gather
from recurra.report.markdown import markdown as markdown
from recurra.report.page import page as page
from recurra.storage.folder import write_atomic
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
        out: the file; it is replaced.
        language: "en" or "zh".
        format: "html" or "md"; None: what the file's name ends in, else HTML.
        options: see :func:`recurra.report.gather`.

    Returns:
        The file's absolute path.

    Raises:
        RunError: a folder is refused, or the file cannot be written.
        SettingError: no such language or format.
        TextError: prompts were to come from texts that are not there.
    """
    path = Path(out).resolve()
    format = format or ("md" if path.suffix == ".md" else "html")
    if format not in FORMATS:
        raise SettingError(f"no format {format}: choose one of {', '.join(FORMATS)}")
    if language not in LANGUAGES:
        raise SettingError(f"no language {language}: choose one of {', '.join(LANGUAGES)}")
    content = gather(things, **options)
    write_atomic(path, FORMATS[format](content, language).encode("utf-8", "backslashreplace"))
    return path
