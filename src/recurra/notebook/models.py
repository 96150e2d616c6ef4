"""Cards of a model and of a gradient check."""

from recurra.compute.gradcheck import GradientChecks
from recurra.explain.notation import typeset
from recurra.explain.tables import GRADIENTS
from recurra.models.model import Model
from recurra.notebook.cards import card, paragraph
from recurra.view import numbers
from recurra.view.tables import Column, Table, html

Parameter = tuple[str, tuple[int, ...]]
PARAMETERS = Table[Parameter](
    Column("parameter", "parameter", lambda row: row[0]),
    Column("shape", "shape", lambda row: numbers.shape(row[1])),
)


def show_model(model: Model) -> str:
    """Show the equations of a model, and its parameters as on paper."""
    shapes = ((name, model.matrix(name).shape) for name in model.parameters)
    size = f"{model.shapes.count:,} parameters, {len(model.vocabulary):,} characters"
    parts = [typeset(model.network), paragraph(size), html(PARAMETERS.show(shapes))]
    return card(model.network.name, parts)


def show_checks(checks: GradientChecks) -> str:
    """Show the table of a gradient check."""
    return html(GRADIENTS.show(checks))
