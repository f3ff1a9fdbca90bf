"""One video of the sample data set, by its index: its name, its split, its records, its pictures."""

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np

from vost_sgg.data.sample.annotate import VideoRecords, annotate, draw_keyframes
from vost_sgg.data.sample.layout import draw_layout
from vost_sgg.data.sample.play import Play
from vost_sgg.data.sample.scene import Scene
from vost_sgg.data.sample.scripts import FRAMES

FPS = 10
_LETTERS = np.array(list("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
_PORTRAIT = 0.45  # share of portrait videos; 47 % in AG


@dataclass(frozen=True)
class SampleVideo:
    """One video: it depends on (seed, index) and on nothing else, whoever generates it and when.

    Every fifth video is a test video, as 180 of 900.
    """

    seed: int
    index: int

    @property
    def split(self) -> str:
        return "test" if self.index % 5 == 4 else "train"

    @property
    def name(self) -> str:
        """Five characters and ".mp4", as Charades names its videos; unique, since it holds the index in base 36."""
        digits = [self.index // 36 % 36, self.index % 36]
        drawn = np.random.default_rng([self.seed, self.index]).integers(0, 36, 3)
        return "".join(_LETTERS[[drawn[0], digits[0], drawn[1], digits[1], drawn[2]]]) + ".mp4"

    def _streams(self) -> list[np.random.Generator]:
        """Independent streams for the layout, the play, the keyframes, the annotation and the look."""
        return [
            np.random.default_rng(s)
            for s in np.random.SeedSequence([self.seed, self.index]).spawn(5)
        ]

    def play(self) -> Play:
        """The scene behind the pictures, which the files on disk do not tell."""
        layout_rng, play_rng = self._streams()[:2]
        nth = self.index // 5 if self.split == "test" else self.index - self.index // 5
        portrait = layout_rng.random() < _PORTRAIT
        return Play(draw_layout(layout_rng, nth, portrait), play_rng)

    def keyframes(self) -> list[int]:
        """The annotated frames, numbered from 0."""
        return draw_keyframes(self._streams()[2])

    def records(self) -> VideoRecords:
        """Action Genome's records of the keyframes. Draws no picture: takes milliseconds."""
        return annotate(self.play(), self.name, self.split, self.keyframes(), self._streams()[3])

    def pictures(self) -> Iterator[np.ndarray]:
        """Every frame, (h, w, 3) uint8 RGB."""
        play = self.play()
        scene = Scene(play.layout, self._streams()[4])
        for frame in range(FRAMES):
            yield scene.frame(play.state(frame), play.layout.pan[frame])

    def encode(self, path: str) -> None:
        """Writes the video as H.264 in an mp4 file."""
        with av.open(path, "w", format="mp4") as container:
            stream = container.add_stream(
                "libx264", rate=FPS, options={"crf": "26", "preset": "superfast"}
            )
            stream.width, stream.height = self.play().layout.size
            stream.pix_fmt, stream.thread_count = "yuv420p", 1
            for picture in self.pictures():
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
