"""Priors made on the way: the VLM is asked about a frame and CLIP embeds its answer, with nothing stored between."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog

from vost_sgg.priors.assembly import frame_priors
from vost_sgg.priors.clip import ClipEncoder, build_clip
from vost_sgg.priors.extraction import region_prompt, vocabulary_texts
from vost_sgg.priors.pairs import frame_pairs
from vost_sgg.priors.region_prompt import RegionPrompt
from vost_sgg.structures import FramePriors
from vost_sgg.vlm import VLM, FrameAnswers, VLMBackend
from vost_sgg.vlm.parser import AnswerParser
from vost_sgg.vlm.prompts import build_prompts
from vost_sgg.vlm.words import Vocabulary


class LivePriors:
    """SGDET priors of any frame: what tools/extract_vlm.py and tools/extract_clip.py would store of it.

    Args:
        backend: is asked.
        clip: embeds its answers.
        prompt: draws the regions.
        metadata: of the data set whose words are used.
        texts: embeddings of them (:func:`vost_sgg.priors.extraction.vocabulary_texts`).
        batch_size: frames that the VLM is asked about at once.
    """

    def __init__(
        self,
        *,
        backend: VLMBackend,
        clip: ClipEncoder,
        prompt: RegionPrompt,
        metadata,
        texts: tuple[np.ndarray, np.ndarray],
        batch_size: int,
    ):
        self._backend, self._clip, self._prompt = backend, clip, prompt
        self._metadata, self._vocabulary = metadata, Vocabulary.of(metadata)
        self._parser = AnswerParser(self._vocabulary)
        self._texts, self._batch_size = texts, batch_size

    @classmethod
    def of(cls, cfg: CfgNode, dataset_name: str) -> "LivePriors":
        """The config's VLM and CLIP, loaded.

        Raises:
            ValueError, KeyError: the VLM cannot be asked about frames of no data set, or there are no such weights.
        """
        metadata, clip = MetadataCatalog.get(dataset_name), build_clip(cfg)
        return cls(
            backend=VLM.build(cfg, dataset_name=dataset_name),
            clip=clip,
            prompt=region_prompt(cfg),
            metadata=metadata,
            texts=vocabulary_texts(cfg, clip, Vocabulary.of(metadata)),
            batch_size=cfg.MODEL.VLM.BATCH_SIZE,
        )

    def __call__(
        self, images: Sequence[np.ndarray], records: Sequence[Mapping]
    ) -> list[FramePriors]:
        """
        Args:
            images: (height, width, 3) uint8 RGB each.
            records: of the same frames; width, height and image_id are read.
        """
        prompts = [self._ask(record) for record in records]
        priors = []
        for start in range(0, len(images), self._batch_size):
            requests = list(zip(images, prompts, strict=True))[start : start + self._batch_size]
            for (image, prompt), text in zip(
                requests, self._backend.respond(requests), strict=True
            ):
                answers = FrameAnswers.merge([self._parser.parse(text, prompt)])
                priors.append(self._priors(image, answers))
        return priors

    def _ask(self, record: Mapping):
        size = self._backend.processed_size(record["width"], record["height"])
        frame = self._backend.box_frame
        return build_prompts("sgdet", record, self._metadata, box_frame=frame, processed_size=size)[
            0
        ]

    def _priors(self, image: np.ndarray, answers: FrameAnswers) -> FramePriors:
        pairs = frame_pairs("sgdet", {}, answers, self._vocabulary)
        boxes, rows = pairs.regions()
        regions = np.zeros((0, self._clip.width), np.float32)
        if len(boxes):
            regions = self._clip.pictures(self._prompt(image, boxes)).numpy()
        height, width = image.shape[:2]
        pairs = replace(pairs, boxes=pairs.normalised_boxes(width, height))
        return frame_priors(pairs, rows, regions, self._texts)
