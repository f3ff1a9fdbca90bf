"""Frames of a video as PNG files, with the numbers that Action Genome's annotations use."""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import cv2
from av.video.reformatter import VideoReformatter

from vost_sgg.data.video import decoded_frames, nominal_rate, open_video, upright
from vost_sgg.errors import disk_error

# zlib level; higher levels cost several times the encoding time for a tenth of the size.
PNG_COMPRESSION = 3
# How the name of a temporary folder ends; one that a killed dump left behind may be deleted.
PARTIAL = ".partial"


@dataclass
class DumpedVideo:
    """What became of one video.

    Args:
        written: frames written.
        missing: asked-for numbers that the video has no frame for: it is shorter than that.
        damaged: packets or frames that did not decode cleanly; what did not decode at all is
            replaced by a neighbouring frame.
    """

    written: int
    missing: list[int]
    damaged: int


class ConstantRateNumbers:
    """Numbers frames by time as ``ffmpeg -i VIDEO %06d.png`` does, which Action Genome used.

    Images have no time, so ffmpeg writes them at a constant rate, the stream's nominal one, and
    repeats or drops frames to keep step ("vsync cfr"; "vscfr" for a file of one stream, whose late
    start is not filled). At a constant rate a frame's number is round(time * rate) + 1. With gaps
    and bursts it is that only within about two frames: a frame also fills its own duration, and
    early frames are still written until the output is more than 2.1 frames ahead. This class
    follows the rule of ffmpeg 2.8 (Action Genome's) to 5.1, step by step.

    Args:
        fill_start: True repeats the first frame back to time 0 (cfr), False does not (vscfr).
    """

    def __init__(self, *, fill_start: bool):
        self._fill_start = fill_start
        self._next = 0
        self._written = 0
        self._recent = [0, 0, 0]

    def place(self, time: float, duration: float) -> tuple[int, int]:
        """The next frame, at ``time`` for ``duration``, both in periods of the rate.

        Returns:
            How often the previous frame is written again, and then how often this one.
        """
        ahead = time - self._next
        end = ahead + duration
        if ahead < 0 < end:
            ahead = 0.0
        if not self._fill_start and self._written == 0 and ahead >= 0.5:
            self._next, ahead, end = round(time), 0.0, duration
        total, previous = 1, 0
        if end < -1.1:
            total = 0
        elif end > 1.1:
            total = round(end)
            previous = min(round(ahead - 0.6), total) if ahead > 1.1 else 0
        self._recent = [previous, *self._recent[:2]]
        self._next += total
        self._written += total
        return previous, total - previous

    def flush(self) -> int:
        """How often the last frame is written again: the median of the last three repetitions."""
        return sorted(self._recent)[1]


def dump_video(video: str, numbers: Sequence[int] | None, folder: str) -> DumpedVideo:
    """Writes frames of ``video`` as ``folder/%06d.png``, numbered from 1 (ConstantRateNumbers).

    Times count from the start of the file, with edit lists applied, and the display matrix
    (rotation, mirror) is applied, as current ffmpeg does. A pixel aspect ratio is not applied.

    Frames are written to a temporary folder beside ``folder``, which then gets its name: an
    interrupted dump leaves no partial folder. If ``folder`` exists, its files of the same number
    are replaced, and the others stay.

    Args:
        video: path of a file that FFmpeg reads.
        numbers: frame numbers, from 1; None writes every frame.
        folder: where to; its parent is made.

    Raises:
        FileNotFoundError: there is no such video.
        ValueError: no frame of the video decodes, or a number is below 1.
        OSError: the disk is full; ``folder`` is as it was, or has some of the frames if it was there.
    """
    wanted = None if numbers is None else set(numbers)
    if wanted and min(wanted) < 1:
        raise ValueError(f"{video}: frame numbers count from 1, got {min(wanted)}")
    folder = os.path.abspath(folder)
    partial = os.path.join(
        os.path.dirname(folder), f".{os.path.basename(folder)}.{os.getpid()}{PARTIAL}"
    )
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(partial)
    try:
        dumped = _write_frames(video, wanted, partial)
        _move(partial, folder)
    except OSError as error:
        full = disk_error(error)
        if full is None:
            raise
        raise OSError(full.errno, full.strerror, folder) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return dumped


def _write_frames(video: str, wanted: set[int] | None, folder: str) -> DumpedVideo:
    dumped = DumpedVideo(written=0, missing=[], damaged=0)
    reformatter = VideoReformatter()  # one a video: it keeps its conversion from frame to frame
    left = None if wanted is None else set(wanted)
    for numbers, frame in _numbered_frames(video, dumped):
        hits = numbers if left is None else left.intersection(numbers)
        if hits:
            png = _encode(reformatter.reformat(frame, format="bgr24"))
            for number in hits:
                with open(os.path.join(folder, f"{number:06d}.png"), "wb") as f:
                    f.write(png)
            dumped.written += len(hits)
        if left is not None:
            left.difference_update(hits)
            if not left:
                return dumped
    dumped.missing = sorted(left or ())
    return dumped


def _numbered_frames(video: str, dumped: DumpedVideo) -> Iterator[tuple[range, av.VideoFrame]]:
    """Each decoded frame with the numbers it is written under; damage is counted in ``dumped``."""
    container, stream = open_video(video)
    with container:
        rate = nominal_rate(stream)
        # With audio beside it ffmpeg fills a late start of the video, alone it does not.
        place = ConstantRateNumbers(fill_start=len(container.streams) > 1)
        start = (container.start_time or 0) / av.time_base
        # Where decoding order is not display order, ffmpeg up to 5.1 takes one period a frame.
        reordered = stream.codec_context.has_b_frames
        number, frame = 1, None
        for following in decoded_frames(container, stream, dumped):
            ticks = float(stream.time_base * rate)
            time = _off_midpoint(following.pts * ticks - start * float(rate))
            duration = 0 if reordered else round((following.duration or 0) * ticks)
            previous, this = place.place(time, duration or 1)
            if previous:
                yield range(number, number + previous), frame or following
            if this:
                yield range(number + previous, number + previous + this), following
            number += previous + this
            frame = following
        if frame is None:
            raise ValueError(f"no frame of {video} decodes: broken file?")
        yield range(number, number + place.flush()), frame


def _off_midpoint(time: float) -> float:
    """A time moved off the midpoint between two numbers: 2^-17 away from zero, as ffmpeg does."""
    return time + math.copysign(2**-17, time)


def _encode(frame: av.VideoFrame) -> bytes:
    image = upright(frame.to_ndarray(), frame)
    done, png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])
    if not done:
        raise ValueError(f"frame of {frame.width}x{frame.height} cannot be written as PNG")
    return png.tobytes()


def _move(partial: str, folder: str) -> None:
    if not os.path.isdir(folder):
        os.rename(partial, folder)
        return
    for name in os.listdir(partial):
        os.replace(os.path.join(partial, name), os.path.join(folder, name))
