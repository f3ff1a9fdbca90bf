"""What is drawn of a config's input against what the mapper feeds and the VLM said."""

import numpy as np
import pytest

from tests.priors.prior_cfg import prior_opts, registered_records, write_answers
from tests.tiny import register
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine import fed_clip
from vost_sgg.engine.fed_clip import FedClips
from vost_sgg.visualization import columns as columns_module


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draws a frame of the spatial or temporal stage of a model; returns the rows of columns and the strips."""
    records = registered_records(tmp_path / "data")
    register("tiny_train", records)
    shown = {"columns": [], "strips": []}

    def keep_columns(columns, *, heading):
        shown["columns"] += columns
        return columns_module.draw_columns(columns, heading=heading)

    def keep_strip(pictures, captions, **_):
        shown["strips"].append((pictures, captions))
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(fed_clip, "draw_columns", keep_columns)
    monkeypatch.setattr(fed_clip, "draw_strip", keep_strip)

    def draw(index, *, model="vost", task="predcls", stage="TEMPORAL", split="train", opts=()):
        file = f"configs/sample/{model}_{task}.yaml"
        cfg = get_vost_cfg(file, [*prior_opts(tmp_path, task), *opts])
        for name in ("tiny_train", "tiny_test"):
            write_answers(cfg, records, name)
        assert FedClips(stage_configs(cfg)[stage], split).draw(index).dtype == np.uint8
        return shown

    return draw


def labels(column):
    return {(e.group, e.label) for e in column.edges}


def test_target_answer_references_and_regions(drawn):
    shown = drawn(2)
    target, answer, *references = shown["columns"]
    assert [c.title.splitlines()[0] for c in references] == ["reference 1", "reference 2"]
    assert "A.mp4/000015.png" in target.title
    # The second pair of this frame has no answer.
    assert labels(answer) == {
        ("attention", "unsure"),
        ("spatial", "behind, in"),
        ("contacting", "holding"),
    }
    assert [node.label for node in answer.nodes] == [node.label for node in target.nodes]
    # The second object lies within the person, whose region is also that of both.
    ((regions, captions),) = shown["strips"]
    first, second = (node.label[2:] for node in target.nodes[1:])
    assert len(regions) == 4
    assert sorted(captions) == sorted(["person", first, f"person and {first}", second])


def test_boxes_of_answer_and_annotation_move_with_the_image(drawn):
    """Some frame is flipped in the first epoch; its boxes then lie on the other side."""
    flipped = 0
    for index in range(4):
        shown = drawn(index, stage="SPATIAL")
        target, answer = shown["columns"][-2:]
        boxes = np.array([node.box for node in target.nodes]) / np.tile(target.size, 2)
        answered = np.array([node.box for node in answer.nodes])
        assert answered == pytest.approx(boxes, abs=1e-5)
        left = np.array([2, 10, 4]) / 64
        flipped += not np.allclose(boxes[:, 0], left, atol=0.02)
        assert target.image.shape[:2] == (160, 213)
    assert 0 < flipped < 4


def test_a_model_without_priors_shows_no_answer(drawn):
    shown = drawn(2, model="oed", split="test")
    assert [c.title.splitlines()[0] for c in shown["columns"]] == [
        "target",
        "reference 1",
        "reference 2",
    ]
    assert shown["strips"] == []


def test_an_only_frame_has_no_references(drawn):
    assert drawn(5, model="oed")["columns"][0].title.startswith("target, without references")


def test_boxes_of_sgdet_are_the_answers_own(drawn):
    shown = drawn(3, task="sgdet", split="test")
    answer = shown["columns"][1]
    names = [node.label.split()[1] for node in answer.nodes]
    assert names == ["person", "sofa/couch", "dish"]
    assert answer.nodes[1].box * [64, 48, 64, 48] == pytest.approx([10.5, 5.25, 46, 40], abs=1e-3)
    # It gave none of the dish.
    assert not answer.nodes[2].box.any() and len(answer.edges) == 6


def test_a_frame_without_an_answer_is_drawn(drawn):
    shown = drawn(1, task="sgdet", split="test")
    assert shown["columns"][1].nodes == [] and shown["strips"] == []


def test_a_withheld_answer_says_so(drawn):
    shown = drawn(2, opts=["MODEL.PRIORS.WITHHOLD", "1.0"])
    assert "withheld (MODEL.PRIORS.WITHHOLD)" in shown["columns"][1].title
    assert shown["columns"][1].edges == [] and len(shown["columns"][1].nodes) == 3
