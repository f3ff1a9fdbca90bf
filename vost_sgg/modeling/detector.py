"""DETR, the optional first stage: what it learns of boxes is handed to the scene graph model."""

from collections.abc import Sequence

from detectron2.config import configurable
from detectron2.modeling import META_ARCH_REGISTRY
from torch import Tensor, nn

from vost_sgg.modeling.decoders import Decoder
from vost_sgg.modeling.detection_criterion import DetectionCriterion
from vost_sgg.modeling.frame_model import (
    FrameModel,
    batches_of_equal_size,
    build_checked_backbone,
)
from vost_sgg.modeling.image_encoder import IMAGE_ENCODER
from vost_sgg.modeling.layers.transformer import MLP, transformer_arguments
from vost_sgg.modeling.postprocessing import detections
from vost_sgg.modeling.query_initializers import LearnedQueries
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.structures import FramePrediction


@META_ARCH_REGISTRY.register()
class DETRDetector(FrameModel):
    """DETR over the parts of the scene graph model, so that each of its parameters has a place there
    (``vost_sgg.checkpoint.name_tables.DETECTOR``). It has no task: nothing is given, and every box is a target.
    """

    @configurable
    def __init__(
        self,
        *,
        query_initializer: nn.Module,
        decoder: nn.Module,
        d_model: int,
        num_object_classes: int,
        criterion: nn.Module,
        **frame_model,
    ):
        """
        Args:
            query_initializer: :class:`LearnedQueries`: the positions W.
            decoder: :class:`Decoder`.
            num_object_classes: with the person; the logits have an unused class before them and "no object" after
                them, as :class:`~vost_sgg.modeling.heads.EntityHeads`.
            criterion: :class:`DetectionCriterion`.
            frame_model: as :class:`FrameModel`.
        """
        super().__init__(**frame_model)
        self.query_initializer = query_initializer
        self.decoder = decoder
        self.class_head = nn.Linear(d_model, num_object_classes + 2)
        self.box_head = MLP(d_model, d_model, 4, num_layers=3)
        self.criterion = criterion

    @classmethod
    def from_config(cls, cfg):
        backbone, in_feature = build_checked_backbone(cfg)
        channels = backbone.output_shape()[in_feature].channels
        transformer = transformer_arguments(cfg)
        return {
            "backbone": backbone,
            "in_feature": in_feature,
            "image_encoder": IMAGE_ENCODER.build(cfg, in_channels=channels),
            "query_initializer": LearnedQueries(cfg),
            "decoder": Decoder(num_layers=cfg.MODEL.SPO_DECODER.NUM_LAYERS, **transformer),
            "d_model": cfg.MODEL.TRANSFORMER.D_MODEL,
            "num_object_classes": cfg.MODEL.NUM_OBJECT_CLASSES,
            "criterion": DetectionCriterion(cfg),
            "pixel_mean": cfg.MODEL.PIXEL_MEAN,
            "pixel_std": cfg.MODEL.PIXEL_STD,
            "frames_per_batch": cfg.TEST.FRAMES_PER_BATCH,
            "inference_amp": cfg.TEST.AMP.ENABLED,
        }

    def forward(self, clips: list[dict]) -> dict[str, Tensor] | list[list[FramePrediction]]:
        """
        Args:
            clips: as :class:`~vost_sgg.modeling.meta_arch.OneStageSGG`; references are not read, and ``ground_truth``
                only when training.

        Returns:
            When training, the weighted losses of every clip's targets, by name. When testing, for each clip the
            :class:`FramePrediction` of each target in the order of ``references``, in original pixels: every query's
            box, likeliest class and its probability, and no pairs.
        """
        if self.training:
            return self.losses(clips)
        with self.as_tested():
            return [self.inference(clip) for clip in clips]

    def losses(self, clips: list[dict]) -> dict[str, Tensor]:
        """The training half of :meth:`forward`."""
        frames = [clip["frames"][target] for clip in clips for target in clip["references"]]
        targets = PairTargets.stack([frame["ground_truth"] for frame in frames], self.device)
        return self.criterion(*self.predict_logits(*self.preprocess(frames)), targets)

    def inference(self, clip: dict) -> list[FramePrediction]:
        """The testing half of :meth:`forward`, in batches of frames of one size."""
        frames = [clip["frames"][target] for target in clip["references"]]
        predictions: dict[int, FramePrediction] = {}
        for batch in batches_of_equal_size(frames, self.frames_per_batch):
            found = self._detect([frames[t] for t in batch])
            predictions |= dict(zip(batch, found, strict=True))
        return [predictions[t] for t in range(len(frames))]

    def _detect(self, frames: Sequence[dict]) -> list[FramePrediction]:
        logits, boxes = self.predict_logits(*self.preprocess(frames))
        sizes = [(frame["width"], frame["height"]) for frame in frames]
        return detections(logits[-1], boxes[-1], sizes)

    def predict_logits(self, images: Tensor, padding_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """The numeric core, without any data code.

        Args:
            images: (B, 3, H, W) float, normalised.
            padding_mask: (B, H, W) bool, True on padding, or None.

        Returns:
            (L, B, N, classes + 2) logits and (L, B, N, 4) boxes, cxcywh in [0, 1], of every layer, the last one last.
        """
        memory = self.encode(images, padding_mask)
        queries = self.query_initializer(None, len(images))
        states = self.decoder(queries.content, queries.position, None, memory)
        return self.class_head(states), self.box_head(states).sigmoid()
