"""The published derivation of the W-RNN: the exact one with its three mistakes made again."""

from collections.abc import Callable
from dataclasses import replace

from recurra.explain.derivation import Derivation, Path
from recurra.explain.formulas import Derivative, Formula, Frozen, Value, rewrite
from recurra.lang.library import load_network
from recurra.lang.network import Network


def is_wrnn(network: Network) -> bool:
    """Whether a network has the equations of the W-RNN, whatever its functions are."""
    wrnn = load_network("wrnn")
    return (network.equations, network.output) == (wrnn.equations, wrnn.output)


def wrong_derivative(derivation: Derivation) -> Derivation:
    """Tanh's derivative for every function."""

    def change(formula: Formula) -> Formula:
        return Derivative("tanh", formula.argument) if isinstance(formula, Derivative) else formula

    deltas = {
        quantity: tuple(replace(path, formula=rewrite(path.formula, change)) for path in paths)
        for quantity, paths in derivation.deltas.items()
    }
    return replace(derivation, deltas=deltas)


def no_time_paths(derivation: Derivation) -> Derivation:
    """Only readers of the same time step."""
    deltas = {
        quantity: tuple(path for path in paths if not path.lag)
        for quantity, paths in derivation.deltas.items()
    }
    return replace(derivation, deltas=deltas)


def one_input(derivation: Derivation) -> Derivation:
    """One step's character for all steps."""

    def change(formula: Formula) -> Formula:
        return Frozen("x") if formula == Value("x", 0) else formula

    def changed(path: Path) -> Path:
        return replace(path, formula=rewrite(path.formula, change))

    gradients = {name: tuple(map(changed, paths)) for name, paths in derivation.gradients.items()}
    return replace(derivation, gradients=gradients)


# key of the sentence that tells -> the mistake made on the exact derivation
MISTAKES: dict[str, Callable[[Derivation], Derivation]] = {
    "mistake derivative": wrong_derivative,
    "mistake paths": no_time_paths,
    "mistake input": one_input,
}
