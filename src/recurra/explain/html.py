"""An explanation as HTML: the Markdown of `recurra.explain.page`, its formulas as MathML."""

import re
from collections.abc import Iterator
from html import escape

from recurra.explain.diagram import draw
from recurra.explain.mathml import mathml
from recurra.explain.page import explanation
from recurra.lang.network import Network

_BLOCK = re.compile(
    r"^(`{3,})(\w*)\n(.*?)\n\1$|^\$\$\n(.*?)\n\$\$$|^(\S.*?)(?=\n\n|\n*\Z)", re.S | re.M
)
_INLINE = re.compile(r"\$([^$]+)\$|`([^`]+)`|\*\*(.+?)\*\*|\\(.)|([^$`*\\]+|.)", re.S)

_PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 sans-serif }}
pre, .diagram, .formula {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
td, th {{ border: 1px solid #ccc; padding: 0.3em 0.6em; text-align: left }}
</style>
<body>
{body}
</body>
</html>
"""


def explanation_html(network: Network, language: str = "en") -> str:
    """Everything that follows from a network's equations, as a fragment of HTML.

    Headings begin with ``h2``. The diagram stands in it as SVG.

    Raises:
        SettingError: an unknown language.
    """
    return "\n".join(_blocks(explanation(network, language, "diagram"), network))


def explanation_page(network: Network, language: str = "en") -> str:
    """The same as a page of its own, which asks nothing of any server.

    Raises:
        SettingError: an unknown language.
    """
    return _PAGE.format(
        language=language,
        title=escape(network.name),
        body=explanation_html(network, language),
    )


def _blocks(markdown: str, network: Network) -> Iterator[str]:
    for found in _BLOCK.finditer(markdown):
        fence, language, code, formula, text = found.groups()
        if fence:
            yield f'<pre class="{language}" tabindex="0"><code>{escape(code)}</code></pre>'
        elif formula:
            yield f'<div class="formula" tabindex="0">{mathml(formula, block=True)}</div>'
        elif text.startswith("!["):
            yield f'<div class="diagram" tabindex="0">{draw(network)}</div>'
        elif heading := re.match("(#+) (.*)", text):
            tag = f"h{len(heading[1]) + 1}"
            yield f"<{tag}>{_inline(heading[2])}</{tag}>"
        elif text.startswith("- "):
            items = re.split(r"^- ", text, flags=re.M)[1:]
            yield f"<ul>{''.join(f'<li>{_inline(item.strip())}</li>' for item in items)}</ul>"
        elif text.startswith("| "):
            yield _table(text.splitlines())
        else:
            yield f"<p>{_inline(text)}</p>"


def _table(lines: list[str]) -> str:
    head, _, *body = (line.strip("| ").split(" | ") for line in lines)
    rows = ["".join(f'<th scope="col">{_inline(cell)}</th>' for cell in head)]
    rows += ["".join(f"<td>{_inline(cell)}</td>" for cell in row) for row in body]
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _inline(text: str) -> str:
    parts = []
    for formula, code, bold, escaped, plain in _INLINE.findall(text):
        if formula:
            parts.append(mathml(formula))
        elif code:
            parts.append(f"<code>{escape(code)}</code>")
        elif bold:
            parts.append(f"<strong>{_inline(bold)}</strong>")
        else:
            parts.append(escape(escaped) if escaped else _text(plain))
    return "".join(parts)


def _text(markdown: str) -> str:
    """Plain text, in which some characters may be entities already."""
    return re.sub(r"&(?!#?\w+;)", "&amp;", markdown).replace("<", "&lt;").replace(">", "&gt;")
