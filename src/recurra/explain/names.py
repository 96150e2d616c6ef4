"""Names of the equations as on paper: a letter with a subscript."""

import re
import unicodedata

from recurra.lang.network import Network

GREEK = {
    name: unicodedata.lookup(f"GREEK {case} LETTER {name.lower().replace('lambda', 'lamda')}")
    for case, names in (
        (
            "SMALL",
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma "
            "tau upsilon phi chi psi omega",
        ),
        ("CAPITAL", "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"),
    )
    for name in names.split()
}

Symbol = tuple[str, str]  # a letter (or word) and its subscript


def split(name: str) -> Symbol:
    """``W1 -> (W, 1)``, ``bf -> (b, f)``, ``Win -> (W, in)``, ``alpha -> (α, )``."""
    head, _, tail = name.partition("_")
    if head and tail:
        letter, below = split(head)
        return letter, ",".join(filter(None, (below, GREEK.get(tail, tail))))
    letters = name.rstrip("0123456789")
    digits = name[len(letters) :]
    if letters in GREEK:
        return GREEK[letters], digits
    short = re.fullmatch(r"[^\W\d_]{2}|[A-Z][a-z]+", letters)
    return (letters[0], letters[1:] + digits) if short else (letters, digits)


def symbols(network: Network) -> dict[str, Symbol]:
    """A symbol for every name in a network; names that would look alike stay as typed."""
    vectors = [equation.name for equation in (*network.equations, network.output)]
    names = ["x", *vectors, *network.parameters, *network.choices]
    found = {name: split(name) for name in names}
    alike = [symbol for symbol in found.values() if list(found.values()).count(symbol) > 1]
    return {name: (name, "") if symbol in alike else symbol for name, symbol in found.items()}


def free(taken: dict[str, Symbol], *candidates: str) -> str:
    """The first of some letters that a network does not use itself."""
    used = {letter for letter, _ in taken.values()}
    return next((c for c in candidates if c not in used), candidates[-1])
