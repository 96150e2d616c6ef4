"""The colours of every page, figure, diagram and card, and their letters."""

# Okabe & Ito (2008): told apart by everyone, on paper too.
SERIES = ["#0072b2", "#d55e00", "#009e73", "#aa4499", "#b07d00", "#56b4e9", "#333333"]
INK, SOFT, RULE, GROUND, PALE = "#1c2128", "#5b6370", "#e1e4e9", "#ffffff", "#f6f7f9"
BEST, WORST = "#084081", "#f0f6fb"  # ends of a map of losses
# Of characters, by how much they surprised: from 2 bits on, a level a bit.
SURPRISE = ["#fff4e0", "#ffe8c2", "#ffd9a0", "#ffc57f", "#ffad61", "#ff9148", "#f7723a"]
# Of a network's diagram: arrows by lag; circles of vectors, of the character, of the output.
LAGS = ["#333333", "#1f5fbf", "#8a3ab9"]
VECTOR, CHARACTER, OUTPUT, OPERATOR = "#ffffff", "#eef3e6", "#fdf0dc", "#f2f2f2"

SANS = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'PingFang SC', "
    "'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', sans-serif"
)
SERIF = "'STIX Two Text', 'Times New Roman', 'Liberation Serif', 'DejaVu Serif', serif"


def series(number: int) -> str:
    """The colour of a network or curve; there are as many as one can tell apart."""
    return SERIES[number % len(SERIES)]


def blend(fraction: float) -> str:
    """A colour between `WORST` (0) and `BEST` (1)."""
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (WORST, BEST)]
    mixed = (round(low + fraction * (high - low)) for low, high in zip(*ends, strict=True))
    return f"rgb({','.join(map(str, mixed))})"


def css() -> str:
    """The colours as rules of a page's style."""
    names = {"ink": INK, "soft": SOFT, "rule": RULE, "ground": GROUND, "pale": PALE, "sans": SANS}
    names["first"] = SERIES[0]
    variables = "".join(f" --{name}: {value};" for name, value in names.items())
    cards = "".join(f".c{i} {{ border-top-color: {c}; }}\n" for i, c in enumerate(SERIES))
    levels = "".join(f".s{i} {{ background: {c}; }}\n" for i, c in enumerate(SURPRISE, 1))
    return f":root {{{variables} color-scheme: light; }}\n{cards}{levels}"
