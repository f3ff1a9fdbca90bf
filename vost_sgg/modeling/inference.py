"""What makes a trained model quicker where it is only tested."""

from detectron2.layers import Conv2d, FrozenBatchNorm2d
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

# Nearly all of the arithmetic, and none of what depends on the number of pairs but the decoder.
_COMPILED = ("backbone", "image_encoder", "decoder")


def prepare_for_inference(model: nn.Module, *, compiled: bool = False) -> None:
    """Changes a trained model in place, once its weights are loaded; its state dict fits no checkpoint from then on.

    Its results stay the same to rounding.

    Args:
        model: in eval mode from now on.
        compiled: also ``torch.compile`` for the backbone, the image encoder and the decoder: the first frames of each
            size then take minutes.
    """
    fold_frozen_norms(model.eval())
    for name, part in model.named_children():
        if compiled and name in _COMPILED:
            part.compile()


def fold_frozen_norms(model: nn.Module) -> None:
    """Puts each frozen batch norm behind one of detectron2's convolutions into its weight and bias, in place."""
    for conv in model.modules():
        norm = conv.norm if isinstance(conv, Conv2d) else None
        if isinstance(norm, FrozenBatchNorm2d):
            statistics = (norm.running_mean, norm.running_var, norm.eps)
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, *statistics, norm.weight, norm.bias
            )
            conv.norm = None
