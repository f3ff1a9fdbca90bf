"""Writing a video whose frames keep their times."""

from fractions import Fraction

import av
import numpy as np

# Ticks of a second.
_TICKS = 90_000
_UNKNOWN = "FFmpeg was built without the encoder {}: install PyAV's own wheel (pip install av)"


class VideoWriter:
    """An mp4 file that browsers play: H.264, or VP9 where a side is odd, which H.264 cannot have at this sampling.

    Use it as a context manager.

    Args:
        path: of the file; it ends in .mp4.
        size: (width, height) in pixels.
        fps: frames a second, for the encoder's bit rate; each frame comes with its own time.

    Raises:
        ValueError: there is no such encoder, or, while writing, it refuses frames of this size.
    """

    def __init__(self, path: str, *, size: tuple[int, int], fps: float):
        odd = size[0] % 2 or size[1] % 2
        codec = "libvpx-vp9" if odd else "libx264"
        # Without B-frames: mp4 would take the durations of reordered frames from their decoding times.
        options = {"crf": "20", "preset": "veryfast", "bf": "0"}
        if odd:
            options = {"crf": "31", "b": "0", "deadline": "realtime", "cpu-used": "6"}
        self._container = av.open(path, "w", format="mp4", options={"movflags": "faststart"})
        try:
            rate = Fraction(max(fps, 0.01)).limit_denominator(1001)
            self._stream = self._container.add_stream(codec, rate=rate, options=options)
        except av.codec.codec.UnknownCodecError:
            self._container.close()
            raise ValueError(_UNKNOWN.format(codec)) from None
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._last, self._durations = -1, {}
        self._refusal = f"the encoder {codec} refuses a video of {size[0]}x{size[1]} pixels"

    def write(self, image: np.ndarray, time: float, duration: float) -> None:
        """Appends a frame.

        Args:
            image: (height, width, 3) uint8 RGB.
            time, duration: in seconds; a time that is not later than the frame's before is a tick later.
        """
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        self._last = max(round(time * _TICKS), self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        self._durations[self._last] = max(1, round(duration * _TICKS))
        self._encode(frame)

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                self._encode(None)
        finally:
            self._container.close()

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            packets = self._stream.encode(frame)
        except av.error.FFmpegError as error:
            raise ValueError(f"{self._refusal}: {error}") from error
        for packet in packets:
            # The muxer would give the last frame the duration of the one before.
            ticks = Fraction(self._durations.pop(packet.pts, 0), _TICKS)
            packet.duration = round(ticks / packet.time_base)
            self._container.mux(packet)
