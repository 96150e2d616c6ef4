"""`recurra.gradients`: as on paper, by finite differences of its own loss."""

import numpy as np
import pytest

import recurra


@pytest.mark.parametrize("name", ["wrnn", "lstm"])
def test_gradients_are_those_of_the_loss_in_the_shape_of_the_paper(name):
    network = recurra.load_network(name)
    text = np.array([[0, 3], [2, 1], [1, 1], [3, 0]])
    shapes = recurra.ShapeSolver(network).shapes(4, 3)
    rng = np.random.default_rng(1)
    parameters = {n: rng.normal(size=shapes.paper(n)) for n in network.parameters}
    _, found = recurra.gradients(network, text, parameters, hidden=3)
    for parameter, value in parameters.items():
        assert found[parameter].shape == value.shape
        place = tuple(rng.integers(value.shape))
        value[place] += 1e-6
        above, _ = recurra.gradients(network, text, parameters, hidden=3)
        value[place] -= 2e-6
        below, _ = recurra.gradients(network, text, parameters, hidden=3)
        value[place] += 1e-6
        assert found[parameter][place] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_what_does_not_fit_is_a_sentence():
    network = recurra.load_network("rnn")
    with pytest.raises(recurra.SettingError, match="whole numbers"):
        recurra.gradients(network, [0.5, 1])
    with pytest.raises(recurra.SettingError, match=r"U is \(8, 3\) on paper, not \(3, 8\)"):
        recurra.gradients(network, [0, 2], {"U": np.zeros((3, 8))})
