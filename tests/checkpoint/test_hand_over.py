"""From a detector's checkpoint to initial weights: by the converter, and the same as a COCO DETR would give."""

import pytest
import torch

from tests.checkpoint.foreign_names import detr_shapes
from tools import convert_checkpoint
from vost_sgg.checkpoint import convert_detr, hand_over
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.modeling import build_model


def first_stage(path, *opts):
    return next(iter(stage_configs(get_vost_cfg(path, ["MODEL.DEVICE", "cpu", *opts])).values()))


def blank_model(path):
    """Names and shapes of the first stage's model."""
    with torch.device("meta"):
        return build_model(first_stage(path, "MODEL.DEVICE", "meta")).state_dict()


@pytest.fixture(scope="module")
def detr():
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(s, generator=generator) for name, s in detr_shapes().items()}


@pytest.fixture(scope="module")
def detector(detr):
    """COCO DETR as the full-size detector starts with it."""
    return convert_detr(detr, first_stage("configs/detr_action_genome.yaml"))


def test_coco_detr_starts_the_detector_whole(detr, detector):
    weights, report = detector
    model = blank_model("configs/detr_action_genome.yaml")
    assert {n: v.shape for n, v in weights.items()} == {n: v.shape for n, v in model.items()}
    assert not report.initialised and not report.dropped_by_design
    assert set(report.reshaped) == {"class_head.weight", "class_head.bias"}
    assert torch.equal(weights["class_head.weight"][1], detr["class_embed.weight"][1])
    assert torch.equal(weights["box_head.layers.2.bias"], detr["bbox_embed.layers.2.bias"])


@pytest.mark.parametrize(
    "model", ["oed_predcls", "oed_sgcls", "oed_sgdet", "dsqi_sgdet", "vost_sgdet"]
)
def test_by_way_of_the_detector_or_directly_every_tensor_is_the_same(detr, detector, model):
    cfg = first_stage(f"configs/{model}.yaml")
    direct, expected = convert_detr(detr, cfg)
    by_way, report = convert_detr(detector[0], cfg)
    assert set(report.converted) == set(expected.converted)
    assert report.initialised == expected.initialised
    assert len(report.dropped_by_design) == (0 if model.endswith("sgdet") else 1 + 3 * 18)
    for name in report.converted:
        if "object_class" not in name:  # its rows of no COCO class are drawn anew for each model
            assert torch.equal(direct[name], by_way[name]), name
    assert torch.equal(by_way["entity_heads.object_class.bias"], detector[0]["class_head.bias"])


def test_handing_over_leaves_the_rest_and_the_input_alone(detector):
    model = {n: torch.full(v.shape, 7.0) for n, v in blank_model("configs/oed_sgdet.yaml").items()}
    state, report = hand_over(detector[0], model)
    assert state.keys() == model.keys() and len(report.initialised) == 6
    assert all((state[name] == 7).all() for name in report.initialised)
    state["backbone.stem.conv1.weight"].zero_()
    assert detector[0]["backbone.stem.conv1.weight"].any()


def test_more_queries_than_slots_hand_over_the_first(detector):
    cfg = first_stage("configs/oed_sgdet.yaml", "MODEL.QUERY_INITIALIZER.NUM_QUERIES", "30")
    name = "query_initializer.position.weight"
    assert torch.equal(convert_detr(detector[0], cfg)[0][name], detector[0][name][:30])


def test_the_tool_takes_either_and_says_when_nothing_is_to_be_done(tmp_path, capsys):
    config = ["--config-file", "configs/sample/oed_sgdet.yaml", "--stage", "SPATIAL"]
    queries = ["MODEL.QUERY_INITIALIZER.NUM_QUERIES", "20"]
    model = build_model(first_stage("configs/sample/detr.yaml", *queries))
    source, out = tmp_path / "detector.pth", tmp_path / "initial.pth"
    torch.save({"model": model.state_dict()}, source)
    convert = ["detr", str(source), str(out)]
    assert convert_checkpoint.main([*convert, *config]) == 0
    assert "initialised: 6\n  predicate_heads.attention.bias" in capsys.readouterr().out
    assert out.exists()
    again = ["--config-file", "configs/sample/detr.yaml"]
    assert convert_checkpoint.main([*convert, *again]) == 1
    assert "is a DETRDetector and so is the config's model" in capsys.readouterr().err
    assert convert_checkpoint.main(["oed", *convert[1:], *config]) == 1
    assert "it looks like DETR: convert it as detr" in capsys.readouterr().err
