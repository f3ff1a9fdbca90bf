import numpy as np
import pytest

from vost_sgg.data.sample import figure
from vost_sgg.data.sample.figure import ARM_LINK

FOOT = np.array([100.0, 150.0])
POSES = {
    "standing": lambda facing: figure.stand(100.0, FOOT, facing),
    "walking": lambda facing: figure.stand(100.0, FOOT, facing, stride=1.0),
    "sitting": lambda facing: figure.sit(100.0, FOOT, facing),
    "lying": lambda facing: figure.lie(100.0, FOOT, facing),
}


@pytest.mark.parametrize("facing", ["left", "right", "camera", "away"])
@pytest.mark.parametrize("pose", POSES)
def test_the_box_holds_every_joint(pose, facing):
    posed = POSES[pose](facing).reach((None, (130.0, 90.0)))
    x0, y0, x1, y1 = posed.box()
    for points in posed.joints().values():
        assert (points > [x0, y0]).all() and (points < [x1, y1]).all()
    assert posed.coco_keypoints().shape == (17, 2)


def test_a_standing_person_is_as_tall_as_said():
    _, y0, _, y1 = POSES["standing"]("right").reach((None, None)).box()
    assert y1 - y0 == pytest.approx(100, abs=4) and y1 == pytest.approx(FOOT[1], abs=3)


@pytest.mark.parametrize("facing", ["left", "right", "camera"])
def test_hands_reach_what_is_near_and_stretch_towards_what_is_far(facing):
    body = POSES["standing"](facing)
    near, far = body.shoulders[0] + [10.0, 12.0], body.shoulders[1] + [300.0, 0.0]
    posed = body.reach((near, far))
    np.testing.assert_allclose(posed.hands[0], near, atol=1e-6)
    stretch = posed.hands[1] - body.shoulders[1]
    assert np.linalg.norm(stretch) == pytest.approx(2 * ARM_LINK * 100, rel=0.02)
    assert stretch[0] > 0 and abs(stretch[1]) < 1e-6
    for link in (posed.elbows - body.shoulders, posed.hands - posed.elbows):
        np.testing.assert_allclose(np.linalg.norm(link, axis=1), ARM_LINK * 100, rtol=0.03)


def test_left_mirrors_right():
    right, left = POSES["sitting"]("right"), POSES["sitting"]("left")
    for name in ("hip", "neck", "head"):
        mirrored = getattr(left, name) * [-1, 1] + [2 * FOOT[0], 0]
        np.testing.assert_allclose(getattr(right, name), mirrored)
