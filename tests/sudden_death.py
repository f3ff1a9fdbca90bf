"""Functions run in processes of their own, which kill themselves, or whose disk is full, at a named point."""

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def on_call(number: int, action: Callable, otherwise: Callable) -> Callable:
    """A function that does ``action`` the ``number``-th time (from 1) that it is called, and ``otherwise`` else."""
    calls = []

    def function(*args, **kwargs):
        calls.append(None)
        return (action if len(calls) == number else otherwise)(*args, **kwargs)

    return function


def replace_and_die(*args):
    """``os.replace``, and not a step more."""
    os.rename(*args)
    die()


def then_full(function: Callable, size: int = 1000) -> Callable:
    """``function`` on a disk that takes no file beyond ``size`` bytes until it is done."""

    def limited(*args, **kwargs):
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
        try:
            return function(*args, **kwargs)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)

    return limited


def start_process(target: Callable, *args) -> BaseProcess:
    """A process that calls ``target``, a function of a module, which the first such process of all imports; what takes
    seconds to import is imported once for the processes of all modules."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vost_sgg.engine", target.__module__])
    process = context.Process(target=target, args=args)
    process.start()
    return process


def exit_code(process: BaseProcess) -> int:
    """Waits for its end; minus the number of the signal that killed it."""
    process.join()
    return process.exitcode
