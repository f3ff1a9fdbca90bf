"""``CachedVLM``: the answers of a VLM as a model of their own, the "VLM only" rows of the tables."""

import logging
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from detectron2.config import CfgNode, configurable
from detectron2.data import MetadataCatalog
from detectron2.modeling import META_ARCH_REGISTRY
from torch import nn

from vost_sgg.data.loaders import read_datasets
from vost_sgg.structures import PREDICATE_GROUPS, FrameGroundTruth, FramePrediction
from vost_sgg.vlm.cache import AnswerCache, CacheError, FrameAnswers, cache_folder
from vost_sgg.vlm.extraction import videos_of
from vost_sgg.vlm.manifest import ANOTHER_FOLDER, check_same, dataset_version, read_manifest
from vost_sgg.vlm.verification import answers_to_others
from vost_sgg.vlm.words import Vocabulary

logger = logging.getLogger(__name__)


@META_ARCH_REGISTRY.register()
class CachedVLM(nn.Module):
    """Predicts what a cache of answers says. It has no parameter, and reads no pixel.

    A VLM gives no scores: a named triplet scores 1, every other one 0. Equal scores are ranked by lower slot, then
    lower predicate id; slots are the frame's pairs in their order (PredCLS), or the answer's objects in its order.

    Args:
        folder: of the cache of answers; it is not opened before :meth:`load` or the first prediction.
        task: predcls, sgcls or sgdet.
        dataset_name: of the data set that the answers are about; its metadata gives the vocabulary.
    """

    # Read by the engine: there is nothing to train; ``load`` stands in for a checkpoint.
    has_parameters = False

    @configurable
    def __init__(self, *, folder: str, task: str, dataset_name: str):
        super().__init__()
        self.folder, self.task, self.dataset_name = folder, task, dataset_name
        self.vocabulary = Vocabulary.of(MetadataCatalog.get(dataset_name))

    @classmethod
    def from_config(cls, cfg: CfgNode):
        if len(cfg.DATASETS.TEST) != 1:
            raise ValueError(
                f"DATASETS.TEST names {len(cfg.DATASETS.TEST)} data sets; cached answers are those about one: name one"
            )
        name = cfg.DATASETS.TEST[0]
        return {
            "folder": cache_folder(cfg, name),
            "task": cfg.MODEL.TASK,
            "dataset_name": name,
        }

    @cached_property
    def cache(self) -> AnswerCache:
        """The answers. Raises CacheError if there are none."""
        return AnswerCache(self.folder)

    def load(self) -> None:
        """Reads every answer once and logs how many frames have none.

        Raises:
            CacheError: a file is damaged, or the answers are about other frames, boxes or classes than the data set's.
        """
        self._check_dataset()
        answers = [answer for _, answer in self.cache]
        empty = sum(answer.empty == answer.asked for answer in answers)
        logger.info(
            f"{self.folder}: answers about {len(answers):,} frames, {empty:,} of them empty: "
            "these frames name no triplet"
        )

    def _check_dataset(self) -> None:
        version = {"dataset_version": dataset_version(self.dataset_name)}
        asked = {key: read_manifest(self.cache.folder).get(key) for key in version}
        check_same(asked, version, self.folder)
        videos = videos_of(read_datasets([self.dataset_name])[0])
        metadata = MetadataCatalog.get(self.dataset_name)
        others = answers_to_others(self.folder, videos, self.task, metadata)
        if others:
            frame, pair = others[0]
            raise CacheError(
                f"{self.folder}: {len(others):,} answers are to other prompts than those about {self.dataset_name}, "
                f"such as {frame}{f', pair {pair}' if pair else ''}: the data set or the templates changed since; "
                f"{ANOTHER_FOLDER}, or move the folder away, and run tools/extract_vlm.py again"
            )

    def forward(self, clips: Sequence[dict]) -> list[list[FramePrediction]]:
        """One list a clip, with one prediction a target, in the order of its ``references``."""
        outputs = []
        for clip in clips:
            targets = [clip["frames"][target] for target in clip["references"]]
            answers = self.cache.frames(targets[0]["video_id"]) if targets else {}
            missing = [t["image_id"] for t in targets if t["image_id"] not in answers]
            if missing:
                logger.warning(
                    f"{len(missing)} frames of {targets[0]['video_id']} were never asked about, such as {missing[0]}: "
                    "they name no triplet; tools/extract_vlm.py --verify lists all"
                )
            outputs.append(
                [self._predict(t, answers.get(t["image_id"], FrameAnswers())) for t in targets]
            )
        return outputs

    def _predict(self, frame: dict, answers: FrameAnswers) -> FramePrediction:
        return answered_graph(answers, frame["ground_truth"], self.task, self.vocabulary)


def answered_graph(
    answers: FrameAnswers, given: FrameGroundTruth, task: str, vocabulary: Vocabulary
) -> FramePrediction:
    """The scene graph that an answer names, every score 0 or 1.

    Args:
        answers: about the frame.
        given: what the task gives is read from it: boxes, classes and pairs (PredCLS), boxes (SGCLS), nothing (SGDET).
        task: predcls, sgcls or sgdet.
        vocabulary: of the data set.

    Returns:
        Numpy arrays. SGCLS: a box that is not named has class 0 with score 0, and no pair. SGDET: the person's box
        and the objects with a box; no pair without a box of the person.
    """
    if task == "sgdet":
        return _detected(answers, vocabulary)
    boxes = np.asarray(torch.as_tensor(given.boxes), np.float64)
    if task == "predcls":
        classes = np.asarray(torch.as_tensor(given.classes))
        pairs = np.asarray(torch.as_tensor(given.pairs)).reshape(-1, 2)
        return _graph(boxes, classes, np.ones(len(boxes)), pairs, answers.about(pairs), vocabulary)
    classes, scores = np.zeros(len(boxes), np.int64), np.zeros(len(boxes))
    for relation in answers.relations:
        classes[relation.row], scores[relation.row] = vocabulary.objects.index(relation.object), 1
    if answers.person_row is not None:
        classes[answers.person_row], scores[answers.person_row] = 0, 1
    return _graph(boxes, classes, scores, *answers.with_person(), vocabulary)


def _detected(answers: FrameAnswers, vocabulary: Vocabulary) -> FramePrediction:
    relations = [r for r in answers.relations if r.box is not None]
    person = [answers.person_box] if answers.person_box is not None else []
    boxes = np.array(person + [r.box for r in relations], np.float64).reshape(-1, 4)
    names = [vocabulary.objects.index(r.object) for r in relations]
    classes = np.array([0] * len(person) + names, np.int64)
    paired = relations if person else []
    pairs = np.array([[0, k + 1] for k in range(len(paired))], np.int64).reshape(-1, 2)
    return _graph(boxes, classes, np.ones(len(boxes)), pairs, paired, vocabulary)


def _graph(boxes, classes, scores, pairs, relations, vocabulary: Vocabulary) -> FramePrediction:
    groups = {}
    for group in PREDICATE_GROUPS:
        names = vocabulary.group(group)
        groups[group] = np.zeros((len(pairs), len(names)))
        for k, relation in enumerate(relations):
            for name in getattr(relation, group):
                groups[group][k, names.index(name)] = 1
    return FramePrediction(boxes=boxes, classes=classes, scores=scores, pairs=pairs, **groups)
