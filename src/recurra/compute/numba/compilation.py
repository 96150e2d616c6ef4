"""Compilation in a thread of its own: LLVM hears no Ctrl-C, but whoever waits for it does."""

import threading
from collections.abc import Callable
from typing import Any

from numba.core.compiler_lock import global_compiler_lock

# Seconds between two looks at the other threads that wait.
_GLANCE = 0.05
_names: list[str] = []


def compiling() -> str:
    """Name of the function that is being compiled; empty if none is."""
    return "".join(_names[-1:])


def in_thread(name: str, compile_: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Wrap the ``compile`` of a Numba function, whose callees then compile in the same thread.

    An interrupt ends all waiting; the compilation goes on, and its result is kept if the process
    lives long enough.
    """

    def compile_here(signature: Any) -> Any:
        _names.append(name)
        try:
            return compile_(signature)
        finally:
            _names.remove(name)

    def compile_there(signature: Any) -> Any:
        if global_compiler_lock.is_locked():  # by this thread: a callee, or an import under way
            return compile_here(signature)
        return _Compilation(name, compile_here, signature).wait()

    return compile_there


class _Compilation:
    interrupts = 0

    def __init__(self, name: str, compile_: Callable[[Any], Any], signature: Any) -> None:
        self._work = compile_, signature
        self._outcome: tuple[Any, BaseException | None] = (None, None)
        self._done = threading.Event()
        threading.Thread(target=self._run, name=f"recurra-{name}", daemon=True).start()

    def wait(self) -> Any:
        """The result.

        Raises:
            KeyboardInterrupt: this thread was interrupted, or another one that waits.
        """
        before = _Compilation.interrupts
        try:
            while not self._done.wait(_GLANCE):
                if _Compilation.interrupts > before:
                    raise KeyboardInterrupt
        except BaseException:
            _Compilation.interrupts += 1
            raise
        result, error = self._outcome
        if error is not None:
            raise error
        return result

    def _run(self) -> None:
        compile_, signature = self._work
        try:
            self._outcome = compile_(signature), None
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._outcome = None, error
        self._done.set()
