"""The random state survives a checkpoint file, and a body that draws."""

import random

import numpy as np
import pytest
import torch

from vost_sgg.engine.random_state import preserved_random_state, random_state, set_random_state


def draws():
    return [
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.randn(),
        torch.rand(()).item(),
    ]


def test_it_goes_through_a_file_of_plain_data(tmp_path):
    random.gauss(0, 1)  # leaves a second value behind, which is part of the state
    np.random.randn()
    torch.save(random_state(), tmp_path / "state.pth")
    expected = draws()
    draws()
    set_random_state(torch.load(tmp_path / "state.pth", weights_only=True))
    assert draws() == expected


def test_a_preserved_state_forgets_what_the_body_drew():
    state = random_state()
    expected = draws()
    set_random_state(state)
    with preserved_random_state():
        draws()
    assert draws() == expected
    set_random_state(state)
    with pytest.raises(RuntimeError), preserved_random_state():
        torch.manual_seed(9)
        raise RuntimeError
    assert draws() == expected
