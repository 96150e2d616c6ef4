"""Card of a comparison's results."""

from recurra.comparison.estimates import difference_estimates, loss_estimates
from recurra.comparison.results import Results
from recurra.comparison.tables import SUMMARIES
from recurra.comparison.verdict import HIGHER, LOWER
from recurra.notebook.cards import card, paragraph
from recurra.view.charts import intervals
from recurra.view.tables import html
from recurra.view.words import Words


def show_results(results: Results) -> str:
    """Show the verdicts, the means and the differences of every budget."""
    words, parts = Words(), list[str]()
    for budget in dict.fromkeys(summary.budget for summary in results.summaries):
        parts.append(paragraph(f"budget {budget}"))
        parts += [
            paragraph(d.sentence(), strong=d.verdict in (LOWER, HIGHER))
            for d in results.differences
            if d.budget == budget
        ]
        parts += map(paragraph, results.notes(budget))
        parts.append(html(SUMMARIES.show(s for s in results.summaries if s.budget == budget)))
        parts.append(intervals(loss_estimates(results, budget), words("nats axis")))
        gaps = difference_estimates(results, budget)
        parts.append(intervals(gaps, words("difference axis"), zero=True))
    names = dict.fromkeys(summary.contestant for summary in results.summaries)
    return card(" · ".join(names), parts)
