"""Cards of a study and of a comparison that is not evaluated yet."""

from html import escape

from recurra.comparison.comparison import Comparison
from recurra.comparison.runner import count_runs
from recurra.explain.notation import typeset
from recurra.notebook.cards import card, paragraph
from recurra.tuning.figures import search_figures
from recurra.tuning.study import Study, rows
from recurra.tuning.tables import trials_table
from recurra.tuning.trials import rank
from recurra.view.tables import html
from recurra.view.words import Words

LISTED = 10  # trials


def show_study(study: Study) -> str:
    """Show the best trials of a study so far, and its figures."""
    trials = study.trials()
    finished = sum(trial.finished for trial in trials)
    best = sorted((trial for trial in trials if trial.setting), key=rank)[:LISTED]
    figures = search_figures(study.spec, trials, Words())
    return card(
        " · ".join([*study.spec.networks, study.folder.name]),
        [
            paragraph(f"{finished:,} of {len(trials):,} trials have ended"),
            html(trials_table(study.spec).show(rows(study, best))) if best else "",
            *(f"<div>{figure.svg}<div>{escape(figure.caption)}</div></div>" for figure in figures),
        ],
    )


def show_comparison(comparison: Comparison) -> str:
    """Show what is compared, and how much of it is done; the test part stays closed."""
    done, total = count_runs(comparison)
    parts = [paragraph(f"{done:,} of {total:,} runs have ended")]
    for one in comparison.contestants:
        sizes = (f"budget {b.name}: {b.parameters[one.name]:,}" for b in comparison.budgets)
        parts += [
            paragraph(one.name, strong=True),
            typeset(one.parsed),
            paragraph(f"parameters at {', '.join(sizes)}"),
        ]
    return card(" · ".join(comparison.names), parts)
