"""SceneGraphEvaluator as detectron2's loops, hooks and printouts use it, on one and on two processes."""

import json
import logging

import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from detectron2.data import MetadataCatalog
from detectron2.evaluation import print_csv_format
from detectron2.evaluation.testing import flatten_results_dict

from vost_sgg.config import get_vost_cfg
from vost_sgg.evaluation import EVALUATOR, FrequencyBaseline, SceneGraphEvaluator, SceneGraphRecall

DATASET = "made_up_test"
THINGS = ["person", *(f"thing {i}" for i in range(1, 36))]
NAMES = [f"predicate_{i}" for i in range(26)]


@pytest.fixture(autouse=True)
def metadata():
    MetadataCatalog.get(DATASET).set(
        thing_classes=THINGS, predicate_classes=NAMES, frame_rule="oed"
    )
    yield
    MetadataCatalog.remove(DATASET)


def clip(frames, start=0):
    """One video, every frame a target, and its predictions."""
    records = [
        {"image_id": f"V.mp4/{start + i:06d}.png", "ground_truth": t}
        for i, (t, _) in enumerate(frames)
    ]
    return {"frames": records, "references": {i: [] for i in range(len(frames))}}, [
        p for _, p in frames
    ]


def test_equals_scene_graph_recall_and_suits_detectron2(random_frames, tmp_path, caplog):
    frames = random_frames(30, "predcls")
    evaluator = SceneGraphEvaluator(
        dataset_name=DATASET, task="predcls", output_dir=str(tmp_path / "new")
    )
    (first, first_output), (second, second_output) = clip(frames[:12]), clip(frames[12:], start=12)
    evaluator.process([first, second], [first_output, second_output])
    with caplog.at_level(logging.INFO):
        results = evaluator.evaluate()
    recall = SceneGraphRecall("predcls")
    for truth, prediction in frames:
        recall.update(truth, prediction)
    assert list(results) == ["predcls"]
    assert results["predcls"]["with/R@10"] == 100 * recall.compute()["with"]["R@10"]
    assert results["predcls"]["no/mR_frame@100"] == 100 * recall.compute()["no"]["mR_frame@100"]
    assert all(isinstance(value, float) for value in flatten_results_dict(results).values())
    print_csv_format(results)
    evaluator.reset()
    assert evaluator.evaluate() == {}

    document = json.loads((tmp_path / "new" / f"scene_graph_recall_{DATASET}.json").read_text())
    assert document["methods"]["model"]["recall"] == recall.compute()
    assert document["methods"]["model"]["per_predicate"] == recall.per_predicate()
    assert document["protocol"] == {
        "task": "predcls",
        "name": "oed",
        "constraints": ["with", "no"],
        "nms": None,
        "iou": "plain",
        "semi_threshold": 0.9,
    }
    assert sum(document["predicate_counts"]) > 0
    assert document["frames"] + document["frames_without_pairs"] == 30
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        f"scene_graph_recall_{DATASET}.json",
        f"scene_graph_predictions_{DATASET}.safetensors",
    }


def test_only_the_targets_of_a_clip_are_scored(random_frames):
    frames = [f for f in random_frames(12, "predcls") if len(f[0])]
    inputs, outputs = clip(frames)
    inputs["references"] = {2: [0, 1], 0: [1]}
    evaluator = SceneGraphEvaluator(dataset_name=DATASET, task="predcls")
    evaluator.process([inputs], [[outputs[2], outputs[0]]])
    recall = SceneGraphRecall("predcls")
    for i in (0, 2):
        recall.update(*frames[i])
    assert evaluator.evaluate()["predcls"]["no/R@20"] == 100 * recall.compute()["no"]["R@20"]
    with pytest.raises(ValueError, match="1 predictions for the 2 targets"):
        evaluator.process([inputs], [outputs[:1]])


def test_the_log_names_the_rules_and_shows_both_rows(random_frames, tmp_path, caplog):
    frames = random_frames(20, "predcls")
    cfg = get_vost_cfg()
    cfg.OUTPUT_DIR = str(tmp_path)
    evaluator = EVALUATOR.build(
        cfg,
        dataset_name=DATASET,
        baseline=FrequencyBaseline(truth for truth, _ in frames),
        method="OED",
    )
    inputs, outputs = clip(frames)
    evaluator.process([inputs], [outputs])
    with caplog.at_level(logging.INFO):
        results = evaluator.evaluate()
    left_out = sum(len(truth) == 0 for truth, _ in frames)
    assert "PredCLS, protocol oed (IoU plain, no pair NMS)" in caplog.text
    assert (
        f"{DATASET} (frame rule oed): {20 - left_out} frames scored, {left_out} without"
        in caplog.text
    )
    rows = [line.split() for line in caplog.text.splitlines()]
    model = next(row for row in rows if row[:1] == ["OED"])
    assert model[1] == f"{results['predcls']['with/R@10']:.1f}"
    assert any(row[:2] == ["frequency", "baseline"] for row in rows)
    document = json.loads((tmp_path / f"scene_graph_recall_{DATASET}.json").read_text())
    assert list(document["methods"]) == ["OED", "frequency baseline"]


def test_the_config_names_the_iou_or_leaves_it_to_the_protocol(random_frames, tmp_path, caplog):
    inputs, outputs = clip(random_frames(12, "predcls"))
    for protocol, iou, expected in (
        ("oed", "plus_one", "protocol oed (IoU plus_one"),
        ("sttran", "plain", "protocol sttran (IoU plain"),
        ("sttran", "", "protocol sttran (IoU plus_one"),
    ):
        cfg = get_vost_cfg(opts=["MODEL.EVALUATOR.PROTOCOL", protocol, "MODEL.EVALUATOR.IOU", iou])
        cfg.OUTPUT_DIR = str(tmp_path)
        evaluator = EVALUATOR.build(cfg, dataset_name=DATASET)
        evaluator.process([inputs], [outputs])
        with caplog.at_level(logging.INFO):
            evaluator.evaluate()
        assert expected in caplog.messages[0]
        caplog.clear()


def test_a_model_named_as_the_baseline_is_refused(random_frames):
    baseline = FrequencyBaseline(truth for truth, _ in random_frames(20, "predcls"))
    with pytest.raises(ValueError, match="frequency baseline is a row of its own"):
        SceneGraphEvaluator(
            dataset_name=DATASET, task="predcls", method="frequency baseline", baseline=baseline
        )


def test_predicates_that_never_occur_are_named(random_frames, caplog):
    truth, prediction = next(f for f in random_frames(12, "predcls") if len(f[0]))
    truth.contacting[:, 7] = False
    evaluator = SceneGraphEvaluator(dataset_name=DATASET, task="predcls")
    inputs, outputs = clip([(truth, prediction)])
    evaluator.process([inputs], [outputs])
    with caplog.at_level(logging.INFO):
        evaluator.evaluate()
    assert "mean over 26; absent, so counted as 0:" in caplog.text and "predicate_16" in caplog.text


def test_a_bad_prediction_names_its_frame(random_frames):
    inputs, outputs = clip(random_frames(6, "predcls"))
    outputs[3].scores[:] = float("nan")
    outputs[3].pairs = outputs[3].pairs[:0]
    with pytest.raises(ValueError, match=r"frame V.mp4/000003.png: prediction"):
        SceneGraphEvaluator(dataset_name=DATASET, task="predcls").process([inputs], [outputs])


def test_a_class_outside_the_vocabulary_names_its_frame(random_frames):
    inputs, outputs = clip(random_frames(6, "predcls"))
    outputs[2].classes[0] = 36
    with pytest.raises(ValueError, match=r"V.mp4/000002.png: .*classes holds 36, outside the voca"):
        SceneGraphEvaluator(dataset_name=DATASET, task="predcls").process([inputs], [outputs])


def _evaluate_shard(rank, frames, folder):
    """The second process has no frame."""
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    MetadataCatalog.get(DATASET).set(
        thing_classes=THINGS, predicate_classes=NAMES, frame_rule="oed"
    )
    evaluator = SceneGraphEvaluator(dataset_name=DATASET, task="sgdet", output_dir=str(folder))
    if rank == 0:
        inputs, outputs = clip(frames)
        evaluator.process([inputs], [outputs])
    (folder / f"rank{rank}.json").write_text(json.dumps(evaluator.evaluate()))
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_equal_one_to_the_bit(random_frames, tmp_path):
    frames = random_frames(40)
    mp.spawn(_evaluate_shard, (frames, tmp_path), nprocs=2)
    evaluator = SceneGraphEvaluator(dataset_name=DATASET, task="sgdet")
    inputs, outputs = clip(frames)
    evaluator.process([inputs], [outputs])
    assert json.loads((tmp_path / "rank0.json").read_text()) == evaluator.evaluate()
    assert json.loads((tmp_path / "rank1.json").read_text()) == {}
    assert (tmp_path / f"scene_graph_recall_{DATASET}.json").exists()
