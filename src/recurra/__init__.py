"""Recurra: recurrence equations in, an exactly trained character-level language model out.

Every public name is loaded when it is first asked for, so that ``import recurra`` costs nothing.
"""

import sys

from recurra._version import __version__

TYPE_CHECKING = False  # that of typing costs milliseconds, in which nobody hears Ctrl-C yet
if TYPE_CHECKING:
    from recurra.comparison.comparison import Comparison as Comparison
    from recurra.comparison.create import compare_runs as compare_runs
    from recurra.comparison.create import plan_comparison as plan_comparison
    from recurra.comparison.from_studies import compare_studies as compare_studies
    from recurra.comparison.request import CompareRequest as CompareRequest
    from recurra.comparison.request import compare as compare
    from recurra.comparison.results import Results as Results
    from recurra.comparison.results import evaluate_test as evaluate_test
    from recurra.comparison.runner import pending_runs as pending_runs
    from recurra.compute.base import Engine as Engine
    from recurra.compute.gradcheck import GradientCheck as GradientCheck
    from recurra.compute.gradcheck import check_gradients as check_gradients
    from recurra.compute.numba.codegen import generate_kernels as generate_kernels
    from recurra.compute.optimizers.base import Optimizer as Optimizer
    from recurra.compute.optimizers.base import OptimizerSettings as OptimizerSettings
    from recurra.compute.optimizers.registry import make_optimizer as make_optimizer
    from recurra.compute.optimizers.registry import register_optimizer as register_optimizer
    from recurra.compute.plan import Plan as Plan
    from recurra.compute.plan import make_plan as make_plan
    from recurra.compute.registry import make_engine as make_engine
    from recurra.compute.registry import register_engine as register_engine
    from recurra.compute.sampling import Sampling as Sampling
    from recurra.errors import EquationError as EquationError
    from recurra.errors import RecurraError as RecurraError
    from recurra.errors import RequestError as RequestError
    from recurra.errors import RunError as RunError
    from recurra.errors import SettingError as SettingError
    from recurra.errors import TextError as TextError
    from recurra.explain.derivation import Derivation as Derivation
    from recurra.explain.derivation import derive as derive
    from recurra.explain.diagram import draw as draw
    from recurra.explain.page import explanation as explanation
    from recurra.export.api import export_to as export_to
    from recurra.lang.library import library as library
    from recurra.lang.library import load_network as load_network
    from recurra.lang.library import search_library as search_library
    from recurra.lang.network import Network as Network
    from recurra.lang.parser import parse as parse
    from recurra.lang.shape_solver import ShapeSolver as ShapeSolver
    from recurra.lang.shapes import Shapes as Shapes
    from recurra.models.adaptation.base import Adaptation as Adaptation
    from recurra.models.evaluation import Loss as Loss
    from recurra.models.evaluation import evaluate as evaluate
    from recurra.models.gradients import gradients as gradients
    from recurra.models.initialisation import initialise as initialise
    from recurra.models.model import Model as Model
    from recurra.models.writer import Writer as Writer
    from recurra.notebook.live import live_report as live_report
    from recurra.report.writer import write_report as write_report
    from recurra.storage.runs import Run as Run
    from recurra.text.batches import Streams as Streams
    from recurra.text.corpus import Corpus as Corpus
    from recurra.text.corpus import load_corpus as load_corpus
    from recurra.text.decoding import Document as Document
    from recurra.text.sources import read_documents as read_documents
    from recurra.text.vocabulary import Vocabulary as Vocabulary
    from recurra.training.finished_run import load_model as load_model
    from recurra.training.presets import Preset as Preset
    from recurra.training.presets import preset as preset
    from recurra.training.recipe import CLASSIC as CLASSIC
    from recurra.training.recipe import MODERN as MODERN
    from recurra.training.recipe import Recipe as Recipe
    from recurra.training.records import Compiling as Compiling
    from recurra.training.records import Evaluating as Evaluating
    from recurra.training.records import Evaluation as Evaluation
    from recurra.training.records import Finished as Finished
    from recurra.training.records import Progress as Progress
    from recurra.training.records import Sample as Sample
    from recurra.training.records import Saved as Saved
    from recurra.training.request import TrainRequest as TrainRequest
    from recurra.training.request import train as train
    from recurra.training.score import Score as Score
    from recurra.training.score import score as score
    from recurra.training.sessions import resume as resume
    from recurra.training.sessions import start as start
    from recurra.training.sessions import start_from as start_from
    from recurra.training.trainer import Trainer as Trainer
    from recurra.training.write_request import WriteRequest as WriteRequest
    from recurra.training.write_request import write as write
    from recurra.tuning.request import TuneRequest as TuneRequest
    from recurra.tuning.request import tune as tune
    from recurra.tuning.space import Space as Space
    from recurra.tuning.space import classic_space as classic_space
    from recurra.tuning.space import load_space as load_space
    from recurra.tuning.study import Study as Study
    from recurra.tuning.trials import Trial as Trial
    from recurra.tuning.workers import Worker as Worker

_MODULES = {
    "comparison.comparison": ("Comparison",),
    "comparison.create": (
        "compare_runs",
        "plan_comparison",
    ),
    "comparison.from_studies": ("compare_studies",),
    "comparison.request": (
        "CompareRequest",
        "compare",
    ),
    "comparison.results": (
        "Results",
        "evaluate_test",
    ),
    "comparison.runner": ("pending_runs",),
    "compute.base": ("Engine",),
    "compute.registry": (
        "make_engine",
        "register_engine",
    ),
    "compute.gradcheck": (
        "GradientCheck",
        "check_gradients",
    ),
    "compute.numba.codegen": ("generate_kernels",),
    "compute.optimizers.base": (
        "Optimizer",
        "OptimizerSettings",
    ),
    "compute.optimizers.registry": (
        "make_optimizer",
        "register_optimizer",
    ),
    "compute.plan": (
        "Plan",
        "make_plan",
    ),
    "compute.sampling": ("Sampling",),
    "errors": (
        "EquationError",
        "RecurraError",
        "RequestError",
        "RunError",
        "SettingError",
        "TextError",
    ),
    "explain.derivation": (
        "Derivation",
        "derive",
    ),
    "explain.diagram": ("draw",),
    "explain.page": ("explanation",),
    "export.api": ("export_to",),
    "lang.library": (
        "library",
        "load_network",
        "search_library",
    ),
    "lang.network": ("Network",),
    "lang.parser": ("parse",),
    "lang.shape_solver": ("ShapeSolver",),
    "lang.shapes": ("Shapes",),
    "models.adaptation.base": ("Adaptation",),
    "models.evaluation": (
        "Loss",
        "evaluate",
    ),
    "models.gradients": ("gradients",),
    "models.initialisation": ("initialise",),
    "models.model": ("Model",),
    "models.writer": ("Writer",),
    "notebook.live": ("live_report",),
    "report.writer": ("write_report",),
    "storage.runs": ("Run",),
    "text.batches": ("Streams",),
    "text.corpus": (
        "Corpus",
        "load_corpus",
    ),
    "text.decoding": ("Document",),
    "text.sources": ("read_documents",),
    "text.vocabulary": ("Vocabulary",),
    "training.finished_run": ("load_model",),
    "training.presets": (
        "Preset",
        "preset",
    ),
    "training.recipe": (
        "CLASSIC",
        "MODERN",
        "Recipe",
    ),
    "training.records": (
        "Compiling",
        "Evaluating",
        "Evaluation",
        "Finished",
        "Progress",
        "Sample",
        "Saved",
    ),
    "training.request": (
        "TrainRequest",
        "train",
    ),
    "training.score": (
        "Score",
        "score",
    ),
    "training.sessions": (
        "resume",
        "start",
        "start_from",
    ),
    "training.trainer": ("Trainer",),
    "training.write_request": (
        "WriteRequest",
        "write",
    ),
    "tuning.request": (
        "TuneRequest",
        "tune",
    ),
    "tuning.space": (
        "Space",
        "classic_space",
        "load_space",
    ),
    "tuning.study": ("Study",),
    "tuning.trials": ("Trial",),
    "tuning.workers": ("Worker",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *_MODULE_OF]  # noqa: PLE0604 (strings, which ruff cannot see)


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    from importlib import import_module

    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if "IPython" in sys.modules:
    from recurra.notebook import register

    register()
