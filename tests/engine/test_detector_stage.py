"""The detector stage before the others: what it hands over, to whom, and where training begins then."""

import logging
import signal

import pytest
import torch

from tests.engine.staged_run import DETECTOR_POINTS, DETECTOR_STAGE, VIDEOS, staged_cfg, train
from tests.sudden_death import exit_code, start_process
from tests.tiny import register, tiny_records
from tools import train_net
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine import SGGTrainer
from vost_sgg.engine.stages import check_later_stages, final_stage, remaining_stages
from vost_sgg.engine.trainer import load_for_evaluation

STAGES = ("detector", "spatial", "temporal")


def run(*args):
    """The exit code of a training in a process of its own."""
    return exit_code(start_process(train, *args, DETECTOR_STAGE))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of an uninterrupted training of all three stages."""
    folder = tmp_path_factory.mktemp("finished")
    assert run(folder / "data", folder / "output", "nowhere", False) == 0
    return folder / "output"


@pytest.fixture(autouse=True)
def data(tmp_path):
    records = tiny_records(tmp_path / "data", VIDEOS)
    register("tiny_train", records)
    register("tiny_test", records)


@pytest.fixture
def weights(finished):
    return str(finished / "detector" / "model_final.pth")


def load(path):
    return torch.load(path, weights_only=True)


def begun(cfg, resume=False):
    """The folders of the stages that a command would train, and the weights that the first of them starts from."""
    stages = remaining_stages(cfg, resume=resume)
    first = next(stages)
    return [c.OUTPUT_DIR.rpartition("/")[2] for c in (first, *stages)], first.MODEL.WEIGHTS


def started(cfg):
    """The state dict that training ``cfg``'s stage begins with."""
    trainer = SGGTrainer(cfg)
    trainer.resume_or_load(False)
    return trainer.bare_model.state_dict()


def test_one_command_trains_three_stages(finished):
    for stage in STAGES:
        checkpoints = {path.name for path in (finished / stage).glob("*.pth")}
        assert checkpoints == {"model_0000001.pth", "model_final.pth"}
    meta = load(finished / "detector" / "model_final.pth")["meta"]
    assert meta["meta_architecture"] == "DETRDetector" and "task" not in meta
    assert (finished / "detector" / "object_detection_tiny_test.json").exists()
    assert not list((finished / "detector").glob("scene_graph*"))
    results = load(finished / "results.pth")
    assert set(results["detector"]["detection"]) == {
        f"{kind}/{metric}" for kind in ("object", "person") for metric in ("AP", "AP50")
    }
    assert "object/AP50" in results["spatial"]["sgdet"]


@pytest.mark.slow
@pytest.mark.parametrize("point", DETECTOR_POINTS)
def test_a_training_killed_in_a_stage_goes_on_exactly(finished, tmp_path, point):
    output = tmp_path / "output"
    assert run(tmp_path / "data killed", output, point, False) == -signal.SIGKILL
    assert run(tmp_path / "data again", output, "nowhere", True) == 0
    for stage in STAGES:
        expected, found = (
            load(folder / stage / "model_final.pth")["model"] for folder in (finished, output)
        )
        assert expected.keys() == found.keys()
        assert all(torch.equal(value, found[name]) for name, value in expected.items())
    assert load(output / "results.pth")["temporal"] == load(finished / "results.pth")["temporal"]


def test_the_spatial_stage_starts_with_the_detectors_weights(weights, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    detector = load(weights)["model"]
    cfg = stage_configs(staged_cfg(tmp_path, "MODEL.WEIGHTS", weights))["SPATIAL"]
    state = started(cfg)
    places = {
        "backbone.": ["backbone."],
        "image_encoder.": ["image_encoder."],
        "query_initializer.": ["query_initializer."],
        "decoder.": ["decoder.pair_decoder.", "decoder.predicate_decoder."],
        "class_head.": ["entity_heads.object_class."],
        "box_head.": ["entity_heads.subject_box.", "entity_heads.object_box."],
    }
    taken = set()
    for name, value in detector.items():
        first, targets = next((k, v) for k, v in places.items() if name.startswith(k))
        for target in targets:
            taken.add(target + name.removeprefix(first))
            assert torch.equal(state[target + name.removeprefix(first)], value), name
    fresh = {name for name in state if name.startswith("predicate_heads.")}
    assert taken | fresh == state.keys()
    told = [r.getMessage() for r in caplog.records if "detector's" in r.getMessage()]
    assert told == [
        f"checkpoint {weights} is a detector's: {len(taken)} of {len(state)} tensors of this model are taken from it, "
        "6 keep their fresh values"
    ]
    assert "not found in the checkpoint" not in caplog.text
    assert "not used by the model" not in caplog.text


@pytest.mark.parametrize("task", ["predcls", "sgcls"])
def test_a_detector_starts_every_task(weights, tmp_path, task):
    cfg = staged_cfg(tmp_path, "MODEL.WEIGHTS", weights, *DETECTOR_STAGE, task=task)
    assert begun(cfg) == (["spatial", "temporal"], weights)
    state, detector = started(stage_configs(cfg)["SPATIAL"]), load(weights)["model"]
    for decoder in ("pair_decoder", "predicate_decoder"):
        name = "layers.1.cross_attn.in_proj_weight"
        assert torch.equal(state[f"decoder.{decoder}.{name}"], detector[f"decoder.{name}"])


def test_a_table_of_word_vectors_stays_to_be_filled(weights, tmp_path):
    words = ["MODEL.CLASS_EMBEDDING.SOURCE", "glove", "MODEL.WEIGHTS", weights]
    cfg = stage_configs(staged_cfg(tmp_path, *words, task="predcls"))["SPATIAL"]
    with pytest.raises(ValueError, match="MODEL.CLASS_EMBEDDING.PATH is not set"):
        started(cfg)


def test_the_temporal_stage_alone_starts_with_copies_of_the_detectors_heads(weights, tmp_path):
    cfg = staged_cfg(
        tmp_path, "STAGES.SPATIAL.SOLVER.EPOCHS", 0, "MODEL.WEIGHTS", weights, *DETECTOR_STAGE
    )
    assert begun(cfg) == (["temporal"], weights)
    state = started(stage_configs(cfg)["TEMPORAL"])
    bias = load(weights)["model"]["class_head.bias"]
    assert torch.equal(state["temporal_entity_heads.object_class.bias"], bias)


def test_weights_stand_for_the_stages_up_to_theirs(finished, weights, tmp_path):
    def begins(path, *opts):
        return begun(staged_cfg(tmp_path, "MODEL.WEIGHTS", str(path), *opts))[0]

    assert begins("", *DETECTOR_STAGE) == ["detector", "spatial", "temporal"]
    assert begins(weights, *DETECTOR_STAGE) == ["spatial", "temporal"]
    assert begins(finished / "spatial" / "model_final.pth", *DETECTOR_STAGE) == ["temporal"]
    # With no such stage its result is what any other initial weights are.
    assert begins("") == begins(weights) == ["spatial", "temporal"]
    alone = ("STAGES.SPATIAL.SOLVER.EPOCHS", 0, "STAGES.TEMPORAL.SOLVER.EPOCHS", 0)
    assert begins(weights, *DETECTOR_STAGE, *alone) == ["detector"]


def test_the_last_stage_with_epochs_is_evaluated(finished, tmp_path):
    spatial = ("STAGES.TEMPORAL.SOLVER.EPOCHS", 0)
    assert final_stage(staged_cfg(tmp_path, *spatial)).OUTPUT_DIR == str(tmp_path / "spatial")
    results = load(finished / "results.pth")
    for stage in ("detector", "spatial"):
        cfg = get_vost_cfg(str(finished / stage / "config.yaml"))
        model = load_for_evaluation(final_stage(cfg), resume=True)
        assert SGGTrainer.test(cfg, model) == results[stage]


def test_a_detector_is_not_evaluated_as_a_scene_graph_model(weights, tmp_path, capsys):
    config = tmp_path / "tiny.yaml"
    config.write_text(staged_cfg(tmp_path / "output").dump())
    with pytest.raises(SystemExit) as stop:
        train_net.main(["--config-file", str(config), "--eval-only", "MODEL.WEIGHTS", weights])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"error: checkpoint {weights} is a detector's: it can start a training")


def test_a_scene_graph_model_does_not_start_a_detector(finished, tmp_path):
    weights = str(finished / "spatial" / "model_final.pth")
    cfg = staged_cfg(tmp_path, *DETECTOR_STAGE, "MODEL.WEIGHTS", weights)
    with pytest.raises(ValueError, match="made with MODEL.META_ARCHITECTURE OneStageSGG, this"):
        started(stage_configs(cfg)["DETECTOR"])


def test_the_detectors_folder_is_not_resumed_by_another_stage(finished, tmp_path):
    cfg = stage_configs(staged_cfg(tmp_path))["SPATIAL"]
    cfg.OUTPUT_DIR = str(finished / "detector")
    with pytest.raises(ValueError, match="--resume: MODEL.META_ARCHITECTURE changed"):
        SGGTrainer(cfg).resume_or_load(True)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("MODEL.SPO_DECODER.NUM_LAYERS", 3, "missing: 36\n  decoder.pair_decoder.layers.2"),
        ("MODEL.QUERY_INITIALIZER.NUM_QUERIES", 9, r"\(5, 16\) in the file, \(9, 16\) in query"),
    ],
)
def test_a_detector_of_another_size_is_one_error(weights, tmp_path, key, value, message):
    cfg = staged_cfg(tmp_path, key, value, "MODEL.WEIGHTS", weights)
    with pytest.raises(ValueError, match=f"{weights} is a detector's, and the checkpoint does not"):
        started(stage_configs(cfg)["SPATIAL"])
    with pytest.raises(ValueError, match=message):
        started(stage_configs(cfg)["SPATIAL"])


def test_a_mistake_behind_the_detector_stage_is_said_before_it(tmp_path):
    cfg = staged_cfg(tmp_path, *DETECTOR_STAGE, "STAGES.SPATIAL.SOLVER.TRAIN_ONLY", "decodr")
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="SOLVER.TRAIN_ONLY is 'decodr'"):
        check_later_stages(cfg)
    check_later_stages(staged_cfg(tmp_path, *DETECTOR_STAGE))
    assert torch.equal(torch.get_rng_state(), before)
