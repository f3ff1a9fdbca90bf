"""Labels agree with what the scene shows: hands, gaze, places."""

import numpy as np
import pytest

from vost_sgg.data.sample.relations import attention, contacting, spatial
from vost_sgg.data.sample.video import SampleVideo

BY_HAND = {
    "carrying",
    "drinking_from",
    "eating",
    "holding",
    "touching",
    "twisting",
    "wiping",
    "writing_on",
}
HAND_ACTIONS = {"hold", "carry", "drink", "eat", "write", "touch", "wipe", "twist", "lean", "cloth"}


@pytest.fixture(scope="module")
def scenes():
    """(layout, state, index of an annotated thing in sight) over the keyframes of 120 videos."""
    found = []
    for video in (SampleVideo(0, i) for i in range(120)):
        play = video.play()
        for frame in video.keyframes():
            state = play.state(frame)
            seen = (i for i, t in enumerate(state.things) if t.prop.role and not t.absent)
            found += [(play.layout, state, i) for i in seen]
    return found


def gap(box: np.ndarray, points: np.ndarray) -> float:
    """Distance of a box from the nearest of some points."""
    return float(np.linalg.norm(np.clip(points, box[:2], box[2:]) - points, axis=1).min())


def test_a_contact_of_the_hand_has_a_hand_on_the_object(scenes):
    checked = 0
    for layout, state, i in scenes:
        thing = state.things[i]
        if BY_HAND & set(contacting(layout, thing)) and thing.prop.role.action in HAND_ACTIONS:
            assert gap(thing.box(), state.figure.hands) < 0.07 * layout.height
            checked += 1
    assert checked > 500


def test_what_is_drunk_or_eaten_is_at_the_mouth_and_what_is_held_is_not(scenes):
    raised, lowered = [], []
    for layout, state, i in scenes:
        thing = state.things[i]
        if thing.active and thing.prop.role.action in ("drink", "eat"):
            labels = contacting(layout, thing)
            near = raised if {"drinking_from", "eating"} & set(labels) else lowered
            near.append(gap(thing.box(), state.figure.head[None]) / layout.height)
    assert max(raised) < 0.14 < min(lowered)


def test_attention_follows_the_gaze(scenes):
    for _, state, i in scenes:
        (label,) = attention(state, i)
        assert (label == "unsure") == (state.gaze is None)
        if label == "looking_at" and state.things[i].prop.size[1] < 0.3 * state.figure.height:
            towards = state.things[i].centre - state.figure.head
            assert towards @ state.gaze > np.cos(np.pi / 4) * np.linalg.norm(towards)


def test_places(scenes):
    for layout, state, i in scenes:
        thing, figure = state.things[i], state.figure
        labels = spatial(layout, state, thing)
        assert len(labels) == len(set(labels))
        if "above" in labels and thing.prop.role.action != "cover":
            assert thing.box()[3] < figure.head[1]
        if figure.direction and labels[0] == "behind" and thing.prop.role.action == "passive":
            assert (thing.centre[0] - figure.hip[0]) * figure.direction <= 0
        if thing.prop.role.action in ("sit", "lie", "stand_on"):
            assert labels[0] in ("beneath", "in")


def test_an_inactive_role_is_no_contact(scenes):
    assert all(
        (contacting(layout, state.things[i]) == ["not_contacting"]) == (not state.things[i].active)
        for layout, state, i in scenes
    )
