"""Figures as files: SVG as drawn; PDF and PNG, for papers and slides, through the extra `figures`.

Typst sets them, a package without system libraries: it finds a font for every script there is.
"""

from typing import Literal, get_args

from recurra.errors import SettingError, unknown

Format = Literal["svg", "pdf", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)
PIXELS_PER_INCH = 200
_DOCUMENT = b"""
#set page(width: auto, height: auto, margin: 4pt)
#image(bytes(sys.inputs.svg), format: "svg")
"""


def check_format(format: str) -> Format:
    """Return the format; refuse one that cannot be written here, before anything is drawn.

    Raises:
        SettingError: there is no such format, or its package is not installed.
    """
    if format not in FORMATS:
        raise unknown("figure format", format, FORMATS)
    if format != "svg":
        try:
            import typst  # noqa: F401
        except ImportError:
            raise SettingError(
                f"figures as {format} need one more package: "
                'pip install "recurra[figures]"; or take svg'
            ) from None
    return format


def encode(svg: str, format: str) -> bytes:
    """A figure in a format.

    Raises:
        SettingError: see `check_format`.
    """
    known = check_format(format)
    if known == "svg":
        return svg.encode()
    import typst

    drawn: bytes = typst.compile(
        _DOCUMENT, format=known, ppi=PIXELS_PER_INCH, sys_inputs={"svg": svg}
    )
    return drawn
