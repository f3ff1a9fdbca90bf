import torch
from torchvision.ops import box_convert, generalized_box_iou

from vost_sgg.modeling.layers.boxes import generalized_iou


def test_equals_torchvision_for_all_pairs_and_row_by_row():
    torch.manual_seed(0)
    a, b = torch.rand(40, 4) * 0.5 + 0.01, torch.rand(30, 4) * 0.5 + 0.01
    expected = generalized_box_iou(
        box_convert(a, "cxcywh", "xyxy"), box_convert(b, "cxcywh", "xyxy")
    )
    torch.testing.assert_close(generalized_iou(a[:, None], b[None]), expected)
    torch.testing.assert_close(generalized_iou(a[:30], b), expected[:30].diagonal())


def test_empty_boxes_give_finite_values_and_gradients():
    a = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.0, 0.0, 0.0, 0.0]], requires_grad=True)
    value = generalized_iou(a, torch.zeros(2, 4))
    value.sum().backward()
    assert value.isfinite().all() and a.grad.isfinite().all()
