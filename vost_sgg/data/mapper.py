"""From records of the data set to what the model is fed: images read, augmented and made tensors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import detectron2.data.transforms as T
import numpy as np
import torch
from detectron2.config import CfgNode, configurable
from detectron2.data.detection_utils import read_image
from detectron2.utils.file_io import PathManager
from PIL import Image

from vost_sgg.data.augmentation import build_augmentations, derived_seed, numpy_seeded
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.structures import FrameGroundTruth, FramePriors

# Whatever a file is called: Pillow hands some formats to another program, PostScript to Ghostscript.
FRAME_FORMATS = ("PNG", "JPEG")
ANNOTATION_FIELDS = ("annotations", "pairs", "attention", "spatial", "contacting")


class FrameError(RuntimeError):
    """A frame's file is missing, unreadable, empty or of another size than its annotations."""


class ClipMapper:
    """Turns the records of a clip into the model's input.

    A frame that cannot be read stops the job with one error: a training run that went on without it would silently be
    another one than its config says.

    Args:
        is_train: whether the ground truth is transformed together with the image; when testing it stays in pixels of
            the original image.
        augmentations: applied in turn; one draw, and the first frame's output size, hold for the whole clip (as OED).
        image_format: colour order of the images, as ``detectron2.data.detection_utils.read_image``.
        seed: with the epoch and the first frame's id, the seed of the augmentations.
        read_priors: gives the priors of a record, in which the boxes are numpy; None: frames have none. Called with
            ``answered=False`` it gives what is left where the VLM failed on the frame.
        withhold: probability that a training frame's priors are read so, drawn anew each epoch.

    Raises:
        ValueError: ``withhold`` is no probability.
    """

    @configurable
    def __init__(
        self,
        *,
        is_train: bool,
        augmentations: Sequence[T.Augmentation],
        image_format: str,
        seed: int,
        read_priors: Callable[..., FramePriors] | None = None,
        withhold: float = 0.0,
    ):
        if not 0 <= withhold <= 1:
            raise ValueError(f"MODEL.PRIORS.WITHHOLD is {withhold}; it is a probability, 0 to 1")
        self.is_train = is_train
        self.augmentations = T.AugmentationList(augmentations)
        self.image_format = image_format
        self.seed = seed
        self.read_priors = read_priors
        self.withhold = withhold

    @classmethod
    def from_config(cls, cfg: CfgNode, *, is_train: bool, read_priors=None):
        return {
            "read_priors": read_priors,
            "withhold": cfg.MODEL.PRIORS.WITHHOLD,
            "is_train": is_train,
            "augmentations": build_augmentations(cfg, is_train),
            "image_format": cfg.INPUT.FORMAT,
            "seed": cfg.SEED,
        }

    def __call__(
        self, records: Sequence[Mapping], references: Mapping[int, list[int]], *, epoch: int = 0
    ) -> dict:
        """
        Args:
            records: dataset dicts of the clip's frames.
            references: for each target, an index into ``records``, the indices of its reference frames.
            epoch: counts from 0; another epoch draws other augmentations.

        Returns:
            {"frames": a dict a record, "references": as given}. A frame's dict is its record without the annotation
            fields, with "image", a uint8 tensor (3, h, w), and "ground_truth", a FrameGroundTruth of numpy arrays; with
            a reader of priors also "priors", a FramePriors of numpy arrays, whose boxes belong to "image".

        Raises:
            FrameError: a file is missing, cannot be decoded, has no pixels, or another size than its record says.
        """
        images = [read_frame(record, self.image_format) for record in records]
        transforms = self._draw_transforms(images[0], epoch, records[0]["image_id"])
        frames = []
        for record, image in zip(records, images, strict=True):
            to_first = []
            if image.shape != images[0].shape:
                to_first = [T.ResizeTransform(*image.shape[:2], *images[0].shape[:2])]
            transforms_of_frame = T.TransformList(to_first) + transforms
            frames.append(self._map_frame(record, image, transforms_of_frame, epoch))
        return {"frames": frames, "references": dict(references)}

    def _draw_transforms(self, image: np.ndarray, epoch: int, image_id: str) -> T.TransformList:
        with numpy_seeded(derived_seed("augmentation", self.seed, epoch, image_id)):
            return self.augmentations(T.AugInput(image))

    def _map_frame(
        self, record: Mapping, image: np.ndarray, transforms: T.TransformList, epoch: int
    ) -> dict:
        image = transforms.apply_image(image)
        ground_truth = frame_ground_truth(record)
        if self.is_train:
            ground_truth = _transform_ground_truth(ground_truth, transforms, image.shape[:2])
        frame = {key: value for key, value in record.items() if key not in ANNOTATION_FIELDS}
        frame["image"] = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        frame["ground_truth"] = ground_truth
        if self.read_priors is not None:
            priors = self.read_priors(record, answered=not self._withheld(record, epoch))
            size = record["width"], record["height"]
            frame["priors"] = (
                _transform_priors(priors, transforms, size, image.shape[:2])
                if self.is_train
                else priors
            )
        return frame

    def _withheld(self, record: Mapping, epoch: int) -> bool:
        """So that a model works where the VLM fails, it must meet such frames; a VLM fails on few of them."""
        if not self.is_train or not self.withhold:
            return False
        draw = derived_seed("withheld answer", self.seed, epoch, record["image_id"])
        return draw < self.withhold * 2**64


def read_frame(record: Mapping, image_format: str) -> np.ndarray:
    """The image of a record, (height, width, 3) uint8. Raises FrameError as :class:`ClipMapper` does."""
    file_name = record["file_name"]
    remedy = "tools/prepare_action_genome.py --verify lists all such frames and says what to do"
    try:
        # What the header declares: a small file may ask for gigabytes of pixels, and is not decoded to find out.
        width, height = _declared_size(file_name)
        if width * height == record["width"] * record["height"]:
            image = read_image(file_name, image_format)
            height, width = image.shape[:2]
    except FileNotFoundError:
        raise FrameError(f"frame {file_name} is missing; {remedy}") from None
    except (
        Exception
    ) as error:  # Pillow raises OSError, SyntaxError, ValueError, zlib.error ... on broken files
        raise FrameError(f"frame {file_name} cannot be read ({error}); {remedy}") from error
    if not width * height:
        raise FrameError(f"frame {file_name} has no pixels ({width}x{height}); {remedy}")
    if (width, height) != (record["width"], record["height"]):
        raise FrameError(
            f"frame {file_name} is {width}x{height} pixels, its annotations are for "
            f"{record['width']}x{record['height']}; {remedy}"
        )
    return image


def _declared_size(file_name: str) -> tuple[int, int]:
    """Width and height in the file's header; a turn that EXIF asks for is not applied."""
    with (
        PathManager.open(file_name, "rb") as file,
        Image.open(file, formats=FRAME_FORMATS) as image,
    ):
        return image.size


def _transform_ground_truth(
    ground_truth: FrameGroundTruth, transforms: T.TransformList, image_size: tuple[int, int]
) -> FrameGroundTruth:
    """Only boxes change: "in front of" and the like are of the person's view, no predicate has a left or right."""
    height, width = image_size
    boxes = transforms.apply_box(ground_truth.boxes).clip(0, (width, height, width, height))
    return replace(ground_truth, boxes=boxes.astype(np.float32), size=(width, height))


def _transform_priors(
    priors: FramePriors,
    transforms: T.TransformList,
    original_size: tuple[int, int],
    image_size: tuple[int, int],
) -> FramePriors:
    """Boxes as those of the ground truth. No word has a left or right, and regions stay as they were embedded: there is
    one embedding of each, of the frame as it is on disk.
    """
    height, width = image_size
    centre, extent = priors.boxes[..., :2] * original_size, priors.boxes[..., 2:] * original_size
    corners = np.concatenate([centre - extent / 2, centre + extent / 2], axis=-1)
    corners = transforms.apply_box(corners.reshape(-1, 4)).clip(0, (width, height, width, height))
    first, last = np.split(
        corners.reshape(priors.boxes.shape) / (width, height, width, height), 2, axis=-1
    )
    boxes = np.concatenate([(first + last) / 2, last - first], axis=-1)
    boxes *= priors.boxes[..., 2:3] > 0  # a box that is not there is still not there
    return replace(priors, boxes=boxes.astype(np.float32))
