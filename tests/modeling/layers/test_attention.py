"""Attention with the batch first: torch's own, and no row of the batch is multiplied on its own."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from vost_sgg.modeling.layers.transformer import attend


def modules():
    torch.manual_seed(0)
    ours = nn.MultiheadAttention(16, 4).eval()
    nn.init.normal_(ours.in_proj_bias)
    theirs = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@pytest.mark.parametrize("grad", [False, True])
def test_it_is_torchs_attention_with_its_masks(grad):
    ours, theirs = modules()
    query, key, value = torch.randn(3, 5, 16), torch.randn(3, 7, 16), torch.randn(3, 7, 16)
    padding = torch.arange(7) >= torch.tensor([[7], [4], [1]])
    blocked = torch.rand(3, 5, 7) < 0.3
    blocked[..., 0] = False
    blocked = blocked.repeat_interleave(4, dim=0)
    with torch.set_grad_enabled(grad):
        for inputs, masks in [
            ((query, key, value), {"key_padding_mask": padding}),
            ((query, key, key), {"attn_mask": blocked}),
            ((key, key, value), {}),
            ((key, key, key), {"key_padding_mask": padding}),
        ]:
            found = attend(ours, *inputs, masks.get("key_padding_mask"), masks.get("attn_mask"))
            expected = theirs(*inputs, **masks, need_weights=True)[0]
            torch.testing.assert_close(found, expected)


def test_the_projections_are_one_product_for_the_whole_batch():
    """Weights that need no gradient, as when testing in bfloat16, are copied for each row by torch's batch first."""

    class Products(TorchDispatchMode):
        batched = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.batched += func.overloadpacket in (torch.ops.aten.bmm, torch.ops.aten.baddbmm)
            return func(*args, **(kwargs or {}))

    ours, theirs = (module.requires_grad_(False) for module in modules())
    x, memory = torch.randn(3, 5, 16), torch.randn(3, 7, 16)
    with torch.no_grad(), Products() as products:
        attend(ours, x + 1, x + 1, x)
        attend(ours, x, memory + 1, memory)
        attend(ours, x, x, x)
    assert not products.batched
    with torch.no_grad(), products:
        theirs(x + 1, x + 1, x, need_weights=False)
    assert products.batched
