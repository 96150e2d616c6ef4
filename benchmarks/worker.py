"""A child process with one contender in it: takes steps when told to, and times them.

    python worker.py '{"contender": ..., "network": ..., "shape": [V, H, B, T], ...}'

Answers are JSON lines on standard output: once ready, the seconds that took; then for every number
of steps read from standard input the seconds of each; at the end of input its memory.
"""

import json
import os
import sys
import time


def pin(threads: int) -> None:
    """Keep to so many cores, whatever pools the libraries start."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def status(key: str) -> float:
    """A line of /proc/self/status in MB; elsewhere the process's peak, the only thing known."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith(key))
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def forget_peak() -> None:
    """Start the peak of memory anew, so that compiling does not count."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def main() -> None:
    asked = json.loads(sys.argv[1])
    # answers keep standard output to themselves
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(what: object) -> None:
        print(json.dumps(what), file=answers, flush=True)

    pin(asked["threads"])
    begin = time.perf_counter()
    from cases import Case, Shape, Task
    from contenders import CONTENDERS

    case = Case(asked["network"], Shape(*asked["shape"]), asked["optimizer"], asked["threads"])
    task = Task(case)
    contender = CONTENDERS[asked["contender"]].make(task)
    batches = task.batches()
    libraries = status("VmRSS")
    for _ in range(3):
        contender.step(*next(batches))
    answer({"ready": time.perf_counter() - begin})
    forget_peak()
    # of one thread the processor's time, which other programs on the machine do not lengthen
    clock = time.process_time if asked["threads"] == 1 else time.perf_counter
    for line in sys.stdin:
        seconds = []
        for inputs, targets in (next(batches) for _ in range(int(line))):
            start = clock()
            contender.step(inputs, targets)
            seconds.append(clock() - start)
        answer(seconds)
    answer({"peak": status("VmHWM"), "libraries": libraries})


if __name__ == "__main__":
    main()
