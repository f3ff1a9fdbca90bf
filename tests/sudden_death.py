"""Functions run in processes of their own, which kill themselves at a named point."""

import multiprocessing
import os
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


def start_process(target: Callable, *args) -> BaseProcess:
    """A process that calls ``target``, a function of a module, which the first such process of all imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([target.__module__])
    process = context.Process(target=target, args=args)
    process.start()
    return process


def exit_code(process: BaseProcess) -> int:
    """Waits for its end; minus the number of the signal that killed it."""
    process.join()
    return process.exitcode
