"""The learning-rate schedule against what it promises."""

import pytest

from recurra.training.schedule import learning_rate


def test_learning_rate_rises_to_the_peak_then_falls_as_a_cosine():
    rise = [learning_rate(0.4, step, 0.0, warmup=4, final=0.1) for step in range(6)]
    assert rise == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    fall = [learning_rate(0.4, 9, used, warmup=4, final=0.1) for used in (0, 0.5, 1, 1.5)]
    assert fall == pytest.approx([0.4, 0.22, 0.04, 0.04])
    assert learning_rate(0.4, 0, 0.9) == 0.4
