"""The one meta-architecture: frames -> image memory -> pair queries -> frame state -> scene graphs."""

from collections.abc import Sequence

import torch
from detectron2.config import configurable
from detectron2.modeling import BACKBONE_REGISTRY, META_ARCH_REGISTRY, build_backbone
from torch import Tensor, nn

from vost_sgg.modeling.criterion import SceneGraphCriterion
from vost_sgg.modeling.decoders import SPO_DECODER
from vost_sgg.modeling.heads import SceneGraphHeads
from vost_sgg.modeling.image_encoder import IMAGE_ENCODER
from vost_sgg.modeling.matcher import MATCHER
from vost_sgg.modeling.postprocessing import scene_graphs
from vost_sgg.modeling.query_initializers import QUERY_INITIALIZER
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.registry import check_registered
from vost_sgg.structures import FrameGroundTruth, FramePrediction, FrameState, PairQueries


@META_ARCH_REGISTRY.register()
class OneStageSGG(nn.Module):
    """One-stage scene graph generation over pair slots; OED, DSQI and VOST-SGG differ in the parts it is given."""

    @configurable
    def __init__(
        self,
        *,
        backbone: nn.Module,
        in_feature: str,
        image_encoder: nn.Module,
        query_initializer: nn.Module,
        decoder: nn.Module,
        heads: nn.Module,
        criterion: nn.Module,
        pixel_mean: Sequence[float],
        pixel_std: Sequence[float],
        frames_per_batch: int,
    ):
        """
        Args:
            backbone: detectron2's contract: (B, 3, H, W) -> {name: (B, C, h, w)}.
            in_feature: the backbone's feature that is encoded.
            image_encoder, query_initializer, decoder: parts of the registries of those names.
            heads, criterion: as :class:`SceneGraphHeads` and :class:`SceneGraphCriterion`.
            pixel_mean, pixel_std: of the three channels, in [0, 255].
            frames_per_batch: frames of one video that pass the spatial phase together when testing.
        """
        super().__init__()
        self.backbone = backbone
        self.in_feature = in_feature
        self.image_encoder = image_encoder
        self.query_initializer = query_initializer
        self.decoder = decoder
        self.heads = heads
        self.criterion = criterion
        self.frames_per_batch = frames_per_batch
        self.register_buffer(
            "pixel_mean", torch.tensor(pixel_mean).view(-1, 1, 1), persistent=False
        )
        self.register_buffer("pixel_std", torch.tensor(pixel_std).view(-1, 1, 1), persistent=False)

    @classmethod
    def from_config(cls, cfg):
        check_registered(BACKBONE_REGISTRY, cfg.MODEL.BACKBONE.NAME, "MODEL.BACKBONE.NAME")
        backbone = build_backbone(cfg)
        in_feature = cfg.MODEL.IMAGE_ENCODER.IN_FEATURE
        if in_feature not in backbone.output_shape():
            raise ValueError(
                f"MODEL.IMAGE_ENCODER.IN_FEATURE is {in_feature}, the backbone gives "
                f"{', '.join(backbone.output_shape())}; with a ResNet see MODEL.RESNETS.OUT_FEATURES"
            )
        return {
            "backbone": backbone,
            "in_feature": in_feature,
            "image_encoder": IMAGE_ENCODER.build(
                cfg, in_channels=backbone.output_shape()[in_feature].channels
            ),
            "query_initializer": QUERY_INITIALIZER.build(cfg),
            "decoder": SPO_DECODER.build(cfg),
            "heads": SceneGraphHeads(cfg),
            "criterion": SceneGraphCriterion(cfg, matcher=MATCHER.build(cfg)),
            "pixel_mean": cfg.MODEL.PIXEL_MEAN,
            "pixel_std": cfg.MODEL.PIXEL_STD,
            "frames_per_batch": cfg.TEST.FRAMES_PER_BATCH,
        }

    @property
    def device(self) -> torch.device:
        return self.pixel_mean.device

    def forward(self, clips: list[dict]) -> dict[str, Tensor] | list[list[FramePrediction]]:
        """
        Args:
            clips: each ``{"frames": [T frame dicts], "references": {target: [indices of frames]}}``. A frame dict has
                ``image`` (3, H, W) uint8 RGB, ``ground_truth`` :class:`FrameGroundTruth`, and ``width``, ``height`` in
                pixels of the original frame.

        Returns:
            When training, the weighted losses of every clip's targets, by name. When testing, for each clip the
            :class:`FramePrediction` of each target in the order of ``references``, in original pixels.
        """
        if not self.training:
            return [self.inference(clip) for clip in clips]
        frames = [clip["frames"][target] for clip in clips for target in clip["references"]]
        targets = PairTargets.stack([frame["ground_truth"] for frame in frames], self.device)
        state, queries = self.spatial_phase(*self.preprocess(frames), targets)
        return self.criterion(self.heads(state.pair, state.predicate), queries.valid, targets)

    def inference(self, clip: dict) -> list[FramePrediction]:
        """The scene graphs of a video's targets: every frame passes the spatial phase once, in batches of one size."""
        frames = clip["frames"]
        predictions: dict[int, FramePrediction] = {}
        for batch in batches_of_equal_size(frames, clip["references"], self.frames_per_batch):
            batch_frames = [frames[t] for t in batch]
            targets = PairTargets.stack(
                [frame["ground_truth"] for frame in batch_frames], self.device
            )
            state, queries = self.spatial_phase(*self.preprocess(batch_frames), targets)
            outputs = self.heads(state.pair[-1], state.predicate[-1])
            sizes = [(frame["width"], frame["height"]) for frame in batch_frames]
            predictions.update(zip(batch, scene_graphs(outputs, queries, sizes), strict=True))
        return [predictions[t] for t in clip["references"]]

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

    def spatial_phase(
        self, images: Tensor, padding_mask: Tensor | None, targets: PairTargets | None
    ) -> tuple[FrameState, PairQueries]:
        """All that a frame's state needs; no frame of the batch sees another.

        Args:
            images: (B, 3, H, W) float, normalised.
            padding_mask: (B, H, W) bool, True on padding, or None.
            targets: what is annotated on the frames; the query initializer reads of it what its task gives.
        """
        memory = self.image_encoder(self.backbone(images)[self.in_feature], padding_mask)
        queries = self.query_initializer(targets, len(images))
        return self.decoder(queries, memory, memory), queries

    def predict_logits(
        self,
        images: Tensor,
        padding_mask: Tensor | None,
        frames: Sequence[FrameGroundTruth] | None,
    ) -> dict[str, Tensor]:
        """The spatial phase and its heads without any data code: the numeric core.

        Args:
            images: (B, 3, H, W) float, normalised.
            padding_mask: (B, H, W) bool, True on padding, or None.
            frames: the annotations of the B frames; None where the task gives nothing.

        Returns:
            The outputs of :class:`~vost_sgg.modeling.heads.SceneGraphHeads` of the last layer, (B, N, ...) each, slots
            in the order of each frame's pairs, padded slots last.
        """
        targets = None if frames is None else PairTargets.stack(frames, self.device)
        state, _ = self.spatial_phase(images, padding_mask, targets)
        return self.heads(state.pair[-1], state.predicate[-1])


def batches_of_equal_size(frames: Sequence[dict], indices, limit: int) -> list[list[int]]:
    """Splits frame ``indices`` into batches of at most ``limit`` whose images have one size, so that none is padded."""
    by_size: dict[tuple, list[int]] = {}
    for t in indices:
        by_size.setdefault(tuple(frames[t]["image"].shape), []).append(t)
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
