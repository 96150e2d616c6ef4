"""Recurra: recurrence equations in, an exactly trained character-level language model out.

Every public name is loaded when it is first asked for, so that ``import recurra`` costs nothing.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recurra.comparison.folder import Comparison as Comparison
    from recurra.comparison.plan import compare_runs as compare_runs
    from recurra.comparison.plan import plan_comparison as plan_comparison
    from recurra.comparison.results import Results as Results
    from recurra.comparison.results import settle as settle
    from recurra.comparison.runner import compare as compare
    from recurra.comparison.runner import trainers as trainers
    from recurra.comparison.winners import compare_studies as compare_studies
    from recurra.corpora import Corpus as Corpus
    from recurra.corpora import load_corpus as load_corpus
    from recurra.corpora import read_documents as read_documents
    from recurra.encodings import Document as Document
    from recurra.engines import Engine as Engine
    from recurra.engines import make_engine as make_engine
    from recurra.engines.codegen import generate_kernels as generate_kernels
    from recurra.equations import parse as parse
    from recurra.errors import EquationError as EquationError
    from recurra.errors import RecurraError as RecurraError
    from recurra.errors import RunError as RunError
    from recurra.errors import SettingError as SettingError
    from recurra.errors import TextError as TextError
    from recurra.evaluation import Loss as Loss
    from recurra.evaluation import evaluate as evaluate
    from recurra.explain.derivation import Derivation as Derivation
    from recurra.explain.derivation import derive as derive
    from recurra.explain.diagram import draw as draw
    from recurra.explain.page import explanation as explanation
    from recurra.gradcheck import GradientCheck as GradientCheck
    from recurra.gradcheck import check_gradients as check_gradients
    from recurra.model import Model as Model
    from recurra.model import initialise as initialise
    from recurra.network import Network as Network
    from recurra.networks import library as library
    from recurra.networks import load_network as load_network
    from recurra.optimizers import Optimizer as Optimizer
    from recurra.optimizers import OptimizerSettings as OptimizerSettings
    from recurra.plan import Plan as Plan
    from recurra.plan import make_plan as make_plan
    from recurra.presets import Preset as Preset
    from recurra.presets import preset as preset
    from recurra.recipes import CLASSIC as CLASSIC
    from recurra.recipes import MODERN as MODERN
    from recurra.recipes import Recipe as Recipe
    from recurra.records import Compiling as Compiling
    from recurra.records import Evaluation as Evaluation
    from recurra.records import Finished as Finished
    from recurra.records import Progress as Progress
    from recurra.records import Sample as Sample
    from recurra.records import Saved as Saved
    from recurra.report import write_report as write_report
    from recurra.runs import Run as Run
    from recurra.sessions import Score as Score
    from recurra.sessions import load_model as load_model
    from recurra.sessions import resume as resume
    from recurra.sessions import score as score
    from recurra.sessions import start as start
    from recurra.sessions import train as train
    from recurra.shapes import Shapes as Shapes
    from recurra.shapes import ShapeSolver as ShapeSolver
    from recurra.text import Streams as Streams
    from recurra.text import Vocabulary as Vocabulary
    from recurra.training import Trainer as Trainer
    from recurra.tuning.search import tune as tune
    from recurra.tuning.space import Space as Space
    from recurra.tuning.space import classic_space as classic_space
    from recurra.tuning.space import load_space as load_space
    from recurra.tuning.study import Study as Study
    from recurra.tuning.trials import Trial as Trial
    from recurra.tuning.workers import Worker as Worker
    from recurra.writing import Sampling as Sampling
    from recurra.writing import Writer as Writer
    from recurra.writing import write as write

__version__ = "0.1.0"

_ROOMS = {
    "comparison.folder": ("Comparison",),
    "comparison.plan": ("compare_runs", "plan_comparison"),
    "comparison.results": ("Results", "settle"),
    "comparison.runner": ("compare", "trainers"),
    "comparison.winners": ("compare_studies",),
    "corpora": ("Corpus", "load_corpus", "read_documents"),
    "encodings": ("Document",),
    "engines": ("Engine", "make_engine"),
    "engines.codegen": ("generate_kernels",),
    "equations": ("parse",),
    "errors": ("EquationError", "RecurraError", "RunError", "SettingError", "TextError"),
    "evaluation": ("Loss", "evaluate"),
    "explain.derivation": ("Derivation", "derive"),
    "explain.diagram": ("draw",),
    "explain.page": ("explanation",),
    "gradcheck": ("GradientCheck", "check_gradients"),
    "model": ("Model", "initialise"),
    "network": ("Network",),
    "networks": ("library", "load_network"),
    "optimizers": ("Optimizer", "OptimizerSettings"),
    "plan": ("Plan", "make_plan"),
    "presets": ("Preset", "preset"),
    "recipes": ("CLASSIC", "MODERN", "Recipe"),
    "records": ("Compiling", "Evaluation", "Finished", "Progress", "Sample", "Saved"),
    "report": ("write_report",),
    "runs": ("Run",),
    "sessions": ("Score", "load_model", "resume", "score", "start", "train"),
    "shapes": ("ShapeSolver", "Shapes"),
    "text": ("Streams", "Vocabulary"),
    "training": ("Trainer",),
    "tuning.search": ("tune",),
    "tuning.space": ("Space", "classic_space", "load_space"),
    "tuning.study": ("Study",),
    "tuning.trials": ("Trial",),
    "tuning.workers": ("Worker",),
    "writing": ("Sampling", "Writer", "write"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *_ROOM_OF]  # noqa: PLE0604 (strings, which ruff cannot see)


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use (PEP 562)."""
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if "IPython" in sys.modules:
    from recurra.notebook import register

    register()
