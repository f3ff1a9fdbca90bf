"""Embedding the regions of every frame of some videos, video by video, resumable after a kill at any moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from detectron2.utils.file_io import PathManager

from vost_sgg.priors.clip import RANDOM, ClipEncoder, build_clip
from vost_sgg.priors.files import (
    ANOTHER_FOLDER,
    VideoFeatures,
    VideoFile,
    answers_digest,
    feature_settings,
    features_path,
    priors_folder,
    write_texts,
)
from vost_sgg.priors.pairs import FramePairs, frame_pairs
from vost_sgg.priors.region_prompt import RegionPrompt
from vost_sgg.vlm.cache import AnswerCache, FrameAnswers, cache_folder
from vost_sgg.vlm.extraction import ExtractionError, image_or_reason
from vost_sgg.vlm.manifest import claim_folder, read_manifest
from vost_sgg.vlm.words import Vocabulary, prompt_word


def make_manifest(cfg: CfgNode, dataset_name: str, clip: ClipEncoder, answers: AnswerCache) -> dict:
    """What the features of a folder depend on: the config, CLIP's weights, and all that the answers depend on."""
    return {
        **feature_settings(cfg, dataset_name),
        "weights": clip.fingerprint(),
        "random_weights": cfg.MODEL.PRIORS.CLIP.WEIGHTS == RANDOM,
        "answers": read_manifest(answers.folder),
    }


def region_prompt(cfg: CfgNode) -> RegionPrompt:
    """The config's. Raises ValueError as :class:`RegionPrompt`."""
    region = cfg.MODEL.PRIORS.REGION
    return RegionPrompt(mode=region.MODE, colour=tuple(region.COLOUR), alpha=region.ALPHA)


def vocabulary_texts(
    cfg: CfgNode, clip: ClipEncoder, vocabulary: Vocabulary
) -> tuple[np.ndarray, np.ndarray]:
    """The text embeddings of all classes (C, c) and predicates (P, c), float32.

    Raises:
        ValueError: a text of the config has no place for the name.
    """
    tables = []
    names = vocabulary.attention + vocabulary.spatial + vocabulary.contacting
    for kind, words in (("OBJECT", vocabulary.objects), ("PREDICATE", names)):
        text = cfg.MODEL.PRIORS.CLIP[f"{kind}_TEXT"] or "{}"
        if text.count("{}") != 1:
            raise ValueError(f"MODEL.PRIORS.CLIP.{kind}_TEXT is {text!r}; it has one {{}} in it")
        texts = [text.replace("{}", prompt_word(word)) for word in words]
        tables.append(clip.texts(texts).numpy())
    return tuple(tables)


def build_extractor(cfg: CfgNode, dataset_name: str) -> "FeatureExtractor":
    """The config's, for one data set: its folder claimed, the vocabulary embedded.

    Raises:
        CacheError: there are no answers, or the folder holds features of another setting.
        ValueError: as :func:`build_clip`, :func:`region_prompt` and :func:`vocabulary_texts`.
    """
    prompt = region_prompt(cfg)
    answers = AnswerCache(cache_folder(cfg, dataset_name))
    clip = build_clip(cfg)
    folder = priors_folder(cfg, dataset_name)
    vocabulary = Vocabulary.of(MetadataCatalog.get(dataset_name))
    claim_folder(folder, make_manifest(cfg, dataset_name, clip, answers), ANOTHER_FOLDER)
    write_texts(folder, *vocabulary_texts(cfg, clip, vocabulary))
    return FeatureExtractor(
        clip=clip,
        prompt=prompt,
        answers=answers,
        folder=folder,
        task=cfg.MODEL.TASK,
        vocabulary=vocabulary,
        frames_per_batch=cfg.MODEL.PRIORS.FRAMES_PER_BATCH,
    )


@dataclass(kw_only=True)
class FeatureExtractor:
    """Embeds the regions of videos of one data set and stores them with the pairs that the answers name.

    Args:
        clip: embeds the regions.
        prompt: draws them.
        answers: of the VLM to this task.
        folder: for the features, claimed by this setting (:func:`vost_sgg.vlm.manifest.claim_folder`).
        task: predcls, sgcls or sgdet.
        vocabulary: of the data set.
        frames_per_batch: frames whose regions pass CLIP together.
    """

    clip: ClipEncoder
    prompt: RegionPrompt
    answers: AnswerCache
    folder: str
    task: str
    vocabulary: Vocabulary
    frames_per_batch: int

    def __post_init__(self):
        if self.frames_per_batch < 1:
            raise ValueError(
                f"MODEL.PRIORS.FRAMES_PER_BATCH is {self.frames_per_batch}; it is at least 1"
            )

    def is_complete(self, video_id: str) -> bool:
        """Whether a video's features are stored and made from the answers that there are now.

        Raises:
            CacheError: the file is damaged, or there are no finished answers.
        """
        path = features_path(self.folder, video_id)
        if not PathManager.isfile(path):
            return False
        return VideoFile(path).answers == answers_digest(self.answers.folder, video_id)

    def run(self, frames: Sequence[Mapping], done: Callable[[int], None]) -> None:
        """Extracts one video.

        Args:
            frames: the records of the video.
            done: called with the number of frames after each batch.

        Raises:
            CacheError: the video's answers are missing, unfinished or damaged.
            ExtractionError: a batch does not fit the memory.
        """
        video_id = frames[0]["video_id"]
        answers = self.answers.frames(video_id)
        pairs = [
            frame_pairs(self.task, f, answers.get(f["image_id"], FrameAnswers()), self.vocabulary)
            for f in frames
        ]
        regions, skipped = [], {}
        for start in range(0, len(frames), self.frames_per_batch):
            batch = slice(start, start + self.frames_per_batch)
            regions += self._embed(frames[batch], pairs[batch], skipped)
            done(len(frames[batch]))
        features = video_features(frames, pairs, regions, skipped)
        digest = answers_digest(self.answers.folder, video_id)
        features.write(features_path(self.folder, video_id), digest, skipped)

    def _embed(
        self, frames: Sequence[Mapping], pairs: Sequence[FramePairs], skipped: dict[str, str]
    ) -> list[np.ndarray]:
        """The embeddings of each frame's regions, (R, c) float16; a frame that cannot be read goes to ``skipped``."""
        pictures, counts = [], []
        for record, frame in zip(frames, pairs, strict=True):
            boxes, _ = frame.regions()
            image = image_or_reason(record) if len(boxes) else None
            if isinstance(image, str):
                skipped[record["image_id"]], boxes = image, boxes[:0]
            pictures += self.prompt(image, boxes) if len(boxes) else []
            counts.append(len(boxes))
        embeddings = np.zeros((0, self.clip.width), np.float16)
        if pictures:
            embeddings = self._forward(pictures)
        return np.split(embeddings, np.cumsum(counts)[:-1])

    def _forward(self, pictures: list[np.ndarray]) -> np.ndarray:
        try:
            return self.clip.pictures(pictures).numpy().astype(np.float16)
        except torch.OutOfMemoryError as error:
            raise ExtractionError(
                f"out of memory at {len(pictures)} regions of {self.frames_per_batch} frames: set "
                "MODEL.PRIORS.FRAMES_PER_BATCH lower; running it again goes on"
            ) from error


def video_features(
    frames: Sequence[Mapping],
    pairs: Sequence[FramePairs],
    regions: Sequence[np.ndarray],
    skipped: Mapping[str, str],
) -> VideoFeatures:
    """What is stored of one video.

    Args:
        frames: its records.
        pairs: of each frame.
        regions: of each frame, the (R, c) float16 embeddings of ``pairs.regions()``; none if it could not be read.
        skipped: image ids of the frames that could not be read.
    """
    rows = [frame.regions()[1] for frame in pairs]
    for record, frame_rows in zip(frames, rows, strict=True):
        if record["image_id"] in skipped:
            frame_rows[:] = -1
    boxes = [
        frame.normalised_boxes(record["width"], record["height"])
        for record, frame in zip(frames, pairs, strict=True)
    ]
    return VideoFeatures(
        frame_numbers=np.array([record["frame_number"] for record in frames], np.int64),
        pair_starts=np.cumsum([0, *map(len, rows)]),
        region_starts=np.cumsum([0, *map(len, regions)]),
        classes=np.concatenate([frame.classes for frame in pairs]),
        predicates=np.concatenate([frame.predicates for frame in pairs]),
        boxes=np.concatenate(boxes),
        pairs=np.concatenate([frame.pairs for frame in pairs]),
        region_rows=np.concatenate(rows),
        regions=np.concatenate(regions),
    )
