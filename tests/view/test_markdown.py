"""Names and comments inside Markdown, read by a parser of CommonMark."""

import html

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from recurra.view.markdown import code, inline
from recurra.view.text import visible

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKUP = st.text(st.sampled_from("\\`*_{}[]()<>#+-=.!|~$&:;/\"' \n\tab1宝"), max_size=30)


@given(MARKUP | st.text(max_size=20))
@example("<img src=x onerror=alert(1)>")
@example("[a](javascript:alert(1))")
@example("![a](http://x/y)")
@example("[a]: http://x")
@example("1. - + # > = --- ***")
@example("&lt; \\& $x$ ~~a~~ `b` __c__")
def test_a_text_stays_text(text):
    shown = visible(" ".join(text.split()))
    paragraph = READER.render(inline(text)).removeprefix("<p>").removesuffix("</p>\n")
    assert html.unescape(paragraph) == shown
    assert "<" not in paragraph
    assert html.unescape(READER.render(f"# x {inline(text)} x")) == f"<h1>x {shown} x</h1>\n"
    table = READER.render(f"| a | b |\n| --- | --- |\n| x {inline(text)} x | c |")
    cell = table.rpartition("<tr>\n<td>")[2].partition("</td>")[0]
    assert html.unescape(cell) == f"x {shown} x"


@given(MARKUP)
@example("```\n</code><script>")
@example("~~~\n````text")
def test_code_stays_code(text):
    (fence,) = READER.parse(code(text))
    assert fence.type == "fence"
    assert fence.content == visible(text.rstrip()) + "\n"
