import re
from pathlib import Path

import pytest

import vost_sgg.priors.clip_training  # noqa: F401  registers the model of sample/clip.yaml
import vost_sgg.vlm  # noqa: F401  registers the VLM-only rows' model
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.modeling import MATCHER, build_model
from vost_sgg.vlm.backend import backend_tag

CONFIGS = sorted(p for p in Path("configs").rglob("*.yaml") if not p.name.startswith("Base"))


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_config_builds_its_model(path):
    build_model(get_vost_cfg(str(path), ["MODEL.DEVICE", "cpu"]))


@pytest.mark.parametrize("opts", [["SOLVER.BASE_LRR", "1"], ["SOLVER.BAS_LR", "1"]])
def test_an_unknown_key_names_the_nearest(opts):
    with pytest.raises(KeyError, match=rf"{opts[0]} does not exist; did you mean SOLVER.BASE_LR"):
        get_vost_cfg("configs/oed_predcls.yaml", opts)


def test_an_unknown_key_in_a_file_names_the_nearest(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("VERSION: 2\nMODEL:\n  MATCHER:\n    NAM: x\n")
    with pytest.raises(
        KeyError, match="MODEL.MATCHER.NAM does not exist; did you mean MODEL.MATCHER.NAME"
    ):
        get_vost_cfg(str(path))


def test_an_unknown_key_of_a_stage_names_the_nearest(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("VERSION: 2\nSTAGES:\n  FIRST:\n    SOLVER:\n      EPOCS: 3\n")
    with pytest.raises(
        KeyError, match="STAGES.FIRST.SOLVER.EPOCS does not exist; did you mean SOLVER.EPOCHS"
    ):
        get_vost_cfg(str(path))
    path.write_text("VERSION: 2\nSTAGES:\n  FIRST: 3\n")
    with pytest.raises(ValueError, match="STAGES.FIRST is 3; a stage is a node of config keys"):
        get_vost_cfg(str(path))
    for unknown, nearest in (
        ("STAGES.TEMPORAL.SOLVER.EPOCS", "STAGES.TEMPORAL.SOLVER.EPOCHS"),
        ("STAGES.SPATAIL.SOLVER.EPOCHS", "STAGES.SPATIAL.SOLVER.EPOCHS"),
    ):
        with pytest.raises(KeyError, match=f"{unknown} does not exist; did you mean {nearest}"):
            get_vost_cfg("configs/oed_predcls.yaml", [unknown, "1"])


def test_options_set_any_key_of_a_stage():
    options = ["STAGES.SPATIAL.SOLVER.BASE_LR", "0.5", "STAGES.TEMPORAL.TEST.AUG.ENABLED", "True"]
    cfg = get_vost_cfg("configs/oed_predcls.yaml", options)
    spatial, temporal = stage_configs(cfg).values()
    assert (cfg.SOLVER.BASE_LR, spatial.SOLVER.BASE_LR, temporal.SOLVER.BASE_LR) == (
        1e-4,
        0.5,
        1e-4,
    )
    assert (spatial.TEST.AUG.ENABLED, temporal.TEST.AUG.ENABLED) == (False, True)


def test_each_stage_is_the_config_with_its_own_keys():
    spatial, temporal = stage_configs(get_vost_cfg("configs/oed_sgcls.yaml")).values()
    assert (spatial.SOLVER.EPOCHS, temporal.SOLVER.EPOCHS) == (12, 6)
    assert (spatial.SOLVER.IMS_PER_BATCH, temporal.SOLVER.IMS_PER_BATCH) == (16, 8)
    assert (spatial.SOLVER.TRAIN_ONLY, temporal.SOLVER.TRAIN_ONLY) == ("", "temporal")
    assert spatial.OUTPUT_DIR == "./output/oed_sgcls/spatial"
    assert spatial.MODEL.MATCHER.NAME == "PairIndexMatcher" != temporal.MODEL.MATCHER.NAME
    assert not spatial.STAGES and not temporal.STAGES


def test_a_stage_of_no_epochs_is_left_out():
    def names(*options):
        return list(stage_configs(get_vost_cfg("configs/oed_sgdet.yaml", options)))

    assert names() == ["SPATIAL", "TEMPORAL"]
    assert names("STAGES.DETECTOR.SOLVER.EPOCHS", "3") == ["DETECTOR", "SPATIAL", "TEMPORAL"]
    assert names("STAGES.TEMPORAL.SOLVER.EPOCHS", "0") == ["SPATIAL"]
    with pytest.raises(
        ValueError, match=r"every stage \(DETECTOR, SPATIAL, TEMPORAL\) has 0 epochs"
    ):
        names("STAGES.TEMPORAL.SOLVER.EPOCHS", "0", "STAGES.SPATIAL.SOLVER.EPOCHS", "0")
    with pytest.raises(KeyError, match="STAGES.DETECTOR.SOLVER.EPOCS does not exist"):
        names("STAGES.DETECTOR.SOLVER.EPOCS", "3")


@pytest.mark.parametrize("model", ["oed", "dsqi", "vost"])
def test_at_sample_size_sgdet_alone_begins_with_a_detector(model):
    for task, before in (("predcls", []), ("sgcls", []), ("sgdet", ["DETECTOR"])):
        stages = stage_configs(get_vost_cfg(f"configs/sample/{model}_{task}.yaml"))
        assert list(stages) == [*before, "SPATIAL", "TEMPORAL"]


@pytest.mark.parametrize("path", ["configs/detr_action_genome.yaml", "configs/sample/detr.yaml"])
def test_the_detectors_configs_have_its_stage_alone(path):
    ((name, cfg),) = stage_configs(get_vost_cfg(path)).items()
    assert (name, cfg.MODEL.META_ARCHITECTURE) == ("DETECTOR", "DETRDetector")
    assert cfg.OUTPUT_DIR.endswith("/detector")


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match="configs/nothing.yaml"):
        get_vost_cfg("configs/nothing.yaml")


@pytest.mark.parametrize(
    ("key", "wrong", "right"),
    [
        ("MODEL.MATCHER.NAME", "IdentityMacher", "IdentityMatcher"),
        ("MODEL.BACKBONE.NAME", "build_slim_resnet", "build_slim_resnet_backbone"),
    ],
)
def test_an_unknown_part_names_the_nearest(key, wrong, right):
    cfg = get_vost_cfg("configs/sample/oed_predcls.yaml", [key, wrong])
    with pytest.raises(KeyError, match=f"{key}: no part '{wrong}'.*did you mean {right}"):
        build_model(cfg)


def test_a_feature_that_the_backbone_lacks_is_named():
    cfg = get_vost_cfg(
        "configs/sample/oed_predcls.yaml", ["MODEL.IMAGE_ENCODER.IN_FEATURE", "res5"]
    )
    with pytest.raises(ValueError, match="IN_FEATURE is res5, the backbone gives res3"):
        build_model(cfg)


def test_a_part_of_your_own_is_built_by_name():
    @MATCHER.register()
    class FirstSlots:
        def __init__(self, cfg):
            self.task = cfg.MODEL.TASK

    cfg = get_vost_cfg(opts=["MODEL.MATCHER.NAME", "FirstSlots"])
    assert MATCHER.build(cfg).task == "predcls"


def paper_rows():
    """(row, config) of each file that a table of configs/README.md gives overrides for."""
    for line in Path("configs/README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        files = re.findall(r"`([\w/]+\.yaml)`", cells[2]) if len(cells) == 5 else []
        for file in files:
            yield cells[1], get_vost_cfg(f"configs/{file}", cells[3].strip("`").split())


def test_no_row_of_the_papers_tables_trains_over_another():
    rows = list(paper_rows())
    assert len(rows) == 5 + 9
    assert len({cfg.OUTPUT_DIR for _, cfg in rows}) == len(rows)
    assert [len(stage_configs(cfg)) for _, cfg in rows] == [2] * 5 + [1] * 9


def test_rows_of_one_vlm_read_the_same_answers():
    def tags(row):
        return {backend_tag(cfg) for name, cfg in paper_rows() if name.startswith(row)}

    assert tags("(G)") == tags("(I)") == tags("Tab. 1, 2") == tags("(C)") != tags("(A)")
    assert tags("(F)") == tags("(H)") == tags("(D)") != tags("(B)")
