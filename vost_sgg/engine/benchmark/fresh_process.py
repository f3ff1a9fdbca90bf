"""Memory of one thing alone: it runs in a process of its own, which says what it held."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor


def in_fresh_process(call: Callable, *args):
    """What ``call(*args)`` returns in a new process, in which nothing ran before."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(call, *args).result()


def process_peak() -> int:
    """Bytes that this process has held at most; ``getrusage`` would give its parent's, if those are more."""
    return memory("status", "VmHWM")


def memory(file: str, field: str) -> int:
    """Bytes of a field of a file of /proc/self."""
    with open(f"/proc/self/{file}") as lines:
        values = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(values[field].split()[0]) * 1024
