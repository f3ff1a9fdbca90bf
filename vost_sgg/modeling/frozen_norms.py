"""A frozen batch norm behind a convolution, computed in the convolution: an affine map of its output is one of its
weight and bias, which are far smaller than a feature map.
"""

from detectron2.layers import Conv2d, FrozenBatchNorm2d
from torch import Tensor, nn


class NormInWeightConv2d(Conv2d):
    """detectron2's convolution with a :class:`FrozenBatchNorm2d`, which it applies to its own weight in every pass, so
    that the weight learns. Parameters, buffers and their names are the same; the results are to rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H', W')."""
        x = self._conv_forward(x, *_weight_and_bias(self))
        return x if self.activation is None else self.activation(x)


def put_frozen_norms_into_weights(model: nn.Module) -> None:
    """Makes each convolution with a frozen batch norm a :class:`NormInWeightConv2d`, in place."""
    for conv in model.modules():
        if type(conv) is Conv2d and isinstance(conv.norm, FrozenBatchNorm2d):
            conv.__class__ = NormInWeightConv2d


def fold_frozen_norms(model: nn.Module) -> None:
    """Lets each :class:`NormInWeightConv2d` do so once and for all, in place: what is left has no norm."""
    for conv in model.modules():
        if isinstance(conv, NormInWeightConv2d):
            weight, bias = _weight_and_bias(conv)
            conv.weight, conv.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
            conv.norm = None
            conv.__class__ = Conv2d


def _weight_and_bias(conv: NormInWeightConv2d) -> tuple[Tensor, Tensor]:
    norm = conv.norm
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    mean = norm.running_mean if conv.bias is None else norm.running_mean - conv.bias
    return conv.weight * scale.view(-1, 1, 1, 1), norm.bias - mean * scale
