"""What every meta-architecture begins with: frames of any size -> image memory F."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from detectron2.modeling import BACKBONE_REGISTRY, build_backbone
from torch import Tensor, nn

from vost_sgg.modeling.frozen_norms import put_frozen_norms_into_weights
from vost_sgg.registry import check_registered
from vost_sgg.structures import Memory


class FrameModel(nn.Module):
    """A backbone and an image encoder; what is made of their memory is a subclass's own."""

    def __init__(
        self,
        *,
        backbone: nn.Module,
        in_feature: str,
        image_encoder: nn.Module,
        pixel_mean: Sequence[float],
        pixel_std: Sequence[float],
        frames_per_batch: int,
        inference_amp: bool = False,
    ):
        """
        Args:
            backbone: detectron2's contract: (B, 3, H, W) -> {name: (B, C, h, w)}.
            in_feature: the backbone's feature that is encoded.
            image_encoder: a part of that registry.
            pixel_mean, pixel_std: of the three channels, in [0, 255].
            frames_per_batch: frames of one video that are encoded together when testing.
            inference_amp: test in bfloat16 where autocast allows.
        """
        super().__init__()
        # Both are quicker on CPUs and GPUs; the numbers are the same to rounding.
        put_frozen_norms_into_weights(backbone)
        self.backbone = backbone.to(memory_format=torch.channels_last)
        self.in_feature = in_feature
        self.image_encoder = image_encoder
        self.frames_per_batch = frames_per_batch
        self.inference_amp = inference_amp
        self.register_buffer(
            "pixel_mean", torch.tensor(pixel_mean).view(-1, 1, 1), persistent=False
        )
        self.register_buffer("pixel_std", torch.tensor(pixel_std).view(-1, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        return self.pixel_mean.device

    def train(self, mode: bool = True) -> "FrameModel":
        """A frozen part stays in eval mode: its statistics are kept, and its states could be cached. (OED leaves
        dropout on in the frozen parts of its temporal stage.)
        """
        super().train(mode)
        for part in self.children():
            if not any(p.requires_grad for p in part.parameters()):
                part.eval()
        return self

    def as_tested(self) -> AbstractContextManager:
        """The precision of testing, around a forward pass."""
        # Not a disabled autocast, which would end one that is around it.
        amp = self.inference_amp
        return torch.autocast(self.device.type, torch.bfloat16) if amp else nullcontext()

    @contextmanager
    def as_tested_if_frozen(self, *parts: nn.Module | None) -> Iterator[None]:
        """Around the pass through ``parts`` when training: if none of them learns, without gradients and in the
        precision of testing.
        """
        if any(p.requires_grad for part in parts if part is not None for p in part.parameters()):
            yield
        else:
            with torch.no_grad(), self.as_tested():
                yield

    def preprocess(self, frames: Sequence[dict]) -> tuple[Tensor, Tensor | None]:
        """Frames of any sizes -> (B, 3, H, W) normalised images, zero-padded bottom and right (as OED), and their
        (B, H, W) padding mask, True on padding; None when all sizes are equal.
        """
        images = [frame["image"].to(self.device, non_blocking=True) for frame in frames]
        if len({image.shape for image in images}) == 1:
            return (torch.stack(images) - self.pixel_mean) / self.pixel_std, None
        # Padding is zero after the normalisation.
        images = [(image - self.pixel_mean) / self.pixel_std for image in images]
        mask = [image.new_zeros(image.shape[1:], dtype=torch.bool) for image in images]
        return _pad_images(images, 0.0), _pad_images([m[None] for m in mask], True)[:, 0]

    def encode(self, images: Tensor, padding_mask: Tensor | None) -> Memory:
        """What :meth:`preprocess` gives -> the image memory F. No frame sees another."""
        images = images.contiguous(memory_format=torch.channels_last)
        return self.image_encoder(self.backbone(images)[self.in_feature], padding_mask)


def build_checked_backbone(cfg) -> tuple[nn.Module, str]:
    """The config's backbone, and the name of its feature that is encoded.

    Raises:
        KeyError: there is no such backbone.
        ValueError: the backbone does not give the feature.
    """
    check_registered(BACKBONE_REGISTRY, cfg.MODEL.BACKBONE.NAME, "MODEL.BACKBONE.NAME")
    backbone = build_backbone(cfg)
    in_feature = cfg.MODEL.IMAGE_ENCODER.IN_FEATURE
    if in_feature not in backbone.output_shape():
        raise ValueError(
            f"MODEL.IMAGE_ENCODER.IN_FEATURE is {in_feature}, the backbone gives "
            f"{', '.join(backbone.output_shape())}; with a ResNet see MODEL.RESNETS.OUT_FEATURES"
        )
    return backbone, in_feature


def batches_of_equal_size(frames: Sequence[dict], limit: int) -> list[list[int]]:
    """Splits the frames' indices into batches of at most ``limit`` images of one size, so that none is padded."""
    by_size: dict[tuple, list[int]] = {}
    for t, frame in enumerate(frames):
        by_size.setdefault(tuple(frame["image"].shape), []).append(t)
    return [group[i : i + limit] for group in by_size.values() for i in range(0, len(group), limit)]


def _pad_images(images: list[Tensor], value: float) -> Tensor:
    """(C, H_i, W_i) images -> (B, C, max H, max W), filled with ``value`` at the bottom and the right."""
    height, width = (max(image.shape[side] for image in images) for side in (1, 2))
    return torch.stack(
        [
            nn.functional.pad(
                image, (0, width - image.shape[2], 0, height - image.shape[1]), value=value
            )
            for image in images
        ]
    )
