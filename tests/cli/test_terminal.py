"""The command line on a terminal: the live display, columns, a conversation."""

import contextlib
import io
import os
import re
import select
import signal
import time
from pathlib import Path

import pytest

import recurra
from command_line import RECURRA, SMALL
from recurra.cli.board import Board
from recurra.cli.display import Dashboard, Lines, duration, sparkline
from recurra.cli.output import print_table
from recurra.training.records import Evaluating, Evaluation, Progress, Sample
from recurra.view.numbers import loss
from recurra.view.tables import Cells


@contextlib.contextmanager
def terminal(*arguments):
    """A command line on a pseudo-terminal: yields what types into it, and what it has shown."""
    pty = pytest.importorskip("pty")
    pid, descriptor = pty.fork()
    if pid == 0:
        # a shell's background job, as these tests may be, ignores Ctrl-C; what has a terminal not
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
        os.execve(RECURRA[0], [*RECURRA, *map(str, arguments)], environment)
    shown = b""

    def until(pattern):
        nonlocal shown
        end = time.monotonic() + 60
        while not (found := re.search(pattern, shown.decode("utf-8", "replace"), re.S)):
            assert time.monotonic() < end, shown
            if select.select([descriptor], [], [], 1.0)[0]:
                try:
                    shown += os.read(descriptor, 65536)
                except OSError:  # the other end is closed
                    end = 0.0
        shown = b""
        return found[0]

    try:
        yield lambda keys: os.write(descriptor, keys.encode()), until
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(descriptor)


def test_you_type_it_goes_on_you_type_again(runs):
    with terminal("write", runs / "rnn", "--chars", 20, "--seed", 1) as (type_in, until):
        until("Type, and end with Enter.*> ")
        type_in("to be\n")
        first = until("to be\r\nto be.*> ")
        type_in("\n")
        until("\r\n.*\r\n> ")
        type_in("宝玉 Ω\n")
        until("\r\n[^\n]* has never seen 'Ω': skipped\r\n宝玉 Ω.*> ")
        type_in("\x04")
        until("\r\n")
    model = recurra.load_model(runs / "rnn")
    expected = "".join(recurra.write(model, "to be", 20, seed=1)).replace("\n", "\r\n")
    assert f"to be{expected}\r\n> " in first


def test_ctrl_c_stops_a_text_and_you_type_again_below_it(runs):
    with terminal("write", runs / "rnn", "--chars", 10**9) as (type_in, until):
        until("Type, and end with Enter.*> ")
        type_in("to be\n")
        until("to be\r\nto be.+")
        type_in("\x03")
        until("\r\n> ")
        type_in("\x04")


def test_a_training_on_a_terminal_is_live(runs, tmp_path):
    command = ["train", runs / "plays.txt", "--out", tmp_path / "run", *SMALL, "--steps=200"]
    with terminal(*command) as (_, until):
        # one look at all of it: how many frames there are is the machine's affair
        shown = until("^.*Ended: .*Next: .*\n")
    for part in ("chars/s", "100%", "held-out", "written after step", "\x1b["):
        assert part in shown


def test_columns_on_a_terminal(runs):
    with terminal("write", runs / "rnn", runs / "wrnn", "to be", "--chars", 20) as (_, until):
        assert until("to be.*to be.*┘\r\n")


def console_of(width):
    return pytest.importorskip("rich.console").Console(
        file=io.StringIO(), width=width, soft_wrap=True, force_terminal=True, color_system=None,
        legacy_windows=False,
    )  # fmt: skip


@pytest.mark.parametrize("width", [30, 100])
def test_a_table_has_whole_figures_at_any_width(width):
    console, cells = console_of(width), [["rnn", "106,832", "1.4626"], ["wrnn", "303,696", "1.45"]]
    table = Cells(["network", "parameters", "held-out nats/char"], cells, [False, True, True])
    print_table(console, table)
    shown = console.file.getvalue()
    assert all(text in shown for row in [table.headings, *cells] for text in row)
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [30, 100])
def test_a_board_has_whole_figures_at_any_width(width):
    study = recurra.Study.open(Path(__file__).parents[1] / "fixtures/v0_1_0/study")
    console, trials = console_of(width), study.trials()
    board = Board(console, study)
    board.show(trials)
    console.print(board.render())
    assert max(map(len, console.file.getvalue().splitlines())) <= width
    shown = " ".join(console.file.getvalue().split())
    for trial in trials:
        assert f"{trial.characters:,}" in shown
        assert trial.best_known is None or loss(trial.best_known) in shown


@pytest.mark.parametrize("width", [30, 100])
def test_a_dashboard_shows_the_figures(width):
    console = console_of(width)
    dashboard = Dashboard(console)
    console.print(dashboard.render())
    dashboard.show(
        Progress(
            step=1234, characters=10**6, nats_per_char=2.0, smooth_loss=100.0,
            smooth_nats_per_char=1.5, rate=0.01, chars_per_second=54321.0, seconds=75.0,
            fraction=0.25, seconds_left=225.0
        )
    )  # fmt: skip
    dashboard.show(Evaluation(1200, 1.625, 1.625 / 0.6931, True))
    dashboard.show(Sample(1000, "宝玉[bold] says"))
    dashboard.show(Evaluating(1234, 5000, 123456))
    console.print(dashboard.render())
    drawn = console.file.getvalue().partition("(best)")[2]
    assert max(map(len, drawn.splitlines())) <= width
    shown = " ".join(console.file.getvalue().split())
    for figure in (
        "1,234",
        "54,321",
        "1.5000",
        "1.6250 nats 2.3444 bits",
        "25%",
        "3:45",
        "宝玉[bold]",
        "5,000 of 123,456",
    ):
        assert figure in shown


def test_a_step_with_a_held_out_loss_has_one_line(monkeypatch):
    monkeypatch.setattr("recurra.cli.display.PAUSE", -1.0)  # every record is due for a line
    console = pytest.importorskip("rich.console").Console(file=io.StringIO(), width=200)
    lines = Lines(console)
    for step in (10, 20, 30):
        lines.show(Progress(step, 100 * step, 2.0, 100.0, 1.5, 0.01, 54321.0, 75.0, 0.25, 225.0))
        if step == 20:
            lines.show(Evaluation(step, 1.625, 1.625 / 0.6931, True))
    shown = console.file.getvalue().splitlines()
    assert [line.split("  ")[0] for line in shown] == ["step 10", "step 20"]
    assert "held-out 1.6250" in shown[1]


def test_a_long_evaluation_at_the_end_has_a_line_now_and_then(monkeypatch):
    console = console_of(200)
    lines = Lines(console)
    for pause, done in ((-1.0, 2000), (1e9, 4000), (-1.0, 6000)):
        monkeypatch.setattr("recurra.cli.display.PAUSE", pause)
        lines.show(Evaluating(30, done, 123456))
    shown = re.findall("evaluated: (.*) of 123,456 held-out", console.file.getvalue())
    assert shown == ["2,000", "6,000"]


def test_a_curve_as_a_line_of_blocks():
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1], 1, 8, 60, ascii_only=False) == "█▇▆▅▄▃▂▁"
    assert sparkline([2, 1], 1, 2, 60, ascii_only=True) == "#_"
    assert sparkline([3.0], 3.0, 3.0, 60, ascii_only=False) == "▁"
    assert len(sparkline(range(1000), 0, 999, 60, ascii_only=False)) == 60
    assert sparkline(range(1000), 0, 999, 60, ascii_only=False)[-1] == "█"


def test_durations():
    assert [duration(s) for s in (0, 59.6, 61, 3600)] == ["0:00", "1:00", "1:01", "1:00:00"]
