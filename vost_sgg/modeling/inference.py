"""What makes a trained model quicker where it is only tested."""

from torch import nn

from vost_sgg.modeling.frozen_norms import fold_frozen_norms

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
