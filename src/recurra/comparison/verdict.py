"""The verdict on a difference, in words that say no more than its numbers."""

import math
from typing import Final, Literal

from recurra.stats.intervals import Interval

Verdict = Literal["lower", "higher", "none", "one seed", "missing"]
Language = Literal["en", "zh"]

LOWER: Final = "lower"
HIGHER: Final = "higher"
NONE: Final = "none"
ONE_SEED: Final = "one seed"
MISSING: Final = "missing"

SENTENCES = {
    "en": {
        LOWER: "{one} predicts better than {other} at this budget: {gap:.4f} nats per character "
        "lower ({confidence:.3g} % interval {near:.4f} to {far:.4f}; {seeds} seeds each).",
        NONE: "No difference seen between {one} and {other} at this budget: {mean:+.4f} nats per "
        "character ({confidence:.3g} % interval {low:+.4f} to {high:+.4f}; {seeds} seeds each).",
        ONE_SEED: "One seed each cannot tell {one} and {other} from chance: {mean:+.4f} nats per "
        "character ({confidence:.3g} % interval over this text alone {low:+.4f} to {high:+.4f}).",
        MISSING: "{one} and {other} cannot be compared: a run diverged, and has no finite loss to "
        "be judged by.",
    },
    "zh": {
        LOWER: "在此预算下，{one} 预测得比 {other} 准：每字符损失低 {gap:.4f} 奈特"
        "（{confidence:.3g}% 置信区间 {near:.4f} 至 {far:.4f}；各 {seeds} 个种子）。",
        NONE: "在此预算下，看不出 {one} 与 {other} 有差别：每字符损失之差（前者减后者）为 "
        "{mean:+.4f} 奈特（{confidence:.3g}% 置信区间 {low:+.4f} 至 {high:+.4f}；"
        "各 {seeds} 个种子）。",
        ONE_SEED: "各只有一个种子，无法判断 {one} 与 {other} 的差别是不是偶然：每字符损失之差"
        "（前者减后者）为 {mean:+.4f} 奈特（仅就这段文本而言，"
        "{confidence:.3g}% 置信区间 {low:+.4f} 至 {high:+.4f}）。",
        MISSING: "{one} 与 {other} 无法比较：有一次训练发散了，没有有限的损失可供评判。",
    },
}

NOTES = {
    "en": {
        "colon": ": ",
        "comma": ", ",
        "parameters": "Not equal here: parameters ({low:,} to {high:,}).",
        "characters": "Not equal here: characters read ({low:,} to {high:,}).",
        "edge": "The best learning rate of {names} is the lowest or highest that was tried: a "
        "wider search might find a better one.",
    },
    "zh": {
        "colon": "：",
        "comma": "、",
        "parameters": "注意，各网络的参数量并不相等（{low:,} 至 {high:,}）。",
        "characters": "注意，各网络读过的字符数并不相等（{low:,} 至 {high:,}）。",
        "edge": "{names} 的最佳学习率落在搜索范围的边缘：扩大范围，也许还能更好。",
    },
}


def verdict_of(difference: Interval | None, seeds: int) -> Verdict:
    """The verdict that the interval of ``one - other`` allows."""
    if difference is None:
        return MISSING
    if seeds < 2:
        return ONE_SEED
    if difference.high < 0.0:
        return LOWER
    return HIGHER if difference.low > 0.0 else NONE


def sentence(
    one: str,
    other: str,
    difference: Interval | None,
    seeds: int,
    confidence: float,
    language: str = "en",
) -> str:
    """The verdict on ``one - other`` as a sentence, in English ("en") or Chinese ("zh")."""
    kind = verdict_of(difference, seeds)
    found = difference or Interval(math.nan, math.nan, math.nan)
    if kind == HIGHER:
        kind, one, other = LOWER, other, one
        found = Interval(-found.mean, -found.high, -found.low)
    return SENTENCES[language][kind].format(
        one=one,
        other=other,
        mean=found.mean,
        low=found.low,
        high=found.high,
        gap=-found.mean,
        near=-found.high,
        far=-found.low,
        seeds=seeds,
        confidence=100 * confidence,
    )
