"""Registry of export targets."""

from recurra.errors import unknown
from recurra.export.base import Target
from recurra.export.html.page import Page
from recurra.export.huggingface import HuggingFaceFolder
from recurra.export.jax import JaxProgram
from recurra.export.numpy import NumpyProgram
from recurra.export.onnx import OnnxStep
from recurra.export.torch import TorchProgram

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        NumpyProgram(),
        TorchProgram(),
        JaxProgram(),
        OnnxStep(),
        Page(),
        HuggingFaceFolder(),
    )
}


def find_target(name: str) -> Target:
    """Find an export target by its name.

    Raises:
        SettingError: no target of that name.
    """
    if name not in TARGETS:
        raise unknown("export target", name, TARGETS)
    return TARGETS[name]
