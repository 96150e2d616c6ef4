"""Compressors as a yardstick: the price of a text after another one, in nats a character.

They count contexts and go on learning while they read. The packages are optional: the extra
`versus`. zpaq pays least of what is easy to install, PPMd (variant H, order 6) is quickest.
"""

import math
from collections.abc import Callable, Sequence

from recurra.errors import SettingError, unknown
from recurra.models.evaluation import Loss

# zpaq chooses its tables by size, in steps up to here: below it, two texts were not comparable.
_ZPAQ_STEP = 2**20 + 2**12
_PPMD_ORDER, _PPMD_MEMORY = 6, 2**26


def _ppmd(data: bytes, smallest: int) -> int:
    import pyppmd

    return len(pyppmd.compress(data, max_order=_PPMD_ORDER, mem_size=_PPMD_MEMORY, variant="H"))


def _zpaq(data: bytes, smallest: int) -> int:
    import zpaq

    # zeros in front cost nearly nothing; more threads would cut the text
    padding = bytes(max(0, _ZPAQ_STEP - smallest))
    return len(zpaq.compress(padding + data, method="5", threads=1))


# Name -> the compressed size of some bytes; `smallest` is that of the smallest data to compare.
COMPRESSORS: dict[str, Callable[[bytes, int], int]] = {"zpaq": _zpaq, "ppmd": _ppmd}


def require_compressor(name: str) -> None:
    """Refuse a compressor that cannot be had, before anything is read for it.

    Raises:
        SettingError: there is no such compressor, or its package is not installed.
    """
    if name not in COMPRESSORS:
        raise unknown("compressor", name, COMPRESSORS)
    try:
        COMPRESSORS[name](b"", _ZPAQ_STEP)
    except ImportError:
        raise SettingError(
            f'{name} needs one more package: pip install "recurra[versus]"'
        ) from None


class Compressor:
    """One of the compressors, after it has read a text.

    Args:
        name: "zpaq" or "ppmd".
        before: documents that are read first.

    Raises:
        SettingError: there is no such compressor, or its package is not installed.
    """

    def __init__(self, name: str, before: Sequence[str]) -> None:
        require_compressor(name)
        self.name, self._before = name, "".join(before).encode("utf-8", "surrogatepass")
        self._size_before = self._size(self._before)

    def loss(self, texts: Sequence[str]) -> Loss:
        """The price of documents after what was read before, over all of their characters."""
        text = "".join(texts)
        both = self._size(self._before + text.encode("utf-8", "surrogatepass"))
        return Loss((both - self._size_before) * 8 * math.log(2.0), len(text))

    def _size(self, data: bytes) -> int:
        return COMPRESSORS[self.name](data, len(self._before))
