"""The small dataclasses that travel between the rooms of the library.

Letters used in every shape of this package: B frames, N pair slots, M memory tokens (or boxes of one frame), K pairs of
one frame, L decoder layers, d model width. Class ids count from 0 = person, in the order of the data set's metadata.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray | Tensor

PREDICATE_GROUPS = ("attention", "spatial", "contacting")


def frame_index(frames: Sequence[int], device) -> Tensor:
    """Positions of frames as an int64 tensor on ``device``. The host does not wait for the copy, as it would where a
    list is the index.
    """
    return torch.tensor(frames, dtype=torch.long).to(device, non_blocking=True)


def take_frames(batch, frames):
    """A dataclass of tensors, indexed along the first axis of each by an index, slice, list or tensor."""
    values = {f.name: getattr(batch, f.name) for f in fields(batch)}
    if isinstance(frames, list):
        frames = frame_index(frames, batch.valid.device)
    return type(batch)(**{name: None if v is None else v[frames] for name, v in values.items()})


@dataclass
class FrameGroundTruth:
    """The annotated scene graph of one frame. Arrays are numpy or torch, all of one kind.

    Args:
        boxes: (M, 4) float, xyxy in pixels of the image that ``size`` describes; ``size=(1, 1)`` if normalised.
        classes: (M,) int, 0 is the person.
        pairs: (K, 2) int, rows of ``boxes``: [person, object].
        attention: (K, 3) bool, multi-hot.
        spatial: (K, 6) bool, multi-hot. A spatial predicate runs from object to person.
        contacting: (K, 17) bool, multi-hot.
        size: (width, height) of the image in the unit of ``boxes``.
    """

    boxes: Array
    classes: Array
    pairs: Array
    attention: Array
    spatial: Array
    contacting: Array
    size: tuple[float, float]

    def __len__(self) -> int:
        return len(self.pairs)

    def to(self, device) -> "FrameGroundTruth":
        """A copy whose arrays are tensors on ``device``."""
        arrays = {
            f.name: torch.as_tensor(getattr(self, f.name), device=device) for f in fields(self)[:-1]
        }
        return replace(self, **arrays)


@dataclass
class FramePrediction:
    """A predicted scene graph of one frame, in the units of the ground truth it is compared with.

    Args:
        boxes: (P, 4) float, xyxy.
        classes: (P,) int, 0 is the person.
        scores: (P,) float, confidence of ``classes``; 1 where boxes and classes are given.
        pairs: (K, 2) int, rows of ``boxes``: [person, object].
        attention: (K, 3) float, softmax probabilities.
        spatial: (K, 6) float, independent probabilities.
        contacting: (K, 17) float, independent probabilities.
    """

    boxes: Array
    classes: Array
    scores: Array
    pairs: Array
    attention: Array
    spatial: Array
    contacting: Array

    def __len__(self) -> int:
        return len(self.pairs)

    def numpy(self) -> "FramePrediction":
        """A copy whose arrays are numpy arrays on the host."""
        return FramePrediction(
            **{
                f.name: np.asarray(torch.as_tensor(getattr(self, f.name)).cpu())
                for f in fields(self)
            }
        )


@dataclass
class FramePriors:
    """What the vision-language model said of one frame: x pairs, x may be 0. Arrays are numpy or torch.

    The 3 of a shape is subject, object, predicate; c is the width of CLIP's embeddings.

    Args:
        text: (x, 3, c) float, L2-normalised text embeddings of subject and object, and the mean of those of the pair's
            predicates.
        text_mask: (x, 3) bool, False where that text is missing; its embedding is then not read.
        regions: (x, 3, c) float, L2-normalised embeddings of the regions of subject, object and their union; zeros for
            a region without a box, or of a frame that could not be read.
        boxes: (x, 2, 4) float, cxcywh in [0, 1] of subject and object; zeros for a box that the VLM did not give
            (SGDET), so that a side of 0 says that there is none.
        pairs: (x, 2) int64 rows of the frame's given boxes [person, object] that the answer belongs to; -1 where no
            box is given (SGDET).
    """

    text: Array
    text_mask: Array
    regions: Array
    boxes: Array
    pairs: Array

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass
class PairQueries:
    """Pair slots of a batch of frames: what the decoders refine.

    Args:
        content: (B, N, d) initial content of the subject-object queries, "what".
        position: (B, N, d) position of the subject-object queries, "where".
        predicate_content: (B, N, d) initial content of the predicate queries (Eq. 7); zeros in OED.
        valid: (B, N) bool, False on padded slots. A padded slot changes nothing.
        labels: (B, N) int64 object class (0 is the person) where it is given (PredCLS), else None.
        boxes: (B, N, 2, 4) cxcywh in [0, 1] of subject and object where they are given, else None.
    """

    content: Tensor
    position: Tensor
    predicate_content: Tensor
    valid: Tensor
    labels: Tensor | None = None
    boxes: Tensor | None = None

    def __getitem__(self, frames) -> "PairQueries":
        """The queries of some frames of the batch: an index, slice or list."""
        return take_frames(self, frames)


@dataclass
class Memory:
    """Encoded features that a decoder attends to: F (image) or F^MM (multi-modal, Eq. 4).

    Args:
        features: (B, M, d); image tokens in row-major order, M = h * w.
        position: (B, M, d) added to the keys of each cross-attention.
        padding_mask: (B, M) bool, True on padding; None when no token is padding.
    """

    features: Tensor
    position: Tensor
    padding_mask: Tensor | None = None


@dataclass
class FrameState:
    """What the spatial phase knows of each frame (Eq. 5): the decoders' outputs, every layer, the last one last.

    Args:
        pair: (L, B, N, d) subject-object states.
        predicate: (L, B, N, d) predicate states.
        valid: (B, N) bool, False on padded slots.
    """

    pair: Tensor
    predicate: Tensor
    valid: Tensor


@dataclass
class SlotStates:
    """The slots of a frame, or of several frames behind each other, as the temporal phase sees them.

    Args:
        features: (B, N, 2d) subject-object state and predicate state of the last layer (Eq. 5).
        valid: (B, N) bool, False on padded slots.
        scores: (B, N) float, the spatial heads' confidence in the slot.
        labels: (B, N) int64 object class where it is given (PredCLS), else None.
    """

    features: Tensor
    valid: Tensor
    scores: Tensor
    labels: Tensor | None = None

    def __getitem__(self, frames) -> "SlotStates":
        """The states of some frames of the batch: an index, slice or list."""
        return take_frames(self, frames)

    @classmethod
    def concatenate(cls, parts: "list[SlotStates]") -> "SlotStates":
        """The frames of all ``parts``, which have the same N, behind each other."""
        columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(cls)}
        return cls(**{k: None if v[0] is None else torch.cat(v) for k, v in columns.items()})

    def of_references(self, index: Tensor, present: Tensor) -> "SlotStates":
        """The slots of each target's reference frames, (B', R * N, ...).

        Args:
            index: (B', R) int64 frames of this object, R references of each of B' targets.
            present: (B', R) bool, False where a target has fewer references.
        """

        def gather(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[index].flatten(1, 2)

        valid = self.valid[index] & present[..., None]
        return SlotStates(
            gather(self.features), valid.flatten(1), gather(self.scores), gather(self.labels)
        )
