"""What a checkpoint's weights belong to, and which differences between two models are said."""

import pytest

from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.run_identity import changed_parts, check_resumable, is_of_model, model_identity


def identities(task, *opts):
    cfg = get_vost_cfg(
        f"configs/sample/oed_{task}.yaml", ["STAGES.DETECTOR.SOLVER.EPOCHS", 1, *opts]
    )
    return [model_identity(stage) for stage in stage_configs(cfg).values()]


@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_the_stages_of_a_config_follow_each_other_without_a_word(task):
    detector, spatial, temporal = identities(task)
    for before, after in ((detector, spatial), (detector, temporal), (spatial, temporal)):
        assert not changed_parts(before, after) and not changed_parts(after, before)
        assert not is_of_model(before, after) and not is_of_model(after, before)
        assert is_of_model(before, before)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MODEL.BACKBONE.NAME", "build_resnet_backbone"),
        ("MODEL.IMAGE_ENCODER.NAME", "Another"),
        ("MODEL.QUERY_INITIALIZER.NAME", "LearnedQueries"),
        ("MODEL.QUERY_INITIALIZER.GIVEN", "boxes"),
        ("MODEL.SPO_DECODER.NAME", "Another"),
        ("MODEL.TEMPORAL_AGGREGATOR.NAME", "Another"),
        ("MODEL.TEMPORAL_AGGREGATOR.SELECT", "score"),
        ("MODEL.TEMPORAL_AGGREGATOR.OWN_PREDICATE_HEADS", True),
    ],
)
def test_another_part_is_another_model(key, value):
    *_, before = identities("predcls")
    *_, after = identities("predcls", key, value)
    ((changed, was, now),) = changed_parts(before, after)
    assert (changed, now) == (key, value) and was != now
    assert not is_of_model(before, after)


def test_a_detectors_parts_are_compared_where_it_has_them():
    detector, *_ = identities("predcls")
    _, spatial, _ = identities("predcls", "MODEL.IMAGE_ENCODER.NAME", "Another")
    expected = ("MODEL.IMAGE_ENCODER.NAME", "TransformerImageEncoder", "Another")
    assert changed_parts(detector, spatial) == [expected]


def test_an_older_checkpoint_is_known_by_what_it_says():
    _, spatial, temporal = identities("predcls")
    old = {name: spatial[name] for name in ("task", "meta_architecture", "temporal_aggregator")}
    assert is_of_model(old, spatial) and not is_of_model(old, temporal)
    assert not is_of_model({"task": "predcls"}, spatial) and not is_of_model({}, spatial)
    assert not changed_parts(old, identities("predcls", "MODEL.SPO_DECODER.NAME", "Another")[1])


def test_a_run_is_not_resumed_with_another_part():
    run = {"dataset": "a", "batch_size": 4, "matcher": "IdentityMatcher"}
    before = identities("predcls")[1] | run
    check_resumable(before, before, "model_final.pth")
    after = identities("predcls", "MODEL.SPO_DECODER.NAME", "Another")[1] | run
    with pytest.raises(
        ValueError, match=r"--resume: MODEL.SPO_DECODER.NAME changed.*Cascaded.*Another"
    ):
        check_resumable(before, after, "model_final.pth")
    with pytest.raises(ValueError, match="--resume: MODEL.MATCHER.NAME changed"):
        check_resumable(before, before | {"matcher": "HungarianMatcher"}, "model_final.pth")
    with pytest.raises(ValueError, match="model_final.pth says nothing about the run"):
        check_resumable(identities("predcls")[1], before, "model_final.pth")
