"""The text of equations: its statements, by Python's own parser, and errors that point at them."""

import ast
import re
import textwrap
import unicodedata
import warnings
from itertools import dropwhile, takewhile
from keyword import iskeyword

from recurra.errors import EquationError
from recurra.lang.syntax import Place

_MAX_TEXT = 100_000


# What papers and input methods have, and what to type for it.
_TYPED = {
    **dict.fromkeys("【〔「『", "["), **dict.fromkeys("】〕」』", "]"), "、": ",", "。": ".",
    "−": "-", "–": "-", "·": "@ between a matrix and a vector, * between two vectors",
    "⊙": "*", "∘": "*", "×": "*", "⋅": "@ between a matrix and a vector, * between two vectors",
    "σ": "sigmoid", "∞": "a number",
}  # fmt: skip


class _WithoutPlus(ast.NodeTransformer):
    """Leaves out a plus in front: ``+ U @ x[t]``."""

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.UAdd) else node


class Source:
    """A text and its places.

    Attributes:
        text: with one kind of line end, so that ast and our messages count the same lines.
        name: what messages call it.
    """

    def __init__(self, text: str, name: str) -> None:
        self.lines = textwrap.dedent(text).splitlines()
        self.text, self.name = "\n".join(self.lines), name
        # line -> column of every byte
        self._columns: dict[int, list[int]] = {}

    def statements(self) -> list[ast.stmt]:
        """The statements, as data.

        Raises:
            EquationError: this is no Python syntax, or more of it than any network needs.
        """
        if len(self.text) > _MAX_TEXT:
            raise EquationError(
                f"the equations are longer than {_MAX_TEXT:,} characters: is this the right file?",
                self.text[:200],
                1,
                0,
                self.name,
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what Python thinks of "\\d" is of no use here
                tree: ast.Module = _WithoutPlus().visit(ast.parse(self.text))
                return tree.body
        except SyntaxError as error:
            place = Place(error.lineno or 1, max((error.offset or 1) - 1, 0))
            # the first sentence: what follows is advice for Python
            what = re.split("[.:] ", error.msg)[0]
            message = (
                f"this cannot be read ({what}): write name[t] = expression, "
                "with * or @ between the factors of a product"
            )
            if isinstance(error, IndentationError):
                message = (
                    "this line is indented, and others are not (unexpected indent): begin it as "
                    "they do"
                )
            elif taken := [w for w in re.findall(r"[^\W\d]\w*", error.text or "") if iskeyword(w)]:
                message = f"{taken[0]} cannot be a name: choose another, such as {taken[0]}1"
            elif wide := re.match("invalid character '(.)'", error.msg):
                plain = unicodedata.normalize("NFKC", wide[1])
                if plain != wide[1] and plain.isascii():
                    message = f"{wide[1]} is a full-width character: type {plain}"
                elif typed := _TYPED.get(wide[1]):
                    message = f"{wide[1]} cannot be read: type {typed}"
        except (MemoryError, RecursionError):
            place, message = Place(1, 0), "nested too deeply: split it into several equations"
        except ValueError:  # null bytes, lone surrogates
            place = Place(1, 0)
            message = "this is not a text of equations: is it the right file?"
        raise self.error_at(message, place) from None

    def description(self, language: str = "") -> str:
        """The comment that the text begins with, or its lines in a language: ``# zh: ...``."""
        comment = takewhile(_is_comment, self.lines)
        marked = (re.fullmatch(r"#\s*(?:(zh):)?(.*)", line) for line in comment)
        return "\n".join(line[2].strip() for line in marked if line and (line[1] or "") == language)

    def described_in(self, language: str) -> str:
        """The text with its description in one language; in English where there is no other."""
        told = (self.description("zh") if language == "zh" else "") or self.description()
        comment = [f"# {line}".rstrip() for line in told.splitlines()]
        return "\n".join([*comment, *dropwhile(_is_comment, self.lines)])

    def place(self, node: ast.stmt | ast.expr) -> Place:
        """Where a node stands."""
        if node.lineno not in self._columns:
            # ast counts UTF-8 bytes; people count characters
            line = self.lines[node.lineno - 1]
            self._columns[node.lineno] = [i for i, c in enumerate(line) for _ in c.encode("utf-8")]
        return Place(node.lineno, self._columns[node.lineno][node.col_offset])

    def error(self, message: str, node: ast.stmt | ast.expr) -> EquationError:
        """The error at a node."""
        return self.error_at(message, self.place(node))

    def error_at(self, message: str, place: Place) -> EquationError:
        """The error at a place."""
        return EquationError(message, self.text, place.line, place.column, self.name)


def _is_comment(line: str) -> bool:
    return line.startswith("#")
