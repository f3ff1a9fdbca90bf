"""The priors of a batch of frames as padded tensors, and which configs need them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vost_sgg.structures import FramePriors, take_frames


@dataclass
class PriorBatch:
    """Priors of B frames with at most x pairs each (x >= 1), all on one device. Sides: subject, object, predicate.

    Pairs that belong to given boxes stand in the order of these, so that the order of the answers is no matter; others
    in the order of the answer.

    Args:
        text: (B, x, 3, c) float32 text embeddings; zeros where the text is missing and on padding.
        text_mask: (B, x, 3) bool, False where the text is missing and on padding.
        regions: (B, x, 3, c) float32 embeddings of the regions; zeros on padding.
        region_mask: (B, x, 3) bool, False where the embedding is missing (zeros: its frame could not be read), or a box
            of the region, and on padding.
        boxes: (B, x, 2, 4) float32 cxcywh in [0, 1] of subject and object; zeros on padding.
        pairs: (B, x, 2) int64 rows of the frame's given boxes; -1 where none is given and on padding.
        valid: (B, x) bool, False on padding.
    """

    text: Tensor
    text_mask: Tensor
    regions: Tensor
    region_mask: Tensor
    boxes: Tensor
    pairs: Tensor
    valid: Tensor

    @classmethod
    def stack(cls, frames: Sequence[FramePriors | None], dim: int, device) -> "PriorBatch":
        """Pads the priors of ``frames``, where None says that a frame has none, and copies them to ``device`` together.

        Args:
            dim: c, which the priors must have.

        Raises:
            ValueError: the embeddings have another width.
        """
        rows = [_one_frame(frame, dim) for frame in frames]
        columns = {
            name: pad_sequence([row[name] for row in rows], batch_first=True) for name in rows[0]
        }
        if not columns["valid"].shape[1]:  # no tensor of the model is ever empty
            columns = {k: v.new_zeros(len(rows), 1, *v.shape[2:]) for k, v in columns.items()}
        columns["pairs"] = columns["pairs"].masked_fill(~columns["valid"][..., None], -1)
        return cls(**{f.name: columns[f.name].to(device, non_blocking=True) for f in fields(cls)})

    def __getitem__(self, frames) -> "PriorBatch":
        """The priors of some frames of the batch: an index, slice or list."""
        return take_frames(self, frames)


def _one_frame(frame: FramePriors | None, dim: int) -> dict[str, Tensor]:
    """The columns of one frame on the host, (x, ...) each."""
    if frame is None or not len(frame):
        shapes = {"text": (3, dim), "regions": (3, dim), "boxes": (2, 4)}
        columns = {name: torch.zeros(0, *shape) for name, shape in shapes.items()}
        columns["text_mask"] = torch.zeros(0, 3, dtype=torch.bool)
        columns["pairs"] = torch.zeros(0, 2, dtype=torch.long)
    else:
        widths = {getattr(frame, name).shape[-1] for name in ("text", "regions")}
        if widths != {dim}:
            raise ValueError(
                f"the priors' embeddings are {', '.join(map(str, sorted(widths)))} wide, MODEL.PRIORS.DIM is {dim}: "
                "set it to the width of the CLIP model that the features were extracted with"
            )
        columns = {
            f.name: torch.as_tensor(getattr(frame, f.name), device="cpu") for f in fields(frame)
        }
        columns = {
            name: value.float() if value.is_floating_point() else value
            for name, value in columns.items()
        }
        mask = columns["text_mask"].bool()
        columns |= {"text_mask": mask, "pairs": columns["pairs"].long()}
        columns["text"] = columns["text"].masked_fill(~mask[..., None], 0)
        order = _given_order(columns["pairs"])
        columns = {name: value[order] for name, value in columns.items()}
    has_box = (columns["boxes"][..., 2:] > 0).all(-1)
    has_box = torch.cat((has_box, has_box.all(-1, keepdim=True)), dim=-1)
    columns["region_mask"] = has_box & columns["regions"].any(-1)
    columns["valid"] = torch.ones(len(columns["pairs"]), dtype=torch.bool)
    return columns


def _given_order(pairs: Tensor) -> Tensor:
    """(x,) rows in the order of the given boxes; where none are given (-1), as they are."""
    by_object = pairs[:, 1].argsort(stable=True)
    return by_object[pairs[by_object, 0].argsort(stable=True)]
