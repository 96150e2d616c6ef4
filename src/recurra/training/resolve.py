"""From what is asked for to what is trained: sizes and the learning rate, and all refusals."""

from dataclasses import dataclass

from recurra.compute.base import StepSettings
from recurra.compute.optimizers.registry import make_optimizer
from recurra.compute.plan import Plan, make_plan
from recurra.errors import SettingError
from recurra.lang.network import Network
from recurra.lang.shape_solver import ShapeSolver
from recurra.lang.shapes import Shapes
from recurra.models.initialisation import default_rate
from recurra.text.batches import Streams
from recurra.text.corpus import Corpus, predictable
from recurra.training.recipe import ENDS, Recipe


@dataclass(frozen=True)
class Resolved:
    """A training with nothing left open.

    Attributes:
        plan: of the network.
        shapes: sizes of its vectors and parameters.
        recipe: the given one, with its learning rate.
        settings: what of it an engine has to know.
    """

    plan: Plan
    shapes: Shapes
    recipe: Recipe
    settings: StepSettings


def resolve(network: Network, corpus: Corpus, recipe: Recipe) -> Resolved:
    """Sizes and learning rate of a training; a function of its arguments, and nothing else.

    Raises:
        SettingError, TextError: sizes that do not fit the equations; a text too short; a recipe
            that needs text that is held out, where there is none.
    """
    plan = make_plan(network)
    shapes = ShapeSolver(network).shapes(len(corpus.vocabulary), recipe.hidden)
    recipe = recipe.with_(lr=recipe.lr or default_rate(plan, shapes))
    Streams(corpus.training, recipe.batch, recipe.seq_len)
    if not predictable(corpus.validation):
        _check_held_out(recipe)
    settings = StepSettings(
        make_optimizer(recipe.optimizer_settings),
        recipe.batch,
        recipe.seq_len,
        scale=1.0 / (recipe.batch * recipe.seq_len) if recipe.reduction == "mean" else 1.0,
        dropout=recipe.dropout,
        dropout_same=recipe.dropout_same,
    )
    return Resolved(plan, shapes, recipe, settings)


def _check_held_out(recipe: Recipe) -> None:
    """Refuse what of a recipe needs text that is held out."""
    if all(getattr(recipe, end) is None for end in ENDS):
        raise SettingError(
            "no text is held out, so that patience never ends this training: give steps, epochs, "
            "minutes or another --split"
        )
    if recipe.average:
        raise SettingError(
            "no text is held out, and averaged parameters are kept only as the best on it: leave "
            "--average out, or give another --split"
        )
