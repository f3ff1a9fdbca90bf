"""The annotations of a batch of frames as padded tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vost_sgg.structures import FrameGroundTruth, take_frames


@dataclass
class PairTargets:
    """Annotations of B frames with at most M boxes and K pairs each (K >= 1), all on one device.

    Args:
        boxes: (B, M, 4) float32 cxcywh in [0, 1]; zeros on padding.
        classes: (B, M) int64, 0 is the person.
        box_valid: (B, M) bool, False on padding.
        pairs: (B, K, 2) int64 rows of ``boxes`` [person, object]; zeros on padding.
        valid: (B, K) bool, False on padding.
        attention, spatial, contacting: (B, K, 3 | 6 | 17) float32 multi-hot; zeros on padding.
    """

    boxes: Tensor
    classes: Tensor
    box_valid: Tensor
    pairs: Tensor
    valid: Tensor
    attention: Tensor
    spatial: Tensor
    contacting: Tensor

    @classmethod
    def stack(cls, frames: Sequence[FrameGroundTruth], device) -> "PairTargets":
        """Pads the annotations of ``frames`` to one shape, and copies them to ``device`` together."""
        frames = [frame.to("cpu") for frame in frames]
        lengths = torch.tensor([len(frame) for frame in frames])
        num_boxes = torch.tensor([len(frame.boxes) for frame in frames])

        def pad(rows: list[Tensor]) -> Tensor:
            # At least one row a frame, so that no tensor of the model is ever empty.
            padded = pad_sequence(rows, batch_first=True)
            return padded if padded.shape[1] else padded.new_zeros(len(rows), 1, *padded.shape[2:])

        columns = {
            "boxes": pad([_normalised_cxcywh(frame) for frame in frames]),
            "classes": pad([frame.classes.long() for frame in frames]),
            "pairs": pad([frame.pairs.long().reshape(-1, 2) for frame in frames]),
            **{
                group: pad([getattr(frame, group).float() for frame in frames])
                for group in ("attention", "spatial", "contacting")
            },
        }
        columns["valid"] = torch.arange(columns["pairs"].shape[1]) < lengths[:, None]
        columns["box_valid"] = torch.arange(columns["boxes"].shape[1]) < num_boxes[:, None]
        return cls(**{f.name: columns[f.name].to(device, non_blocking=True) for f in fields(cls)})

    def __getitem__(self, frames) -> "PairTargets":
        """The annotations of some frames of the batch: an index, slice or list."""
        return take_frames(self, frames)

    def boxes_of(self, pairs: Tensor) -> Tensor:
        """(B, N, 2) rows of ``boxes`` -> (B, N, 2, 4) cxcywh."""
        rows = pairs.flatten(1)[..., None].expand(-1, -1, 4)
        return self.boxes.gather(1, rows).unflatten(1, (-1, 2))

    @property
    def subject_boxes(self) -> Tensor:
        """(B, K, 4) cxcywh of each pair's person."""
        return self.boxes_of(self.pairs)[:, :, 0]

    @property
    def object_boxes(self) -> Tensor:
        """(B, K, 4) cxcywh of each pair's object."""
        return self.boxes_of(self.pairs)[:, :, 1]

    @property
    def object_classes(self) -> Tensor:
        """(B, K) int64 class of each pair's object."""
        return self.classes.gather(1, self.pairs[..., 1])

    def ordered_pairs(self) -> tuple[Tensor, Tensor]:
        """All ordered pairs of each frame's boxes in the order of ``itertools.permutations``, padded: (B, N, 2) rows of
        ``boxes``, and the (B, N) mask of those that are no padding.
        """
        num_boxes = self.box_valid.sum(1, keepdim=True)
        largest = self.box_valid.shape[1]
        slot = torch.arange(max(largest * (largest - 1), 1), device=num_boxes.device)
        # The n - 1 pairs of each subject stand together; the subject itself is left out of its objects.
        others = (num_boxes - 1).clamp(min=1)
        subject, rank = slot // others, slot % others
        valid = slot < num_boxes * (num_boxes - 1)
        pairs = torch.stack((subject, rank + (rank >= subject).long()), dim=-1)
        return pairs * valid[..., None], valid


def _normalised_cxcywh(frame: FrameGroundTruth) -> Tensor:
    width, height = frame.size
    x0, y0, x1, y1 = (frame.boxes.float() / torch.tensor([width, height, width, height])).unbind(-1)
    return torch.stack(((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0), dim=-1)
