"""Figures as files."""

import subprocess
import sys

import pytest

from recurra.errors import SettingError
from recurra.view.charts import Curve, curves
from recurra.view.export import encode

DRAWN = curves([Curve([1, 2], [3.0, 2.0], label="门控")], "已读字符数", "奈特/字符")


def test_svg_is_the_drawing_itself():
    assert encode(DRAWN, "svg").decode() == DRAWN
    assert DRAWN.startswith("<svg ")


@pytest.mark.parametrize(("format", "begin"), [("pdf", b"%PDF-"), ("png", b"\x89PNG\r\n")])
def test_figures_for_papers(format, begin):
    pytest.importorskip("typst")
    english = DRAWN
    for character in "门控已读字符数奈特":
        english = english.replace(character, "x")
    found = encode(DRAWN, format)
    assert found.startswith(begin)
    assert len(found) > 2000
    assert found != encode(english, format)


def test_a_format_that_there_is_not():
    with pytest.raises(SettingError, match="no figure format gif: choose one of svg, pdf"):
        encode(DRAWN, "gif")


def test_the_missing_package_is_one_sentence():
    program = """
import sys
sys.modules["typst"] = None
from recurra.view.export import encode
try:
    encode("<svg/>", "pdf")
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == (
        'SettingError figures as pdf need one more package: pip install "recurra[figures]"; '
        "or take svg\n"
    )
