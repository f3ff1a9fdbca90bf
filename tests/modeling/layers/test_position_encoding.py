import pytest
import torch

from tests.modeling.oed_reference import sine
from vost_sgg.modeling.layers.position_encoding import sine_position


@pytest.mark.parametrize("temperature", [10000, 20])
def test_equals_detrs_formula(temperature):
    position = sine_position(5, 7, 32, "cpu", temperature=temperature)[0]
    torch.testing.assert_close(position, sine(5, 7, 32, temperature), atol=1e-5, rtol=0)


def test_padding_is_not_counted():
    mask = torch.zeros(2, 6, 8, dtype=torch.bool)
    mask[0, 4:] = True
    mask[0, :, 5:] = True
    position = sine_position(6, 8, 32, "cpu", mask).view(2, 6, 8, 32)
    torch.testing.assert_close(
        position[0, :4, :5], sine_position(4, 5, 32, "cpu").view(4, 5, 32), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(position[1], sine_position(6, 8, 32, "cpu").view(6, 8, 32))
    assert position.isfinite().all()
