"""Frames to run a model on, one by one: a video, a camera, a folder of images, or arrays."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from detectron2.data.detection_utils import read_image
from PIL import Image, ImageOps

from vost_sgg.data.video import decoded_frames, open_video, upright

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# Their formats. What has such a name and is of another one, Pillow may hand to another program.
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
# What a file's name leaves open: images and arrays have no time of their own.
IMAGES_PER_SECOND = 1.0
# Seconds.
_TICK = 0.001
# FFmpeg's input format and name of the first camera.
_CAMERAS = {"linux": ("v4l2", "/dev/video0"), "darwin": ("avfoundation", "0")}


@dataclass(frozen=True)
class TimedFrame:
    """One frame.

    Args:
        image: (height, width, 3) uint8 RGB, upright.
        index: number of the frame in its source, from 0.
        time: seconds from the start at which it is shown.
        duration: seconds until the next frame that was asked for, or the source's end.
    """

    image: np.ndarray
    index: int
    time: float
    duration: float


class VideoFrames:
    """The frames of a video file or a camera, decoded while they are asked for; once.

    The display matrix (rotation, mirror) is applied, a pixel aspect ratio is not. Times are the file's own, also at a
    variable rate. What does not decode, such as a cut-off end, is left out.

    Args:
        path: of a file that FFmpeg reads, or a device.
        every: only frames 0, every, 2 * every, ...
        device_format: as :func:`vost_sgg.data.video.open_video`.

    Attributes:
        fps: frames a second, as the file says.
        total: how many frames there will be; None if the file does not say.
        damaged: packets and frames so far that did not decode cleanly.

    Raises:
        FileNotFoundError, ValueError: as :func:`vost_sgg.data.video.open_video`.
    """

    def __init__(self, path: str, *, every: int = 1, device_format: str | None = None):
        self.path, self.every, self.damaged = path, every, 0
        self._container, self._stream = open_video(path, device_format=device_format)
        self.fps = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        self.total = -(-self._stream.frames // every) or None

    def __iter__(self) -> Iterator[TimedFrame]:
        """Raises ValueError if no frame decodes."""
        held, end, last = None, 0.0, -_TICK
        with self._container:
            reformatter = VideoReformatter()  # it keeps its conversion from frame to frame
            for index, frame in enumerate(decoded_frames(self._container, self._stream, self)):
                # Each frame has a time of its own, also where a broken file gives two the same.
                time = max(self._time(frame), last + _TICK)
                last = time
                end = time + self._duration(frame)
                if index % self.every:
                    continue
                image = upright(reformatter.reformat(frame, format="rgb24").to_ndarray(), frame)
                if held is not None:
                    yield replace(held, duration=time - held.time)
                held = TimedFrame(image, index, time, 0.0)
        if held is None:
            raise ValueError(f"no frame of {self.path} decodes: broken file?")
        yield replace(held, duration=end - held.time)

    def _time(self, frame: av.VideoFrame) -> float:
        start = (self._container.start_time or 0) / av.time_base
        return max(0.0, float(frame.pts * self._stream.time_base) - start)

    def _duration(self, frame: av.VideoFrame) -> float:
        ticks = frame.duration or 0
        return float(ticks * self._stream.time_base) if ticks > 0 else 1 / self.fps


class ImageFrames:
    """Image files as the frames of a video of ``fps`` frames a second.

    Args:
        files: their paths, in the order shown.
        every, fps: only each ``every``-th file is read.

    Raises:
        ValueError: there is none, or, while iterating, one cannot be read.
    """

    damaged = 0

    def __init__(self, files: Sequence[str], *, every: int = 1, fps: float = IMAGES_PER_SECOND):
        if not files:
            raise ValueError("there are no images")
        self.files, self.every, self.fps = list(files), every, fps
        self.total = -(-len(self.files) // every)

    @classmethod
    def of_folder(cls, folder: str, **arguments) -> "ImageFrames":
        """The images right in a folder, frame_2 before frame_10. Raises ValueError if there is none."""
        names = [n for n in os.listdir(folder) if n.lower().endswith(IMAGE_SUFFIXES)]
        if not names:
            raise ValueError(
                f"{folder} has no images in it ({', '.join(IMAGE_SUFFIXES)}); subfolders are not read"
            )
        return cls([os.path.join(folder, n) for n in sorted(names, key=_natural)], **arguments)

    def __iter__(self) -> Iterator[TimedFrame]:
        for index in range(0, len(self.files), self.every):
            shown = min(self.every, len(self.files) - index)
            image = _read(self.files[index])
            yield TimedFrame(image, index, index / self.fps, shown / self.fps)


class ArrayFrames:
    """Arrays (height, width, 3) uint8 RGB as the frames of a video of ``fps`` frames a second.

    Raises:
        ValueError: while iterating, an array is something else.
    """

    total, damaged = None, 0

    def __init__(
        self, arrays: Iterable[np.ndarray], *, every: int = 1, fps: float = IMAGES_PER_SECOND
    ):
        self.arrays, self.every, self.fps = arrays, every, fps

    def __iter__(self) -> Iterator[TimedFrame]:
        for index, array in enumerate(self.arrays):
            if index % self.every:
                continue
            array = np.asarray(array)
            if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
                raise ValueError(
                    f"frame {index} is {array.dtype} of shape {array.shape}; a frame is (height, width, 3) uint8, RGB"
                )
            yield TimedFrame(array, index, index / self.fps, self.every / self.fps)


def open_source(
    source: str | os.PathLike | Iterable[np.ndarray],
    *,
    every: int = 1,
    fps: float = IMAGES_PER_SECOND,
) -> VideoFrames | ImageFrames | ArrayFrames:
    """The frames of a video's path, a folder of images, or an iterable of arrays.

    Args:
        source: which.
        every: only each so-many-th frame, from the first.
        fps: of images and arrays; a video has its own times.

    Raises:
        FileNotFoundError, ValueError: it cannot be opened, or ``every`` is below 1.
    """
    if every < 1:
        raise ValueError(f"every {every}-th frame: every is at least 1")
    if not isinstance(source, str | os.PathLike):
        return ArrayFrames(source, every=every, fps=fps)
    path = os.fspath(source)
    if os.path.isdir(path):
        return ImageFrames.of_folder(path, every=every, fps=fps)
    return VideoFrames(path, every=every)


def open_camera(*, every: int = 1) -> VideoFrames:
    """The frames of this machine's first camera, without end.

    Raises:
        FileNotFoundError, ValueError: there is none, or none is known how to be opened on this system.
    """
    if sys.platform not in _CAMERAS:
        raise ValueError(f"no camera can be opened on {sys.platform}: record a video and use that")
    device_format, device = _CAMERAS[sys.platform]
    try:
        return VideoFrames(device, every=every, device_format=device_format)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no camera {device}") from None


def of_one_size(frames: Iterable[TimedFrame]) -> Iterator[TimedFrame]:
    """The frames, those of another size than the first enlarged or reduced to fit into it, with black edges."""
    size = None
    for frame in frames:
        found = frame.image.shape[1], frame.image.shape[0]
        size = size or found
        if found != size:
            fitted = ImageOps.pad(Image.fromarray(frame.image), size, Image.Resampling.BILINEAR)
            frame = replace(frame, image=np.asarray(fitted))
        yield frame


def _natural(name: str) -> list:
    return [(int(p), "") if p.isdigit() else (0, p) for p in re.split(r"(\d+)", name)]


def _read(file: str) -> np.ndarray:
    try:
        with Image.open(file, formats=_FORMATS):
            return read_image(file, "RGB")
    except FileNotFoundError:
        raise FileNotFoundError(f"no image {file}") from None
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError ... on broken files
        raise ValueError(f"{file} is not a readable image: {error}") from None
