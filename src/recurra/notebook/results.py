"""Card of a comparison's results."""

from recurra.comparison.estimates import difference_estimates, loss_estimates
from recurra.comparison.results import Results
from recurra.comparison.verdict import HIGHER, LOWER
from recurra.notebook.cards import card, paragraph
from recurra.view import table
from recurra.view.figures import intervals

COLUMNS = ("network", "parameters", "lr", "test nats/char", "bits/char")


def show_results(results: Results) -> str:
    """Show the verdicts, the means and the differences of every budget."""
    parts: list[str] = []
    for budget in dict.fromkeys(summary.budget for summary in results.summaries):
        parts.append(paragraph(f"budget {budget}"))
        parts += [
            paragraph(d.sentence(), strong=d.verdict in (LOWER, HIGHER))
            for d in results.differences
            if d.budget == budget
        ]
        parts += map(paragraph, results.notes(budget))
        rows = [
            (s.contestant, s.parameters, s.lr, s.test and s.test.mean, s.bits)
            for s in results.summaries
            if s.budget == budget
        ]
        parts.append(table(COLUMNS, rows))
        parts.append(intervals(loss_estimates(results, budget), "nats per character"))
        estimates = difference_estimates(results, budget)
        parts.append(intervals(estimates, "difference, nats per character", zero=True))
    names = dict.fromkeys(summary.contestant for summary in results.summaries)
    return card(" · ".join(names), parts)
