"""Decoding videos: the frames in the order shown, upright; what does not decode is counted."""

from collections.abc import Iterator

import av
import numpy as np


def open_video(path: str, *, device_format: str | None = None):
    """The container of a video and its first video stream; the caller closes the container.

    Args:
        path: of a file that FFmpeg reads, or the name of a device.
        device_format: FFmpeg's input format of a device, such as "v4l2"; None: a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no video, or there is no decoder for it.
    """
    try:
        container = av.open(path, format=device_format)
    except av.error.FileNotFoundError:
        raise FileNotFoundError(f"no video {path}") from None
    except (av.error.FFmpegError, OSError) as error:
        raise ValueError(f"{path} is not a readable video: {error.strerror}") from None
    if not container.streams.video:
        container.close()
        raise ValueError(f"{path} has no video stream")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        container.close()
        raise ValueError(
            f"{path}: FFmpeg has no decoder for its video stream; convert it, for instance to H.264"
        )
    return container, stream


def nominal_rate(stream):
    """Frames a second, a fraction, by which ffmpeg numbers a stream's frames as images."""
    return stream.guessed_rate or stream.average_rate or 25


def decoded_frames(container, stream, count) -> Iterator[av.VideoFrame]:
    """Decoded frames in the order shown; what does not decode is passed over.

    Args:
        container, stream: of :func:`open_video`.
        count: its attribute ``damaged`` is counted up by packets and frames that do not decode cleanly.
    """
    packets = container.demux(stream)
    while True:
        try:
            frames = next(packets).decode()
        except StopIteration:
            return
        except av.error.FFmpegError:
            count.damaged += 1
            continue
        for frame in frames:
            count.damaged += frame.is_corrupt or frame.pts is None
            if frame.pts is not None:
                yield frame


def upright(image: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    """Applies a frame's display matrix, x' = a x + c y, y' = b x + d y, to the nearest quarter turn.

    Args:
        image: (height, width, 3), the pixels of ``frame``.
        frame: which has the matrix, if there is one.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if abs(b) > abs(a):
        image, a, d = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
