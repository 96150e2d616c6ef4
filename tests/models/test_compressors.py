"""What compressors pay for a text after another one."""

import math
import sys
import zlib

import pytest

from recurra.errors import SettingError
from recurra.models.compressors import COMPRESSORS, Compressor
from toy_training import babble

BEFORE, TEXT = ["那一年，" * 9, babble(600)], [babble(300, seed=6), "寶玉 " * 20]


def test_the_price_is_what_a_text_adds(monkeypatch):
    monkeypatch.setitem(COMPRESSORS, "zlib", lambda data, _: len(zlib.compress(data)))
    before, both = ("".join(texts).encode() for texts in (BEFORE, BEFORE + TEXT))
    added = len(zlib.compress(both)) - len(zlib.compress(before))
    loss = Compressor("zlib", BEFORE).loss(TEXT)
    assert loss.characters == 300 + 60
    assert loss.bits_per_char == pytest.approx(8 * added / 360)
    assert loss.nats == pytest.approx(8 * added * math.log(2))


@pytest.mark.parametrize("name", COMPRESSORS)
def test_a_text_that_was_read_before_costs_little(name):
    pytest.importorskip({"ppmd": "pyppmd"}.get(name, name))
    new = Compressor(name, [babble(3000)]).loss([babble(2000, seed=9)])
    again = Compressor(name, [babble(3000)]).loss([babble(3000)[500:2500]])
    assert 0 < again.nats < 0.6 * new.nats
    assert new.nats_per_char < math.log(8)


def test_a_missing_package_and_an_unknown_name_are_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyppmd", None)
    with pytest.raises(SettingError, match=r'pip install "recurra\[versus\]"'):
        Compressor("ppmd", BEFORE)
    with pytest.raises(SettingError, match="no compressor gzip: choose one of zpaq, ppmd"):
        Compressor("gzip", BEFORE)
