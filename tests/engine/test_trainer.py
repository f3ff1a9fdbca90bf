"""What a training run writes, evaluates, and refuses. Exact resuming is tested in test_resume.py."""

import json
import logging

import pytest
import torch
from detectron2.engine import HookBase
from detectron2.modeling import build_backbone

from tests.engine.staged_run import DETECTOR_STAGE, staged_cfg
from tests.sudden_death import then_full
from tests.tiny import register, tiny_cfg, tiny_records
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine import SGGTrainer, trainer
from vost_sgg.engine.trainer import check_frozen_layers, load_for_evaluation

VIDEOS = {"A.mp4": 9, "B.mp4": 1, "C.mp4": 5}


@pytest.fixture
def make_cfg(tmp_path):
    records = tiny_records(tmp_path / "frames", VIDEOS)
    register("tiny_train", records)
    register("tiny_test", records)
    return lambda *opts: tiny_cfg(tmp_path / "output", *opts)


@pytest.fixture
def evaluations(monkeypatch):
    """The iterations at which the model is evaluated."""
    seen, evaluate = [], SGGTrainer.evaluate

    def counted(self):
        seen.append(self.iter)
        return evaluate(self)

    monkeypatch.setattr(SGGTrainer, "evaluate", counted)
    return seen


def trained(cfg, resume=False):
    built = SGGTrainer(cfg)
    built.resume_or_load(resume)
    built.train()
    return built


def files(tmp_path):
    return {path.name for path in (tmp_path / "output").iterdir()}


def test_a_run_learns_logs_and_keeps_every_epoch(make_cfg, tmp_path, evaluations):
    result = trained(make_cfg("SOLVER.EPOCHS", 20, "SOLVER.LR_DROP_EPOCHS", (15,)))
    assert result.iterations_per_epoch == 3 and result.max_iter == 60
    lines = [json.loads(line) for line in (tmp_path / "output" / "metrics.json").open()]
    losses = [line["total_loss"] for line in lines if "total_loss" in line]
    assert losses[-1] < losses[0]
    by_iteration = {line["iteration"]: line for line in lines}
    assert by_iteration[19]["lr"] == pytest.approx(0.01)
    assert by_iteration[59]["lr"] == pytest.approx(0.001)
    assert by_iteration[39]["gradient_norm"] > 0
    assert {"loss_predicate", "loss_scale", "data_time", "time"} <= by_iteration[59].keys()
    assert "predcls/with/R@10" in by_iteration[38] and "predcls/with/R@10" in lines[-1]
    assert any(name.startswith("events.out.tfevents") for name in files(tmp_path))
    checkpoints = {f"model_{i:07d}.pth" for i in range(2, 57, 3)} | {"model_final.pth"}
    assert {name for name in files(tmp_path) if name.endswith(".pth")} == checkpoints
    assert evaluations == [*range(2, 57, 3), 60]


def test_zero_epochs_between_means_only_at_the_end(make_cfg, tmp_path, evaluations):
    trained(make_cfg("SOLVER.CHECKPOINT_EPOCHS", 0, "TEST.EVAL_EPOCHS", 0))
    assert {name for name in files(tmp_path) if name.endswith(".pth")} == {"model_final.pth"}
    assert evaluations == [9]


def test_a_finished_run_is_only_evaluated_when_resumed(make_cfg, evaluations):
    first = trained(make_cfg())
    evaluations.clear()
    again = trained(make_cfg(), resume=True)
    assert evaluations == [10]
    assert again._last_eval_results == first._last_eval_results


def test_a_finished_run_is_extended_by_more_epochs(make_cfg):
    trained(make_cfg())
    extended = trained(make_cfg("SOLVER.EPOCHS", 5), resume=True)
    assert extended.start_iter == 9 and extended.max_iter == 15


def test_resuming_does_not_go_back_to_an_earlier_training(make_cfg, tmp_path):
    trained(make_cfg())
    trained(make_cfg("SOLVER.EPOCHS", 1))
    (tmp_path / "output" / "model_final.pth").write_bytes(b"cut")
    with pytest.raises(ValueError, match="model_final.pth cannot be read"):
        trained(make_cfg("SOLVER.EPOCHS", 1), resume=True)


def test_bfloat16_and_accumulation_train(make_cfg):
    result = trained(make_cfg("SOLVER.AMP.ENABLED", True, "SOLVER.ACCUMULATION_STEPS", 2))
    assert all(p.isfinite().all() for p in result.bare_model.parameters())


def test_batch_and_learning_rate_are_scaled_on_request(make_cfg):
    """Of a batch for two GPUs one has half, with half the learning rate and twice the iterations."""
    batch, rate = make_cfg().SOLVER.IMS_PER_BATCH, make_cfg().SOLVER.BASE_LR
    plain, scaled = SGGTrainer(make_cfg()), SGGTrainer(make_cfg("SOLVER.REFERENCE_WORLD_SIZE", 2))
    assert scaled.cfg.SOLVER.IMS_PER_BATCH == batch // 2
    assert scaled.optimizer.param_groups[-1]["lr"] == pytest.approx(rate / 2)
    assert len(next(iter(scaled.data_loader))) == batch // 2
    assert scaled.iterations_per_epoch == 15 // (batch // 2) > plain.iterations_per_epoch
    assert scaled.max_iter == scaled.iterations_per_epoch * scaled.cfg.SOLVER.EPOCHS


def test_without_test_sets_nothing_is_evaluated(make_cfg):
    assert trained(make_cfg("DATASETS.TEST", ()))._last_eval_results == {}


def test_class_embeddings_are_filled_at_a_fresh_start_only(make_cfg, monkeypatch):
    filled = []
    monkeypatch.setattr(trainer, "fill_class_embeddings", lambda model, cfg: filled.append(model))
    first = trained(make_cfg(), resume=True)
    assert filled == [first.bare_model]
    trained(make_cfg("SOLVER.EPOCHS", 4), resume=True)
    assert len(filled) == 1


def test_weights_start_a_run_at_iteration_zero(make_cfg, tmp_path):
    first = trained(make_cfg())
    cfg = make_cfg("MODEL.WEIGHTS", str(tmp_path / "output" / "model_final.pth"))
    second = SGGTrainer(cfg)
    second.resume_or_load(False)
    assert second.start_iter == 0
    assert torch.equal(second.bare_model.head.weight, first.bare_model.head.weight)
    assert not second.optimizer.state


@pytest.mark.parametrize(
    "frozen", [("MODEL.BACKBONE.FREEZE_AT", 1), ("MODEL.RESNETS.NORM", "FrozenBN")]
)
def test_a_training_does_not_freeze_random_numbers(make_cfg, tmp_path, frozen):
    make_cfg()  # registers the data sets
    cfg = stage_configs(staged_cfg(tmp_path, *frozen))["SPATIAL"]
    built = SGGTrainer(cfg)
    for resume in (False, True):
        with pytest.raises(ValueError, match="MODEL.WEIGHTS is empty, and layers of the backbone"):
            built.resume_or_load(resume)
    torch.save(built.bare_model.state_dict(), tmp_path / "initial.pth")
    cfg.MODEL.WEIGHTS = str(tmp_path / "initial.pth")
    SGGTrainer(cfg).resume_or_load(False)


@pytest.mark.parametrize("config", ["oed_predcls", "oed_sgcls", "oed_sgdet", "detr_action_genome"])
def test_every_full_size_config_says_what_to_start_from(config):
    cfg = next(iter(stage_configs(get_vost_cfg(f"configs/{config}.yaml")).values()))
    cfg.MODEL.DEVICE = "cpu"
    backbone = build_backbone(cfg)
    with pytest.raises(
        ValueError, match="FREEZE_AT 2, .*FrozenBN.*convert_checkpoint.py detr.*R-50.pkl"
    ):
        check_frozen_layers(backbone, cfg)
    cfg.MODEL.WEIGHTS = "initial.pth"
    check_frozen_layers(backbone, cfg)


@pytest.mark.parametrize(("stage", "room"), [("SPATIAL", 2), ("DETECTOR", 3)])
def test_data_with_more_than_the_slots_are_refused_at_the_start(make_cfg, tmp_path, stage, room):
    """The tiny frames have two pairs of three boxes."""
    make_cfg()  # registers the data sets

    def built(queries):
        opts = (*DETECTOR_STAGE, "MODEL.QUERY_INITIALIZER.NUM_QUERIES", queries)
        return SGGTrainer(stage_configs(staged_cfg(tmp_path, *opts))[stage])

    built(room)
    what = "pairs" if stage == "SPATIAL" else "boxes"
    with pytest.raises(
        ValueError, match=f"a frame has {room} annotated {what} and the model {room - 1}"
    ):
        built(room - 1)


def test_resuming_on_other_data_batches_or_seed_is_refused(make_cfg, tmp_path):
    trained(make_cfg())
    with pytest.raises(
        ValueError, match=r"SOLVER.IMS_PER_BATCH changed.*model_final.pth has 4, this run 5"
    ):
        trained(make_cfg("SOLVER.IMS_PER_BATCH", 5), resume=True)
    with pytest.raises(ValueError, match=r"SEED changed.*go on with the old one .*42, this run 7"):
        trained(make_cfg("SEED", 7), resume=True)
    register("tiny_train", tiny_records(tmp_path / "other", VIDEOS | {"D.mp4": 2}))
    with pytest.raises(ValueError, match="the training data changed"):
        trained(make_cfg(), resume=True)


def test_resuming_under_other_conditions_is_warned_of(make_cfg, caplog):
    trained(make_cfg())
    logging.getLogger("vost_sgg").addHandler(caplog.handler)
    torch.set_num_threads(2)
    others = ("SOLVER.ACCUMULATION_STEPS", 2, "SOLVER.AMP.ENABLED", True)
    trained(make_cfg("SOLVER.EPOCHS", 4, *others), resume=True)
    logging.getLogger("vost_sgg").removeHandler(caplog.handler)
    assert "accumulation_steps 1 -> 2, threads 1 -> 2, amp False -> True" in caplog.text
    assert "to the bit" in caplog.text


def test_resuming_from_a_foreign_checkpoint_is_refused(make_cfg, tmp_path):
    built = SGGTrainer(make_cfg())
    torch.save(
        {"model": built.bare_model.state_dict(), "trainer": built.state_dict()},
        tmp_path / "output/foreign.pth",
    )
    (tmp_path / "output" / "last_checkpoint").write_text("foreign.pth")
    with pytest.raises(ValueError, match="--resume: .*foreign.pth says nothing about the run"):
        built.resume_or_load(True)


def test_a_diverged_run_writes_no_checkpoint(make_cfg, tmp_path):
    built = SGGTrainer(make_cfg())
    torch.nn.init.constant_(built.bare_model.head.bias, float("nan"))
    with pytest.raises(FloatingPointError, match="training diverged"):
        built.train()
    assert not any(name.endswith(".pth") for name in files(tmp_path))


def test_an_error_in_the_last_iteration_is_not_followed_by_an_evaluation(
    make_cfg, tmp_path, evaluations
):
    built = SGGTrainer(make_cfg("SOLVER.EPOCHS", 1))

    class Poison(HookBase):
        def before_step(self):
            if self.trainer.iter == 2:
                torch.nn.init.constant_(built.bare_model.head.bias, float("nan"))

    built.register_hooks([Poison()])
    with pytest.raises(FloatingPointError, match="not finite at iteration 2: training diverged"):
        built.train()
    built = SGGTrainer(make_cfg("SOLVER.EPOCHS", 1))
    built.checkpointer.save = then_full(built.checkpointer.save)
    with pytest.raises(OSError, match="File too large: .*model_final.pth"):
        built.train()
    assert evaluations == []
    assert not any(name.startswith("scene_graph_recall") for name in files(tmp_path))


@pytest.mark.parametrize("task", ["predcls", "sgdet"])
def test_a_loss_that_is_no_number_is_named_by_its_iteration(tmp_path, task):
    records = tiny_records(tmp_path / "frames", VIDEOS)
    register("tiny_train", records)
    register("tiny_test", records)
    output = tmp_path / "output"
    built = SGGTrainer(stage_configs(staged_cfg(output, task=task))["SPATIAL"])

    class Poison(HookBase):
        """One bad batch; from then on nothing is a number."""

        def before_step(self):
            bad = self.trainer.iter == 2
            built.bare_model.criterion.weights["loss_object"] = float("nan") if bad else 1.0

    built.register_hooks([Poison()])
    with pytest.raises(FloatingPointError, match="not finite at iteration 2: training diverged"):
        built.train()
    assert not list((output / "spatial").glob("*.pth"))


@pytest.mark.parametrize(
    "key, value, message",
    [
        (
            "DATASETS.TEST",
            ("tiny_tst",),
            "DATASETS.TEST: no data set 'tiny_tst'.*did you mean tiny_test",
        ),
        ("DATASETS.TRAIN", ("tiny_trian",), "DATASETS.TRAIN: no data set 'tiny_trian'.*tiny_train"),
        (
            "MODEL.META_ARCHITECTURE",
            "OneStageSgg",
            "MODEL.META_ARCHITECTURE.*did you mean OneStageSGG",
        ),
        (
            "MODEL.EVALUATOR.NAME",
            "SceneGraphEvaluatr",
            "MODEL.EVALUATOR.NAME.*did you mean SceneGraphEvaluator",
        ),
        ("MODEL.EVALUATOR.PROTOCOL", "odd", "protocol"),
        ("MODEL.TASK", "predclass", "predcls"),
    ],
)
def test_a_misspelt_name_is_found_before_the_training(make_cfg, key, value, message):
    with pytest.raises((KeyError, ValueError), match=message):
        SGGTrainer(make_cfg(key, value))


def test_weights_for_an_evaluation_must_be_named_and_complete(make_cfg, tmp_path):
    with pytest.raises(ValueError, match="--eval-only: name a checkpoint as MODEL.WEIGHTS"):
        load_for_evaluation(make_cfg())
    with pytest.raises(ValueError, match="--eval-only: there is no checkpoint to evaluate in"):
        load_for_evaluation(make_cfg(), resume=True)
    result = trained(make_cfg())
    model = load_for_evaluation(make_cfg(), resume=True)
    assert SGGTrainer.test(make_cfg(), model) == result._last_eval_results
    weights = model.state_dict()
    del weights["norm.weight"]
    torch.save(weights, tmp_path / "part.pth")
    with pytest.raises(ValueError, match="part.pth lacks 1 parameter"):
        load_for_evaluation(make_cfg("MODEL.WEIGHTS", str(tmp_path / "part.pth")))
