from dataclasses import replace

import numpy as np
import pytest

from vost_sgg.data.sample.scene import Scene
from vost_sgg.data.sample.scripts import FRAMES
from vost_sgg.data.sample.video import SampleVideo


@pytest.fixture(scope="module")
def videos():
    return [SampleVideo(0, index) for index in range(12)]


def test_pictures(videos):
    sizes = set()
    for video in videos[:6]:
        width, height = video.play().layout.size
        pictures = list(video.pictures())
        assert len(pictures) == FRAMES
        assert all(p.shape == (height, width, 3) and p.dtype == np.uint8 for p in pictures)
        assert min(p.std() for p in pictures) > 10
        sizes.add((width, height))
    assert sizes == {(224, 160), (160, 224)}


def test_a_fifth_of_the_entries_is_blurred_in_one_keyframe_and_most_of_them_clear_in_the_next():
    blurred, clear_next = [], []
    for video in (SampleVideo(0, i) for i in range(100)):
        play = video.play()
        states = [play.state(frame) for frame in video.keyframes()]
        for now, following in zip(states, states[1:], strict=False):
            for i, thing in enumerate(now.things):
                if thing.prop.role:
                    blurred.append(thing.blurred)
                    clear_next += [not following.things[i].blurred] * thing.blurred
    assert np.mean(blurred) == pytest.approx(0.2, abs=0.03)
    assert np.mean(clear_next) > 0.7


def test_a_blurred_object_is_still_drawn_where_it_is(videos):
    """The picture of a frame changes only around the thing whose blur is taken away."""
    checked = 0
    for video in videos:
        play = video.play()
        state = play.state(20)
        for i, thing in enumerate(state.things):
            if not thing.prop.role or thing.absent or thing.prop.name == "floor" or state.shaken:
                continue
            pictures = []
            for blur in (False, True):
                things = list(state.things)
                things[i] = replace(thing, blurred=blur)
                scene = Scene(play.layout, np.random.default_rng(0))
                pictures.append(
                    scene.frame(replace(state, things=tuple(things)), 0.0 + play.layout.pan[20])
                )
            changed = np.abs(pictures[0].astype(int) - pictures[1]).max(2) > 12
            rows, columns = np.nonzero(changed)
            if not len(rows):
                continue
            x0, y0, x1, y1 = thing.box()
            assert columns.min() >= x0 - 8 and columns.max() <= x1 + 8
            assert rows.min() >= y0 - 8 and rows.max() <= y1 + 8
            checked += 1
    assert checked > 10


def test_the_gaze_is_seen(videos):
    """Turning the eyes changes the picture of the face, and of nothing else."""
    play = SampleVideo(0, 1).play()
    scene = Scene(play.layout, np.random.default_rng(0))
    state = replace(play.state(5), lost=False, shaken=False)
    looks = [
        replace(state, gaze=np.array(gaze)) for gaze in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0))
    ] + [replace(state, gaze=None)]
    pictures = [scene.frame(look, play.layout.pan[5]).astype(int) for look in looks]
    for a in range(4):
        for b in range(a):
            rows, columns = np.nonzero(np.abs(pictures[a] - pictures[b]).max(2) > 20)
            assert len(rows) > 60
            offsets = np.stack([columns, rows], 1) - state.figure.head
            assert np.abs(offsets).max() < 0.2 * state.figure.height
