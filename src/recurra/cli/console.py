"""A console of Rich that shows what is printed as text, whatever stands in it."""

from collections.abc import Iterable, Iterator

from rich.console import (
    Console,
    ConsoleOptions,
    Group,
    HighlighterType,
    JustifyMethod,
    OverflowMethod,
    RenderableType,
)
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from recurra.cli.streams import Drawing, Stream
from recurra.view.text import visible


class TextConsole(Console):
    """No markup, no colours of its own, no cut lines; nothing that commands a terminal."""

    def __init__(self, stream: Stream, quiet: bool) -> None:
        super().__init__(
            file=Drawing(stream),  # type: ignore[arg-type]
            width=None if stream.isatty() else 200,
            quiet=quiet,
            markup=False,
            highlight=False,
            emoji=False,
            soft_wrap=True,
        )

    def render_str(  # before its width is measured; markup, emoji and highlights are off
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: HighlighterType | None = None,
    ) -> Text:
        """A text as it stands."""
        shown = visible(text) if self.is_terminal else text
        return Text(shown, style=style, justify=justify, overflow=overflow)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Everything else."""
        for segment in super().render(renderable, options):
            if self.is_terminal and not segment.control:
                segment = Segment(visible(segment.text), segment.style)
            yield segment


class Wrapped(Group):
    """The parts of a live display, in lines that end where the terminal does."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Its parts, one below the other."""
        for part in self.renderables:
            yield from console.render(part, options.update(no_wrap=False, overflow="fold"))


def fits(console: Console, table: Table) -> bool:
    """Whether a table has room without a word or a number being cut."""
    wide = console.options.update(width=10_000)
    return console.measure(table, options=wide).minimum <= console.width
