"""A convolution that computes its frozen batch norm itself: outputs, gradients and checkpoint are the same."""

import pytest
import torch
from detectron2.layers import Conv2d, FrozenBatchNorm2d, get_norm
from torch.nn import functional as F

from vost_sgg.modeling.frozen_norms import fold_frozen_norms, put_frozen_norms_into_weights


def convolution(norm="FrozenBN", **options):
    torch.manual_seed(0)
    conv = Conv2d(6, 4, 3, norm=get_norm(norm, 4), activation=torch.tanh, **options)
    for values in (conv.norm.weight, conv.norm.bias, conv.norm.running_mean, conv.norm.running_var):
        torch.nn.init.uniform_(values, 0.5, 1.5)
    return torch.nn.Sequential(conv)


def outcome(model, images):
    images = images.clone().requires_grad_()
    out = model(images)
    out.square().sum().backward()
    return [out, images.grad, *(p.grad for p in model.parameters())]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("options", [{"padding": 1, "stride": 2}, {"groups": 2, "dilation": 2}])
def test_outputs_and_gradients_are_those_of_the_norm_behind_the_convolution(options, bias):
    model, apart = (convolution(bias=bias, **options) for _ in range(2))
    before = list(model.state_dict())
    put_frozen_norms_into_weights(model)
    model[0].norm.forward = None  # not asked
    assert list(model.state_dict()) == before
    images = torch.randn(2, 6, 9, 8, generator=torch.Generator().manual_seed(1))
    for found, expected in zip(outcome(model, images), outcome(apart, images), strict=True):
        torch.testing.assert_close(found, expected)
    conv = apart[0]
    closed = F.conv2d(
        images, conv.weight, conv.bias, conv.stride, conv.padding, *conv.dilation[:1], conv.groups
    )
    shape, norm = (1, -1, 1, 1), conv.norm
    closed = (closed - norm.running_mean.view(shape)) / (norm.running_var + norm.eps).sqrt().view(
        shape
    )
    closed = torch.tanh(closed * norm.weight.view(shape) + norm.bias.view(shape))
    torch.testing.assert_close(model(images), closed)
    fold_frozen_norms(model)
    assert not any(isinstance(m, FrozenBatchNorm2d) for m in model.modules())
    torch.testing.assert_close(model(images), closed)


def test_a_norm_that_learns_or_counts_stays_where_it_is():
    model = convolution("BN").eval()
    put_frozen_norms_into_weights(model)
    asked = []
    model[0].norm.register_forward_hook(lambda *_: asked.append(True))
    fold_frozen_norms(model)
    model(torch.randn(2, 6, 9, 8))
    assert asked and model[0].norm.weight.requires_grad
