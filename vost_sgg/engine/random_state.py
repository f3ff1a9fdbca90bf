"""The state of every global random generator of this process, as plain data that a checkpoint can carry."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def random_state() -> dict:
    """The states of Python's, numpy's and torch's generators (and of this process's CUDA device, if it is in use).

    The result holds tensors, numbers and text only, so that ``torch.load(..., weights_only=True)`` reads it.
    """
    version, python_state, gauss_next = random.getstate()
    name, keys, position, has_gauss, cached_gauss = np.random.get_state()
    state = {
        "python": [version, torch.tensor(python_state), gauss_next],
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached_gauss],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict) -> None:
    """Puts back what :func:`random_state` gave."""
    version, python_state, gauss_next = state["python"]
    random.setstate((version, tuple(python_state.tolist()), gauss_next))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Whatever its body draws, the generators go on as if it had drawn nothing."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
