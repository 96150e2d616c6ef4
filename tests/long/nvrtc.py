"""NVRTC compiles the kernels of every network, for GPUs from sm_75 to sm_100; no GPU is needed.

    pip install nvidia-cuda-nvrtc-cu12
    PYTHONPATH=tests/support python tests/long/nvrtc.py [PATH OF libnvrtc.so.12]

One compilation takes a third of a second; there are some hundreds. Exit code 1 if one is refused.
"""

# ruff: noqa: T201

import ctypes
import sys
from importlib.util import find_spec
from pathlib import Path

from equations_list import VALID
from recurra.compute.plan import make_plan
from recurra.compute.torch.cuda_codegen import REALS, backward_kernel, forward_kernel
from recurra.compute.torch.layout import make_layout
from recurra.lang.library import library, load_network
from recurra.lang.parser import parse
from recurra.lang.shape_solver import ShapeSolver

GPUS = (75, 80, 86, 89, 90, 100)


def sources() -> list[str]:
    """The text of each kernel once."""
    found = set()
    for network in [*map(load_network, library()), *(parse(case.text) for case in VALID)]:
        plan, shapes = make_plan(network), ShapeSolver(network).shapes(65, 256)
        layouts = make_layout(plan, plan.sizes(shapes), plan.widths(shapes), shapes.grids)
        for layout in layouts:
            for fusion in layout.fusions:
                for dtype in REALS:
                    found.add(forward_kernel(layout, fusion, dtype).source)
                    found.add(backward_kernel(layout, fusion, dtype).source)
    return sorted(found)


def refusal(nvrtc: ctypes.CDLL, source: str, gpu: int) -> str:
    """What the compiler says if it refuses."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    option = (ctypes.c_char_p * 1)(f"--gpu-architecture=sm_{gpu}".encode())
    failed = nvrtc.nvrtcCompileProgram(program, 1, option)
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return log.value.decode() or "refused" if failed else ""


def main() -> None:
    if len(sys.argv) > 1:
        path = sys.argv[1]
    else:
        spec = find_spec("nvidia.cuda_nvrtc")
        if spec is None or not spec.submodule_search_locations:
            sys.exit("pip install nvidia-cuda-nvrtc-cu12, or name the library")
        path = str(Path(next(iter(spec.submodule_search_locations))) / "lib" / "libnvrtc.so.12")
    nvrtc, refused, kernels = ctypes.CDLL(path), 0, sources()
    for number, source in enumerate(kernels):
        # each on one GPU, in turns: their texts are alike
        gpu = GPUS[number % len(GPUS)]
        if reason := refusal(nvrtc, source, gpu):
            refused += 1
            print(f"sm_{gpu}: {reason}\n{source}")
    print(f"{len(kernels)} kernels compiled, {refused} refused")
    sys.exit(bool(refused))


if __name__ == "__main__":
    main()
