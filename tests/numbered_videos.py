"""Videos whose pictures show their own index, so that a test can read which frame a file holds."""

from collections.abc import Sequence
from fractions import Fraction

import av
import cv2
import numpy as np

BITS = 8
# Ticks of a second in written times.
TICKS = 600


def picture(index: int, width: int, height: int) -> np.ndarray:
    """RGB: the upper half has a white block for each 1 of the index (lowest bit left), the lower half is red | blue."""
    image = np.zeros((height, width, 3), np.uint8)
    for bit in range(BITS):
        if index >> bit & 1:
            image[: height // 2, bit * width // BITS : (bit + 1) * width // BITS] = 255
    image[height // 2 :, : width // 2] = (220, 30, 30)
    image[height // 2 :, width // 2 :] = (30, 30, 220)
    return image


def read_index(image: np.ndarray) -> int:
    """The index that an upright picture shows."""
    height, width = image.shape[:2]
    centres = [int((bit + 0.5) * width / BITS) for bit in range(BITS)]
    return sum(1 << bit for bit, x in enumerate(centres) if image[height // 4, x].mean() > 128)


def read_rgb(path) -> np.ndarray:
    image = cv2.imread(str(path))
    assert image is not None, f"{path} is no image"
    return image[..., ::-1]


def write_video(
    path,
    times: Sequence[float],
    *,
    size: tuple[int, int] = (192, 96),
    rate: int = 30,
    rotation: int | None = None,
    audio: bool = False,
    options: dict | None = None,
    pixels: str = "yuv420p",
) -> None:
    """Writes one picture for each time in seconds, the i-th showing i; ``rotation`` is the display matrix's."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, TICKS)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        silence = container.add_stream("aac", rate=16000) if audio else None
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index, *size), format="rgb24")
            frame.pts, frame.time_base = round(time * TICKS), Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if silence:
            _write_silence(container, silence)


def blank_frames(path) -> None:
    """Overwrites the coded frames of an mp4 file with zeros, and leaves its headers."""
    content = path.read_bytes()
    start, stop = content.index(b"mdat") + 4, content.index(b"moov") - 4
    path.write_bytes(content[:start] + bytes(stop - start) + content[stop:])


def _write_silence(container, stream) -> None:
    for block in range(4):
        samples = np.zeros((1, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 16000, block * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
