"""Two stages from one command: what the second takes over and leaves alone, where training begins, and resuming."""

import logging
import shutil
import signal

import pytest
import torch

from tests.engine.staged_run import POINTS, VIDEOS, staged_cfg, train
from tests.sudden_death import exit_code, start_process
from tests.tiny import register, tiny_records
from tools import train_net
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine import SGGTrainer
from vost_sgg.engine.stages import check_later_stages, final_stage, remaining_stages
from vost_sgg.engine.trainer import load_for_evaluation


def run(*args):
    """The exit code of a training in a process of its own."""
    return exit_code(start_process(train, *args))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of an uninterrupted training of both stages."""
    folder = tmp_path_factory.mktemp("finished")
    assert run(folder / "data", folder / "output", "nowhere", False) == 0
    return folder / "output"


@pytest.fixture(autouse=True)
def data(tmp_path):
    records = tiny_records(tmp_path / "data", VIDEOS)
    register("tiny_train", records)
    register("tiny_test", records)


def load(path):
    return torch.load(path, weights_only=True)


def begun(cfg, resume):
    """The folders of the stages that a command would train, and the weights that the first of them starts from."""
    stages = remaining_stages(cfg, resume=resume)
    first = next(stages)
    return [c.OUTPUT_DIR.rpartition("/")[2] for c in (first, *stages)], first.MODEL.WEIGHTS


def loading(cfg, caplog):
    """What is logged when a training of ``cfg`` takes its weights, but for the path."""
    trainer = SGGTrainer(cfg)
    logger = trainer.checkpointer.logger
    caplog.set_level(logging.INFO, logger=logger.name)
    # A command of another test may have cut its parents off: a record may come once or twice.
    logger.addHandler(caplog.handler)
    trainer.resume_or_load(False)
    logger.removeHandler(caplog.handler)
    records = dict.fromkeys(r for r in caplog.records if r.name == logger.name)
    return [r for r in records if not r.getMessage().startswith("[Checkpointer] Loading from")]


def test_one_command_trains_the_spatial_stage_then_the_temporal_one(finished):
    for stage, aggregator in (("spatial", "NoAggregation"), ("temporal", "ProgressiveRefinement")):
        checkpoints = {path.name for path in (finished / stage).glob("*.pth")}
        assert checkpoints == {"model_0000001.pth", "model_final.pth"}
        assert (
            load(finished / stage / "model_final.pth")["meta"]["temporal_aggregator"] == aggregator
        )
        assert (finished / stage / "scene_graph_recall_tiny_test.json").exists()


def test_the_temporal_stage_changes_nothing_of_the_spatial_one(finished):
    spatial = load(finished / "spatial" / "model_final.pth")["model"]
    temporal = load(finished / "temporal" / "model_final.pth")["model"]
    assert any("running_mean" in name for name in spatial)
    for name, value in spatial.items():
        assert torch.equal(value, temporal[name]), name
    assert all(name.startswith("temporal_") for name in temporal.keys() - spatial.keys())


def test_the_temporal_stage_starts_from_the_spatial_result_and_its_heads(finished, tmp_path):
    weights = finished / "spatial" / "model_final.pth"
    cfg = stage_configs(staged_cfg(tmp_path, "MODEL.WEIGHTS", str(weights)))["TEMPORAL"]
    trainer = SGGTrainer(cfg)
    trainer.resume_or_load(False)
    spatial, model = load(weights)["model"], trainer.bare_model
    started = {name: value.clone() for name, value in model.state_dict().items()}
    heads = ("entity_heads.", "predicate_heads.")
    assert all(torch.equal(value, started[name]) for name, value in spatial.items())
    assert all(
        torch.equal(value, started[f"temporal_{name}"])
        for name, value in spatial.items()
        if name.startswith(heads)
    )
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {name for name, _ in model.named_parameters() if "temporal" in name}
    trainer.train()
    silent = [n for n, p in model.named_parameters() if n in trained and torch.equal(p, started[n])]
    assert not silent


def test_a_spatial_checkpoint_as_weights_skips_its_stage(finished, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="vost_sgg")
    weights = str(finished / "spatial" / "model_0000001.pth")
    cfg = staged_cfg(tmp_path, "MODEL.WEIGHTS", weights)
    assert begun(cfg, False) == begun(cfg, True) == (["temporal"], weights)
    assert f"{weights} is a trained stage's: SPATIAL left out" in caplog.text


def test_a_temporal_checkpoint_as_weights_is_trained_on(finished, tmp_path):
    weights = str(finished / "temporal" / "model_final.pth")
    assert begun(staged_cfg(tmp_path, "MODEL.WEIGHTS", weights), False) == (["temporal"], weights)


def test_an_older_checkpoint_skips_its_stage_and_one_of_another_part_does_not(finished, tmp_path):
    older = load(finished / "spatial" / "model_final.pth")
    for name in ("backbone", "image_encoder", "query_initializer", "query_given", "decoder"):
        older["meta"].pop(name)
    torch.save(older, tmp_path / "older.pth")
    weights = str(tmp_path / "older.pth")
    assert begun(staged_cfg(tmp_path, "MODEL.WEIGHTS", weights), False)[0] == ["temporal"]
    weights = str(finished / "spatial" / "model_final.pth")
    swapped = ("MODEL.QUERY_INITIALIZER.NAME", "PairPriorQueries")
    cfg = staged_cfg(tmp_path, "MODEL.WEIGHTS", weights, *swapped)
    assert begun(cfg, False)[0] == ["spatial", "temporal"]


@pytest.mark.parametrize("stage", ["SPATIAL", "TEMPORAL"])
def test_another_query_initializer_is_named(finished, tmp_path, stage, caplog):
    folder = finished / stage.lower()
    weights = ("MODEL.WEIGHTS", str(folder / "model_final.pth"))
    swapped = ("MODEL.QUERY_INITIALIZER.NAME", "PairPriorQueries")
    cfg = stage_configs(staged_cfg(tmp_path, *weights, *swapped))[stage]
    cfg.MODEL.CLASS_EMBEDDING.SOURCE = "learned"
    said = "MODEL.QUERY_INITIALIZER.NAME LearnedQueries, this config has PairPriorQueries"
    with pytest.raises(ValueError, match=f"model_final.pth was made with {said}"):
        load_for_evaluation(cfg)
    line, _ = loading(cfg, caplog)
    assert line.levelname == "WARNING" and said in line.getMessage()
    assert "start fresh: query_initializer." in line.getMessage()
    cfg.OUTPUT_DIR = str(folder)
    with pytest.raises(ValueError, match="--resume: MODEL.QUERY_INITIALIZER.NAME changed"):
        SGGTrainer(cfg).resume_or_load(True)


def test_what_the_temporal_stage_adds_is_one_line(finished, tmp_path, caplog):
    weights = str(finished / "spatial" / "model_final.pth")
    cfg = stage_configs(staged_cfg(tmp_path, "MODEL.WEIGHTS", weights))["TEMPORAL"]
    (line,) = loading(cfg, caplog)
    assert line.levelname == "INFO" and line.getMessage().endswith(", ...")
    assert line.getMessage().startswith(f"checkpoint {weights}: 54 of ")


def test_weights_of_no_stage_start_the_first(finished, tmp_path):
    bare = tmp_path / "bare.pth"
    cut = tmp_path / "cut.pth"
    whole = finished / "spatial" / "model_final.pth"
    torch.save(load(whole)["model"], bare)
    cut.write_bytes(whole.read_bytes()[:1000])
    for weights in ("", str(bare), str(cut), str(tmp_path / "missing.pth")):
        cfg = staged_cfg(tmp_path, "MODEL.WEIGHTS", weights)
        assert begun(cfg, False) == (["spatial", "temporal"], weights)
    cfg.MODEL.WEIGHTS = str(cut)
    with pytest.raises(ValueError, match="cut.pth cannot be read: it is cut short"):
        SGGTrainer(next(remaining_stages(cfg, resume=False))).resume_or_load(False)


def test_resuming_begins_where_the_last_checkpoint_is(finished, tmp_path):
    assert begun(staged_cfg(tmp_path), True) == (["spatial", "temporal"], "")
    (tmp_path / "spatial" / "last_checkpoint").write_text("model_0000001.pth")
    assert begun(staged_cfg(tmp_path), True) == (["spatial", "temporal"], "")
    shutil.copytree(finished, tmp_path / "copy")
    assert begun(staged_cfg(tmp_path / "copy"), True)[0] == ["temporal"]
    # Without --resume everything is trained anew.
    assert begun(staged_cfg(tmp_path / "copy"), False) == (["spatial", "temporal"], "")


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_training_killed_in_either_stage_goes_on_exactly(finished, tmp_path, point):
    output = tmp_path / "output"
    assert run(tmp_path / "data killed", output, point, False) == -signal.SIGKILL
    assert run(tmp_path / "data again", output, "nowhere", True) == 0
    for stage in ("spatial", "temporal"):
        expected, found = (
            load(folder / stage / "model_final.pth")["model"] for folder in (finished, output)
        )
        assert expected.keys() == found.keys()
        assert all(torch.equal(value, found[name]) for name, value in expected.items())
    results = load(finished / "results.pth")
    assert load(output / "results.pth")["temporal"] == results["temporal"]
    assert results["spatial"] != {} != results["temporal"]


def test_each_stage_is_evaluated_by_itself_with_the_config_beside_it(finished):
    results = load(finished / "results.pth")
    for stage in ("spatial", "temporal"):
        cfg = get_vost_cfg(str(finished / stage / "config.yaml"))
        model = load_for_evaluation(final_stage(cfg), resume=True)
        assert SGGTrainer.test(cfg, model) == results[stage]


def test_the_command_trains_both_stages_and_evaluates_the_last(tmp_path, capsys):
    config, output = tmp_path / "tiny.yaml", tmp_path / "output"
    config.write_text(staged_cfg(output).dump())
    train_net.main(["--config-file", str(config), "--num-gpus", "0"])
    printed = capsys.readouterr().out
    assert printed.index("stage SPATIAL") < printed.index("stage TEMPORAL")
    assert 0 < printed.index("OED, spatial") < printed.rindex("OED ")
    weights = str(output / "spatial" / "model_final.pth")
    with pytest.raises(SystemExit) as stop:
        train_net.main(["--config-file", str(config), "--eval-only", "MODEL.WEIGHTS", weights])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"error: checkpoint {weights} is of the spatial stage")
    assert "lacks 54 parameter(s)" in error
    train_net.main(["--config-file", str(config), "--eval-only", "--resume"])


def test_another_stages_checkpoint_in_the_folder_is_not_resumed(finished, tmp_path):
    cfg = stage_configs(staged_cfg(tmp_path))["TEMPORAL"]
    cfg.OUTPUT_DIR = str(finished / "spatial")
    with pytest.raises(ValueError, match="--resume: MODEL.TEMPORAL_AGGREGATOR.NAME changed"):
        SGGTrainer(cfg).resume_or_load(True)


def test_the_temporal_model_without_its_phase_is_the_spatial_one(finished, tmp_path):
    weights = str(finished / "temporal" / "model_final.pth")
    cfg = stage_configs(staged_cfg(tmp_path, "MODEL.WEIGHTS", weights))["SPATIAL"]
    results = load(finished / "results.pth")["spatial"]
    assert SGGTrainer.test(cfg, load_for_evaluation(cfg)) == results


def test_a_fresh_run_forgets_the_stages_of_an_older_one(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "output")
    next(
        remaining_stages(staged_cfg(tmp_path / "output"), resume=False)
    )  # begun, and killed at once
    assert begun(staged_cfg(tmp_path / "output"), resume=True)[0] == ["spatial", "temporal"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("MODEL.TEMPORAL_AGGREGATOR.NAME", "ProgresiveRefinement", "mean ProgressiveRefinement"),
        ("SOLVER.TRAIN_ONLY", "temporel", "SOLVER.TRAIN_ONLY is 'temporel'"),
        ("MODEL.EVALUATOR.NAME", "SceneEvaluator", "mean SceneGraphEvaluator"),
    ],
)
def test_a_mistake_in_a_later_stage_is_said_before_the_first_one(tmp_path, key, value, message):
    with pytest.raises((KeyError, ValueError), match=message):
        check_later_stages(staged_cfg(tmp_path, f"STAGES.TEMPORAL.{key}", value))


def test_the_check_of_later_stages_draws_nothing(tmp_path):
    before = torch.get_rng_state()
    check_later_stages(staged_cfg(tmp_path))
    assert torch.equal(torch.get_rng_state(), before)
