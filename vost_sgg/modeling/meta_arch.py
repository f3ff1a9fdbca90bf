"""The one meta-architecture: frames -> image memory -> pair queries -> frame state -> scene graphs."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from detectron2.config import CfgNode, configurable
from detectron2.modeling import META_ARCH_REGISTRY
from torch import Tensor, nn

from vost_sgg.modeling.criterion import SceneGraphCriterion
from vost_sgg.modeling.decoders import SPO_DECODER
from vost_sgg.modeling.frame_model import (
    FrameModel,
    batches_of_equal_size,
    build_checked_backbone,
)
from vost_sgg.modeling.heads import EntityHeads, PredicateHeads, slot_scores
from vost_sgg.modeling.image_encoder import IMAGE_ENCODER
from vost_sgg.modeling.matcher import MATCHER
from vost_sgg.modeling.multimodal_encoder import build_multimodal_encoder
from vost_sgg.modeling.postprocessing import scene_graphs
from vost_sgg.modeling.priors import PriorBatch
from vost_sgg.modeling.query_initializers import QUERY_INITIALIZER
from vost_sgg.modeling.targets import PairTargets
from vost_sgg.modeling.temporal import TEMPORAL_AGGREGATOR, reference_rows
from vost_sgg.registry import check_registered
from vost_sgg.structures import (
    FrameGroundTruth,
    FramePrediction,
    FramePriors,
    FrameState,
    PairQueries,
    SlotStates,
    frame_index,
)


@META_ARCH_REGISTRY.register()
class OneStageSGG(FrameModel):
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
        entity_heads: nn.Module,
        predicate_heads: nn.Module,
        criterion: nn.Module,
        multimodal_encoder: nn.Module | None = None,
        prior_dim: int = 512,
        temporal_aggregator: nn.Module | None = None,
        temporal_entity_heads: nn.Module | None = None,
        temporal_predicate_heads: nn.Module | None = None,
        pixel_mean: Sequence[float],
        pixel_std: Sequence[float],
        frames_per_batch: int,
        inference_amp: bool = False,
    ):
        """
        Args:
            backbone, in_feature, image_encoder, pixel_mean, pixel_std, frames_per_batch, inference_amp: as
                :class:`FrameModel`.
            query_initializer, decoder: parts of the registries of those names.
            entity_heads, predicate_heads, criterion: as the classes of those names.
            multimodal_encoder: a part of that registry, whose memory the predicate decoder attends to; None: F.
            prior_dim: c, width of the priors' embeddings.
            temporal_aggregator: a part of that registry; None leaves the temporal phase out.
            temporal_entity_heads: read the refined states.
            temporal_predicate_heads: likewise; None: the spatial phase's do.
        """
        super().__init__(
            backbone=backbone,
            in_feature=in_feature,
            image_encoder=image_encoder,
            pixel_mean=pixel_mean,
            pixel_std=pixel_std,
            frames_per_batch=frames_per_batch,
            inference_amp=inference_amp,
        )
        self.query_initializer = query_initializer
        self.decoder = decoder
        self.entity_heads = entity_heads
        self.predicate_heads = predicate_heads
        self.criterion = criterion
        self.multimodal_encoder = multimodal_encoder
        self.prior_dim = prior_dim
        self.temporal_aggregator = temporal_aggregator
        self.temporal_entity_heads = temporal_entity_heads
        self.temporal_predicate_heads = temporal_predicate_heads

    @classmethod
    def from_config(cls, cfg):
        backbone, in_feature = build_checked_backbone(cfg)
        aggregator = TEMPORAL_AGGREGATOR.build(cfg)
        own_predicate_heads = (
            aggregator is not None and cfg.MODEL.TEMPORAL_AGGREGATOR.OWN_PREDICATE_HEADS
        )
        channels = backbone.output_shape()[in_feature].channels
        image_encoder = IMAGE_ENCODER.build(cfg, in_channels=channels)
        query_initializer = QUERY_INITIALIZER.build(cfg)
        return {
            "backbone": backbone,
            "in_feature": in_feature,
            "image_encoder": image_encoder,
            "query_initializer": query_initializer,
            "multimodal_encoder": build_multimodal_encoder(
                cfg, image_encoder=image_encoder, query_initializer=query_initializer
            ),
            "prior_dim": cfg.MODEL.PRIORS.DIM,
            "decoder": SPO_DECODER.build(cfg),
            "entity_heads": EntityHeads(cfg),
            "predicate_heads": PredicateHeads(cfg),
            "criterion": SceneGraphCriterion(cfg, matcher=MATCHER.build(cfg)),
            "temporal_aggregator": aggregator,
            "temporal_entity_heads": None if aggregator is None else EntityHeads(cfg),
            "temporal_predicate_heads": PredicateHeads(cfg) if own_predicate_heads else None,
            "pixel_mean": cfg.MODEL.PIXEL_MEAN,
            "pixel_std": cfg.MODEL.PIXEL_STD,
            "frames_per_batch": cfg.TEST.FRAMES_PER_BATCH,
            "inference_amp": cfg.TEST.AMP.ENABLED,
        }

    @property
    def leaves_parameters_unused(self) -> bool:
        """Whether some trainable parameter has no part in the loss: where the temporal phase is trained together with
        the spatial one, whose heads then only rank the reference slots.
        """
        heads = [self.entity_heads]
        if self.temporal_predicate_heads is not None:
            heads.append(self.predicate_heads)
        learn = any(p.requires_grad for part in heads for p in part.parameters())
        return self.temporal_aggregator is not None and learn

    def forward(self, clips: list[dict]) -> dict[str, Tensor] | list[list[FramePrediction]]:
        """
        Args:
            clips: each ``{"frames": [T frame dicts], "references": {target: [indices of frames]}}``. A frame dict has
                ``image`` (3, H, W) uint8 RGB, ``ground_truth`` :class:`FrameGroundTruth`, and ``width``, ``height`` in
                pixels of the original frame. When testing SGDET, ``ground_truth`` may be left out. A model that reads
                priors looks for ``priors`` :class:`FramePriors`; a frame may have none.

        Returns:
            When training, the weighted losses of every clip's targets, by name. When testing, for each clip the
            :class:`FramePrediction` of each target in the order of ``references``, in original pixels.
        """
        if self.training:
            return self.losses(clips)
        with self.as_tested():
            return [self.inference(clip) for clip in clips]

    def losses(self, clips: list[dict]) -> dict[str, Tensor]:
        """The training half of :meth:`forward`: the targets of the clips are supervised."""
        frames, target_rows, references = [], [], []
        for clip in clips:
            first = len(frames)
            frames += clip["frames"]
            target_rows += [first + target for target in clip["references"]]
            references += [[first + r for r in rows] for rows in clip["references"].values()]
        targets = PairTargets.stack([frame["ground_truth"] for frame in frames], self.device)
        spatial = (self.backbone, self.image_encoder, self.query_initializer, self.decoder)
        with self.as_tested_if_frozen(*spatial, self.multimodal_encoder):
            queries, priors = self.pair_queries(targets, [frame.get("priors") for frame in frames])
            state = self.spatial_phase(*self.preprocess(frames), queries, priors)
        of_targets = frame_index(target_rows, self.device)
        if self.temporal_aggregator is None:
            outputs = self.spatial_outputs(
                state.pair[:, of_targets], state.predicate[:, of_targets]
            )
        else:
            outputs = self.temporal_outputs(
                self.slot_states(state, queries), target_rows, references
            )
            outputs = {key: value[None] for key, value in outputs.items()}
        with torch.autocast(self.device.type, enabled=False):
            return self.criterion(outputs, queries.valid[of_targets], targets[of_targets])

    def inference(self, clip: dict) -> list[FramePrediction]:
        """The testing half of :meth:`forward`, for one video: every frame passes the spatial phase once, in batches of
        one size, and the temporal phase reads the states.
        """
        frames, targets = clip["frames"], list(clip["references"])
        given = [frame["ground_truth"] for frame in frames if "ground_truth" in frame]
        known = PairTargets.stack(given, self.device) if len(given) == len(frames) else None
        queries, priors = self.pair_queries(known, [frame.get("priors") for frame in frames])
        states, outputs, order = [], [], []
        for batch in batches_of_equal_size(frames, self.frames_per_batch):
            images = self.preprocess([frames[t] for t in batch])
            of_batch = priors and priors[batch]
            state = self.spatial_phase(*images, queries[batch], of_batch)
            if self.temporal_aggregator is None:
                outputs.append(self.spatial_outputs(state.pair[-1], state.predicate[-1]))
            else:
                states.append(self.slot_states(state, queries[batch]))
            order += batch
        row_of = {t: row for row, t in enumerate(order)}
        if self.temporal_aggregator is not None:
            video = SlotStates.concatenate(states)
            for i in range(0, len(targets), self.frames_per_batch):
                batch = targets[i : i + self.frames_per_batch]
                references = [[row_of[r] for r in clip["references"][t]] for t in batch]
                outputs.append(self.temporal_outputs(video, [row_of[t] for t in batch], references))
            row_of = {t: row for row, t in enumerate(targets)}
        outputs = {key: torch.cat([part[key] for part in outputs]) for key in outputs[0]}
        rows = frame_index([row_of[t] for t in targets], self.device)
        sizes = [(frames[t]["width"], frames[t]["height"]) for t in targets]
        return scene_graphs({k: v[rows] for k, v in outputs.items()}, queries[targets], sizes)

    def spatial_phase(
        self,
        images: Tensor,
        padding_mask: Tensor | None,
        queries: PairQueries,
        priors: PriorBatch | None = None,
    ) -> FrameState:
        """All that a frame's state needs; no frame of the batch sees another.

        Args:
            images: (B, 3, H, W) float, normalised.
            padding_mask: (B, H, W) bool, True on padding, or None.
            queries: the pair slots of the B frames.
            priors: of the B frames; needed by a multi-modal encoder.

        Returns:
            float32 states, whatever the phase ran in.
        """
        memory = self.encode(images, padding_mask)
        encoder = self.multimodal_encoder
        state = self.decoder(queries, memory, memory if encoder is None else encoder(priors))
        return replace(state, pair=state.pair.float(), predicate=state.predicate.float())

    def spatial_outputs(self, pair: Tensor, predicate: Tensor) -> dict[str, Tensor]:
        """The spatial phase's heads on (..., N, d) states: (..., N, c) each."""
        return {**self.entity_heads(pair), **self.predicate_heads(predicate)}

    def slot_states(self, state: FrameState, queries: PairQueries) -> SlotStates:
        """What the temporal phase needs of B frames."""
        pair, predicate = state.pair[-1], state.predicate[-1]
        with torch.no_grad():  # the ranking of reference slots is not differentiated (as OED)
            scores = slot_scores(self.spatial_outputs(pair, predicate))
        return SlotStates(torch.cat((pair, predicate), dim=-1), state.valid, scores, queries.labels)

    def temporal_outputs(
        self, states: SlotStates, targets: list[int], references: list[list[int]]
    ) -> dict[str, Tensor]:
        """The temporal phase: ``targets`` and, one list each, their ``references`` are frames of ``states``.

        Returns the heads' outputs, (number of targets, N, c) each.
        """
        refined = self.temporal_aggregator(
            states[targets], states.of_references(*reference_rows(references, self.device))
        )
        pair, predicate = refined.chunk(2, dim=-1)
        predicate_heads = self.temporal_predicate_heads or self.predicate_heads
        return {**self.temporal_entity_heads(pair), **predicate_heads(predicate)}

    def predict_logits(
        self,
        images: Tensor,
        padding_mask: Tensor | None,
        frames: Sequence[FrameGroundTruth] | None,
        priors: Sequence[FramePriors | None] | None = None,
    ) -> dict[str, Tensor]:
        """The spatial phase and its heads without any data code: the numeric core.

        Args:
            images: (B, 3, H, W) float, normalised.
            padding_mask: (B, H, W) bool, True on padding, or None.
            frames: the annotations of the B frames; None where the task gives nothing.
            priors: of the B frames, read by a model with priors; None where a frame, or every frame, has none.

        Returns:
            The outputs of the heads of the last layer, (B, N, ...) each, slots in the order of each frame's pairs
            (SGCLS: ``itertools.permutations`` of its boxes), padded slots last.
        """
        state, _ = self._spatial(images, padding_mask, frames, priors)
        return self.spatial_outputs(state.pair[-1], state.predicate[-1])

    def predict_logits_temporal(
        self,
        images: Tensor,
        padding_mask: Tensor | None,
        frames: Sequence[FrameGroundTruth] | None,
        target: int = 0,
        priors: Sequence[FramePriors | None] | None = None,
    ) -> dict[str, Tensor]:
        """As :meth:`predict_logits`, then the temporal phase: frame ``target`` refined by all others, so that B = 1.

        Only for a model with a temporal aggregator.
        """
        state, queries = self._spatial(images, padding_mask, frames, priors)
        references = [[i for i in range(len(images)) if i != target]]
        return self.temporal_outputs(self.slot_states(state, queries), [target], references)

    def _spatial(self, images, padding_mask, frames, priors=None) -> tuple[FrameState, PairQueries]:
        targets = None if frames is None else PairTargets.stack(frames, self.device)
        priors = [None] * len(images) if priors is None else priors
        queries, batch = self.pair_queries(targets, priors)
        return self.spatial_phase(images, padding_mask, queries, batch), queries

    def pair_queries(
        self, targets: PairTargets | None, priors: Sequence[FramePriors | None]
    ) -> tuple[PairQueries, PriorBatch | None]:
        """The pair slots of frames, and their priors where a part of the model reads them.

        Args:
            targets: of the frames; None where nothing is known of them.
            priors: one a frame, None where it has none.
        """
        by_queries = _part_reads_priors(self.query_initializer)
        batch = None
        if by_queries or self.multimodal_encoder is not None:
            batch = PriorBatch.stack(priors, self.prior_dim, self.device)
        read = (batch,) if by_queries else ()
        return self.query_initializer(targets, len(priors), *read), batch


def reads_priors(cfg: CfgNode) -> bool:
    """Whether the model of ``cfg`` looks for ``priors`` in its frames: :class:`OneStageSGG` with a multi-modal encoder,
    or with a query initializer that reads them.
    """
    if not issubclass(META_ARCH_REGISTRY.get(cfg.MODEL.META_ARCHITECTURE), OneStageSGG):
        return False
    name = cfg.MODEL.QUERY_INITIALIZER.NAME
    check_registered(QUERY_INITIALIZER, name, "MODEL.QUERY_INITIALIZER.NAME")
    return bool(cfg.MODEL.MULTIMODAL_ENCODER.NAME) or _part_reads_priors(
        QUERY_INITIALIZER.get(name)
    )


def _part_reads_priors(query_initializer) -> bool:
    return getattr(query_initializer, "reads_priors", False)
