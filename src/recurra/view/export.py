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


def encode(svg: str, format: str) -> bytes:
    """A figure in a format.

    Raises:
        SettingError: there is no such format, or its package is not installed.
    """
    if format not in FORMATS:
        raise unknown("figure format", format, FORMATS)
    if format == "svg":
        return svg.encode()
    try:
        import typst
    except ImportError:
        raise SettingError(
            f"figures as {format} need one more package: "
            'pip install "recurra[figures]"; or take svg'
        ) from None
    drawn: bytes = typst.compile(
        _DOCUMENT, format=format, ppi=PIXELS_PER_INCH, sys_inputs={"svg": svg}
    )
    return drawn
