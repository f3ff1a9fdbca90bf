"""What the model of a config is fed of one frame, as a picture: augmented frames, the VLM's answer, region prompts."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from torchvision.ops import box_convert

from vost_sgg.data.loaders import ClipDataset, VideoDataset, VideoIndex, check_datasets
from vost_sgg.data.mapper import ClipMapper, read_frame
from vost_sgg.data.reference_samplers import REFERENCE_SAMPLER
from vost_sgg.evaluation.slots import GROUP_SIZES
from vost_sgg.modeling import reads_priors
from vost_sgg.priors import FramePairs, frame_pairs
from vost_sgg.priors.extraction import region_prompt
from vost_sgg.structures import FrameGroundTruth, FramePriors
from vost_sgg.visualization.columns import Column, draw_columns
from vost_sgg.visualization.relations import drawn_graph
from vost_sgg.visualization.strip import draw_strip, stacked
from vost_sgg.vlm import AnswerCache, FrameAnswers, cache_folder
from vost_sgg.vlm.words import Vocabulary

# Columns in a row.
_COLUMNS = 4


class FedClips:
    """The clips of a split, as the loaders give them to the model.

    Of a model that reads priors the VLM's answers are shown; CLIP's embeddings, which nobody can look at, need not be
    there.

    Args:
        cfg: of one stage.
        split: ``train`` (augmented, a frame and the references drawn for it in an epoch) or ``test``.

    Raises:
        CacheError: the model reads priors, and the VLM has not answered yet.
        KeyError, ValueError: the config names something that does not exist.
    """

    def __init__(self, cfg: CfgNode, split: str):
        names, self._is_train = cfg.DATASETS[split.upper()], split == "train"
        check_datasets(names, f"DATASETS.{split.upper()}")
        self._cfg, self._metadata = cfg, MetadataCatalog.get(names[0])
        self._answers = AnsweredPairs(cfg, names) if reads_priors(cfg) else None
        mapper = ClipMapper(cfg, is_train=self._is_train, read_priors=self._answers)
        self._index = VideoIndex(names)
        parts = {"index": self._index, "sampler": REFERENCE_SAMPLER.build(cfg), "mapper": mapper}
        self._clips = (
            ClipDataset(**parts, seed=cfg.SEED) if self._is_train else VideoDataset(**parts)
        )

    @property
    def records(self) -> Sequence[Mapping]:
        """The dataset dicts of the split, one a frame."""
        return self._index.records

    def draw(self, position: int, *, epoch: int = 0) -> np.ndarray:
        """The picture of a frame of the split, (H, W, 3) uint8 RGB.

        Args:
            position: of the frame in :attr:`records`.
            epoch: of the training, from 0; another one draws other augmentations and references.

        Raises:
            FrameError: an image cannot be read.
        """
        clip, target = self._clip(position, epoch)
        frame, drawn = clip["frames"][target], clip["references"][target]
        columns = [self._column("target" if drawn else "target, without references", frame)]
        if self._answers is not None:
            columns.append(self._answered(frame))
        for i in dict.fromkeys(drawn):
            numbers = " and ".join(str(k + 1) for k, j in enumerate(drawn) if j == i)
            columns.append(self._column(f"reference {numbers}", clip["frames"][i]))
        moment = f"in training, epoch {epoch}" if self._is_train else "in testing"
        heading = f"{self._cfg.MODEL.EVALUATOR.METHOD or 'model'}: what it is fed {moment}"
        rows = [columns[i : i + _COLUMNS] for i in range(0, len(columns), _COLUMNS)]
        pictures = [draw_columns(row, heading=heading) for row in rows]
        if self._answers is not None:
            width = max(picture.shape[1] for picture in pictures)
            pictures += self._regions(self.records[position], width)
        return stacked(pictures)

    def _clip(self, position: int, epoch: int) -> tuple[dict, int]:
        """The clip with the frame as a target, and the frame's index in it."""
        if self._is_train:
            return self._clips[epoch, position], 0
        video = int(self._index.video_of[position])
        return self._clips[video], position - int(self._index.videos[video, 0])

    def _image(self, frame: Mapping) -> np.ndarray:
        image = frame["image"].numpy().transpose(1, 2, 0)
        return image if self._cfg.INPUT.FORMAT == "RGB" else image[..., ::-1]

    def _column(self, title: str, frame: Mapping) -> Column:
        truth, image = frame["ground_truth"], self._image(frame)
        graph = drawn_graph(truth, self._metadata, threshold=0, max_pairs=0)
        text = f"{title}\n{frame['image_id']}, {image.shape[1]} x {image.shape[0]} pixels"
        return Column(text, image, *graph, truth.size)

    def _answered(self, frame: Mapping) -> Column:
        graph = answered_graph(self._answers.of[frame["image_id"]], frame["priors"].boxes)
        drawn = drawn_graph(graph, self._metadata, threshold=0, max_pairs=0)
        title = f"the VLM's answer about the target\npairs: {len(graph)}"
        if frame["image_id"] in self._answers.withheld:
            title = "the VLM's answer about the target\nwithheld (MODEL.PRIORS.WITHHOLD)"
        return Column(title, self._image(frame), *drawn, graph.size)

    def _regions(self, record: Mapping, width: int) -> list[np.ndarray]:
        """What CLIP is shown, in one picture: each region of the frame as it is on disk, never augmented."""
        pairs = self._answers.of[record["image_id"]]
        boxes, rows = pairs.regions()
        if not len(boxes):
            return []
        captions = [_caption(pairs, rows, i, self._metadata) for i in range(len(boxes))]
        pictures = region_prompt(self._cfg)(read_frame(record, "RGB"), boxes)
        heading = "region prompts: what CLIP is shown of the target, from the frame on disk"
        return [draw_strip(pictures, captions, heading=heading, width=width)]


class AnsweredPairs:
    """Reads the pairs that the VLM named of frames; in place of a reader of priors it gives priors without embeddings.

    Args:
        cfg: says whose answers.
        dataset_names: of the records. A video is in one of them only.

    Attributes:
        of: the pairs of each frame that was read, by image id.
        withheld: ids of the frames whose answer the mapper withholds (``MODEL.PRIORS.WITHHOLD``).

    Raises:
        CacheError: there are no answers.
    """

    def __init__(self, cfg: CfgNode, dataset_names: Sequence[str]):
        self._caches = [AnswerCache(cache_folder(cfg, name)) for name in dataset_names]
        self._cache_of = {video: cache for cache in self._caches for video in cache.videos()}
        self._task = cfg.MODEL.TASK
        self._vocabulary = Vocabulary.of(MetadataCatalog.get(dataset_names[0]))
        self.of: dict[str, FramePairs] = {}
        self.withheld: set[str] = set()

    def __call__(self, record: Mapping, *, answered: bool = True) -> FramePriors:
        """The priors of one frame, as :class:`PriorsReader`. Raises CacheError if the video has no answers."""
        video, image_id = record["video_id"], record["image_id"]
        cache, answers = self._cache_of.get(video, self._caches[0]), FrameAnswers()
        if answered:
            answers = cache.frames(video).get(image_id, answers)
        (self.withheld.discard if answered else self.withheld.add)(image_id)
        pairs = frame_pairs(self._task, record, answers, self._vocabulary)
        self.of[image_id] = pairs
        nothing = np.zeros((len(pairs.classes), 3, 0), np.float32)
        boxes = pairs.normalised_boxes(record["width"], record["height"])
        return FramePriors(nothing, nothing.any(-1), nothing, boxes, pairs.pairs)


def answered_graph(pairs: FramePairs, boxes: np.ndarray) -> FrameGroundTruth:
    """The pairs of an answer as a graph, in which every thing is one node.

    Args:
        pairs: what the VLM named.
        boxes: (x, 2, 4) cxcywh in [0, 1] of subject and object; zeros where there is none.
    """
    corners = box_convert(torch.from_numpy(boxes), "cxcywh", "xyxy").numpy()
    things: dict[tuple, int] = {}
    rows = [
        [
            # Two things without a box are two.
            things.setdefault((int(c), *b.tolist(), None if b.any() or not c else k), len(things))
            for c, b in zip(classes, ends, strict=True)
        ]
        for k, (classes, ends) in enumerate(zip(pairs.classes, corners, strict=True))
    ]
    attention, spatial, contacting = np.split(pairs.predicates, np.cumsum(GROUP_SIZES)[:-1], axis=1)
    return FrameGroundTruth(
        boxes=np.array([key[1:5] for key in things], np.float32).reshape(-1, 4),
        classes=np.array([key[0] for key in things], np.int64),
        pairs=np.array(rows, np.int64).reshape(-1, 2),
        attention=attention,
        spatial=spatial,
        contacting=contacting,
        size=(1.0, 1.0),
    )


def _caption(pairs: FramePairs, rows: np.ndarray, region: int, metadata) -> str:
    """Whose region it is: a thing's, or that of two things."""
    pair, role = np.argwhere(rows == region)[0]
    names = [metadata.thing_classes[c] for c in pairs.classes[pair]]
    return names[role] if role < 2 else f"{names[0]} and {names[1]}"
