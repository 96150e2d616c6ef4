"""Strongly connected components of a graph, in order."""


def strong_components(depends: dict[str, list[str]]) -> list[list[str]]:
    """Strongly connected components, dependencies first (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in depends[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            start = stack.index(name)
            components.append(stack[start:])
            del stack[start:]

    for name in depends:
        if name not in index:
            visit(name)
    return components
