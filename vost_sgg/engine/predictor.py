"""Running a trained model on somebody's own video: frames in, scene graphs out, one after the other."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import MetadataCatalog
from detectron2.data import transforms as T
from detectron2.data.detection_utils import convert_PIL_to_numpy
from PIL import Image

from vost_sgg.checkpoint import DETECTOR_ARCHITECTURE
from vost_sgg.data.augmentation import build_augmentations
from vost_sgg.data.frame_sources import IMAGES_PER_SECOND, TimedFrame, open_source
from vost_sgg.data.loaders import check_datasets
from vost_sgg.data.reference_samplers import REFERENCE_SAMPLER
from vost_sgg.engine.checkpointer import SGGCheckpointer
from vost_sgg.engine.graphs import scene_graph
from vost_sgg.engine.run_identity import model_identity
from vost_sgg.engine.trainer import SGGTrainer, has_parameters
from vost_sgg.engine.video_priors import PriorsSource
from vost_sgg.modeling.inference import prepare_for_inference
from vost_sgg.scene_graph import SceneGraph
from vost_sgg.vlm.words import Vocabulary


class SceneGraphPredictor:
    """The model of a config on videos that nobody annotated (SGDET).

        for graph in SceneGraphPredictor(cfg)("my.mp4"):
            print(graph.time, graph.triplets())

    Frames pass the model ``chunk`` by ``chunk``. A model with a temporal phase gives each frame the references that the
    test loader would give it: its own sampler chooses them from the chunk and ``MODEL.REFERENCE_SAMPLER.INTERVAL``
    frames to either side of it, all that :class:`WindowReferences` can reach. So the graphs are those of the whole
    video at once, and no more than ``chunk + 2 * INTERVAL`` frames are held; a sampler that reaches further takes that
    window for the video. Neighbours are those of the frames asked for (``every``): train and test frames of Action
    Genome lie about a second apart.

    Args:
        cfg: its ``MODEL.WEIGHTS`` are loaded, on ``MODEL.DEVICE``.
        threshold: see :func:`vost_sgg.engine.graphs.scene_graph`.
        priors: where a model with priors takes them from: "cache" (what tools/extract_clip.py stored of the video),
            "vlm" (the config's VLM and CLIP are asked about each frame), "none", or "auto": the first of these that
            there is.
        chunk: frames that pass the model together, at least 1; fewer for graphs that come earlier (a camera).

    Attributes:
        vocabulary: names of the classes and predicates.

    Raises:
        ValueError, KeyError, FileNotFoundError: the model is of another task, has no weights, or they do not fit.
    """

    def __init__(
        self, cfg: CfgNode, *, threshold: float = 0.3, priors: str = "auto", chunk: int = 32
    ):
        check_runs_on_videos(cfg)
        if chunk < 1:
            raise ValueError(f"chunk is {chunk}; it is at least 1")
        name = [*cfg.DATASETS.TEST, *cfg.DATASETS.TRAIN][:1]
        check_datasets(name, "DATASETS.TEST")
        self.cfg, self.threshold, self.chunk = cfg, threshold, chunk
        self.vocabulary = Vocabulary.of(MetadataCatalog.get(name[0]))
        self.model = _load(cfg)
        self._sampler = REFERENCE_SAMPLER.build(cfg)
        sampler = cfg.MODEL.REFERENCE_SAMPLER
        self._context = 0 if sampler.NAME == "NoReferences" else sampler.INTERVAL
        self._augmentations = T.AugmentationList(build_augmentations(cfg, is_train=False))
        self._priors_source = PriorsSource(cfg, priors, name[0])
        self._priors = None

    @property
    def priors(self) -> str:
        """Where the priors of the last video came from, in words."""
        return self._priors.description

    def __call__(
        self,
        source: str | os.PathLike | Iterable[np.ndarray],
        *,
        every: int = 1,
        fps: float = IMAGES_PER_SECOND,
    ) -> Iterator[SceneGraph]:
        """The graphs of the frames in their order, while the source is being read.

        Args:
            source: path of a video or of a folder of images, or an iterable of (height, width, 3) uint8 RGB arrays.
            every: only each so-many-th frame.
            fps: of images and arrays, which have no time of their own.

        Raises:
            FileNotFoundError, ValueError: as :func:`vost_sgg.data.frame_sources.open_source`.
        """
        name = os.path.basename(source) if isinstance(source, str | os.PathLike) else ""
        frames = open_source(source, every=every, fps=fps)
        return (graph for _, graph in self.run(frames, video_id=name))

    def run(
        self, frames: Iterable[TimedFrame], *, video_id: str = ""
    ) -> Iterator[tuple[TimedFrame, SceneGraph]]:
        """As calling, with each frame beside its graph.

        Args:
            frames: such as :func:`vost_sgg.data.frame_sources.open_source` gives.
            video_id: by which stored priors are found.
        """
        self._priors = self._priors_source.of(video_id)
        frames = iter(frames)
        window: deque[tuple[TimedFrame, dict]] = deque()
        done = 0  # the frames at the window's start that are there as references only
        while chunk := list(islice(frames, self.chunk)):
            window += zip(chunk, self._mapped(chunk, video_id), strict=True)
            del chunk  # or its frames would stay until the next one is read
            ready = len(window) - self._context
            if ready > done:
                yield from self._predict(window, done, ready)
                for _ in range(ready - self._context):
                    window.popleft()
                done = min(ready, self._context)
        yield from self._predict(window, done, len(window))

    def _mapped(self, frames: list[TimedFrame], video_id: str) -> list[dict]:
        mapped = []
        for frame in frames:
            height, width = frame.image.shape[:2]
            try:
                image = self._image(frame.image)
            except ValueError as error:
                raise ValueError(
                    f"frame {frame.index} of {video_id or 'the video'}: {error}"
                ) from None
            number = frame.index + 1  # as the files of a data set's frames are numbered
            mapped.append(
                {
                    "image": image,
                    "width": width,
                    "height": height,
                    "video_id": video_id,
                    "image_id": f"{video_id}/{number:06d}.png",
                    "frame_number": number,
                }
            )
        for record, priors in zip(mapped, self._priors(frames, mapped), strict=True):
            if priors is not None:
                record["priors"] = priors
        return mapped

    def _image(self, image: np.ndarray) -> torch.Tensor:
        image = convert_PIL_to_numpy(Image.fromarray(image), self.cfg.INPUT.FORMAT)
        image = self._augmentations(T.AugInput(image)).apply_image(image)
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))

    def _predict(self, window, start: int, stop: int):
        if start == stop:
            return
        references = {t: self._sampler.select(t, len(window)) for t in range(start, stop)}
        clip = {"frames": [mapped for _, mapped in window], "references": references}
        with torch.inference_mode():
            predictions = self.model([clip])[0]
        for (frame, _), prediction in zip(islice(window, start, stop), predictions, strict=True):
            yield frame, scene_graph(prediction.numpy(), frame, self.vocabulary, self.threshold)


def check_runs_on_videos(cfg: CfgNode) -> None:
    """Raises ValueError, KeyError if the config's model needs more than a video, or has no weights to run with."""
    if not has_parameters(cfg):
        raise ValueError(
            f"MODEL.META_ARCHITECTURE {cfg.MODEL.META_ARCHITECTURE} reads stored answers about a data set, no video: "
            "use an SGDET config of a trained model, such as configs/oed_sgdet.yaml"
        )
    if cfg.MODEL.META_ARCHITECTURE != DETECTOR_ARCHITECTURE and cfg.MODEL.TASK != "sgdet":
        raise ValueError(
            f"MODEL.TASK is {cfg.MODEL.TASK}, which is given annotated boxes: it cannot run on a bare video. Use a "
            "model of SGDET: configs/oed_sgdet.yaml, dsqi_sgdet.yaml or vost_sgdet.yaml, or one of configs/sample/"
        )
    if not cfg.MODEL.WEIGHTS:
        raise ValueError(
            "MODEL.WEIGHTS is empty: name a trained checkpoint, such as "
            f"MODEL.WEIGHTS {os.path.join(cfg.OUTPUT_DIR, 'temporal', 'model_final.pth')}"
        )


def _load(cfg: CfgNode) -> torch.nn.Module:
    model = SGGTrainer.build_model(cfg)
    SGGCheckpointer(model, meta=model_identity(cfg), strict=True).load(cfg.MODEL.WEIGHTS)
    prepare_for_inference(model, compiled=cfg.TEST.COMPILE)
    return model
