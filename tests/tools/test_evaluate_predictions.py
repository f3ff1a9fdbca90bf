"""A prediction file scored again as its user types it; the command that writes it, on one and on two processes."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from tests.tiny import TinySceneGraphModel, register, tiny_cfg, tiny_records
from tools import count_triplets, evaluate_predictions, train_net
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.evaluation import FrequencyBaseline, SceneGraphEvaluator, SceneGraphRecall
from vost_sgg.evaluation.prediction_file import PredictionFile
from vost_sgg.structures import FramePrediction

VIDEOS = {"A.mp4": 6, "B.mp4": 1, "C.mp4": 4}


@pytest.fixture
def records(tmp_path):
    records = tiny_records(tmp_path / "frames", VIDEOS, write=False)
    register("tiny_train", records[:5])
    register("tiny_test", records)
    return records


def made_up_prediction(generator, record):
    """Six slots near the annotated objects, in float64: more digits than the file keeps."""
    truth = frame_ground_truth(record)
    things = generator.integers(1, 3, 6)
    boxes = np.concatenate((np.repeat(truth.boxes[:1], 6, 0), truth.boxes[things]))
    slots = np.arange(6)
    return FramePrediction(
        boxes + generator.normal(0, 2, (12, 4)),
        np.concatenate((np.zeros(6, int), generator.choice([5, 17, 3], 6))),
        generator.random(12),
        np.stack((slots, 6 + slots), axis=1),
        generator.dirichlet(np.ones(3), 6),
        generator.random((6, 6)),
        generator.random((6, 17)),
    )


@pytest.fixture
def evaluated(records, tmp_path):
    """The file of an SGDET evaluation, its table's text and its JSON."""
    generator = np.random.default_rng(0)
    evaluator = SceneGraphEvaluator(
        dataset_name="tiny_test",
        task="sgdet",
        constraints=("with", "semi"),
        nms="oed",
        semi_threshold=0.6,
        method="mine",
        baseline=FrequencyBaseline(map(frame_ground_truth, records[:5])),
        training=["tiny_train"],
        output_dir=str(tmp_path / "output"),
    )
    frames = [{**r, "ground_truth": frame_ground_truth(r)} for r in records]
    clip = {"frames": frames, "references": {i: [] for i in range(len(frames))}}
    evaluator.process([clip], [[made_up_prediction(generator, r) for r in records]])
    evaluator.evaluate()
    output = tmp_path / "output"
    document = json.loads((output / "scene_graph_recall_tiny_test.json").read_text())
    return str(output / "scene_graph_predictions_tiny_test.safetensors"), document


def run(capsys, *argv):
    evaluate_predictions.main([str(word) for word in argv])
    return capsys.readouterr().out


def refused(capsys, *argv):
    with pytest.raises(SystemExit) as stop:
        evaluate_predictions.main([str(word) for word in argv])
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_the_file_scores_to_the_bit_as_the_evaluation_did(evaluated, tmp_path, capsys, caplog):
    file, document = evaluated
    out = run(capsys, file, "--json", tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == document
    assert list(document["methods"]) == ["mine", "frequency baseline"]
    assert document["unseen"]["triplets"] > 0 and "object_ap" in document
    assert "SGDET, protocol oed (IoU plain, pair NMS oed)" in out
    assert "Semi constraint: spatial and contacting predicates above 0.6" in out
    mean = 100 * document["methods"]["mine"]["recall"]["with"]["R@10"]
    assert f"mine                {mean:.1f} /" in out and "Object AP" in out


def test_another_protocol(evaluated, records, tmp_path, capsys):
    file, _ = evaluated
    options = ["--protocol", "sttran", "--constraints", "no", "with_per_pair", "--nms", "none"]
    out = run(capsys, file, *options, "--train", "--json", tmp_path / "scores.json")
    recall = SceneGraphRecall("sgdet", protocol="sttran", constraints=("no", "with_per_pair"))
    for record in records:
        prediction = PredictionFile(file).prediction(record["image_id"])
        recall.update(frame_ground_truth(record), prediction)
    document = json.loads((tmp_path / "scores.json").read_text())
    assert document["methods"]["mine"]["recall"] == recall.compute()
    assert document["protocol"]["iou"] == "plus_one" and document["unseen"] is None
    assert document["protocol_frame_rule"] == "sttran_filtersmall"
    assert "sttran's own: sttran_filtersmall" in out and "frequency" not in out


def test_ceiling_analysis_and_a_list_of_triplets(evaluated, tmp_path, capsys):
    file, document = evaluated
    count_triplets.main(
        ["tiny_train", "--output", str(tmp_path / "list.json"), "--unseen-in", "tiny_test"]
    )
    said = capsys.readouterr().out
    assert f"{document['unseen']['triplets']} triplets, are zero-shot" in said
    options = ["--triplets", tmp_path / "list.json", "--ceiling", "--analysis"]
    out = run(capsys, file, *options, "--json", tmp_path / "more.json")
    more = json.loads((tmp_path / "more.json").read_text())
    ceiling = more.pop("ceiling")
    assert more == document
    for constraint, values in document["methods"]["mine"]["recall"].items():
        assert all(value <= ceiling[constraint][name] for name, value in values.items())
    for words in ("ceiling (knows the labels)", "zero-shot", "head / body / tail", "holding"):
        assert words in out


def test_annotations_alone(records, tmp_path, capsys):
    options = ["--dataset", "tiny_test", "--train", "tiny_train", "--ceiling"]
    out = run(capsys, *options, "--json", tmp_path / "scores.json")
    assert "PredCLS" in out and "ceiling (knows the labels)" in out
    baseline = FrequencyBaseline(map(frame_ground_truth, records[:5]))
    recall = SceneGraphRecall("predcls", training=baseline.counts)
    for record in records:
        truth = frame_ground_truth(record)
        recall.update(truth, baseline.predict_given(truth))
    document = json.loads((tmp_path / "scores.json").read_text())
    assert document["methods"]["frequency baseline"]["recall"] == recall.compute()
    assert document["frames"] == recall.frames and document["unseen"] == recall.unseen
    assert document["predicate_counts"] == recall.predicate_counts


def test_a_frame_without_a_prediction_counts_and_is_said(evaluated, records, tmp_path, capsys):
    file, document = evaluated
    more = tiny_records(tmp_path / "frames", VIDEOS | {"D.mp4": 2}, write=False)
    register("tiny_test", more)
    out = run(capsys, file, "--json", tmp_path / "scores.json")
    assert "has no prediction of 2 frames of the data set, the first is D.mp4/000001.png" in out
    assert "2 frames have no prediction: they count 0" in out
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["frames_without_prediction"] == 2
    before, after = (d["methods"]["mine"]["recall"]["with"]["R@10"] for d in (document, scores))
    assert after == pytest.approx(before * len(records) / len(more))


def test_bad_input_is_one_line(evaluated, records, tmp_path, capsys):
    file, _ = evaluated
    assert "name a FILE, or a --dataset" in refused(capsys)
    assert "add --train or --triplets" in refused(capsys, "--dataset", "tiny_test")
    assert "did you mean tiny_test" in refused(capsys, file, "--dataset", "tiny_tests")
    assert "there is no prediction file none" in refused(capsys, "none")
    assert "is no list of training triplets" in refused(capsys, file, "--triplets", file)
    assert "semi_threshold must be in [0, 1)" in refused(capsys, file, "--semi-threshold", "2")
    register("tiny_test", records[3:])
    error = refused(capsys, file)
    assert "3 of its 11 frames are not in the data set, such as A.mp4/000001.png" in error


def test_a_score_that_is_no_probability_names_file_and_frame(evaluated, capsys):
    file, _ = evaluated
    arrays = load_file(file)
    arrays["spatial"][8, 2] = np.nan
    with_header(file, arrays)
    error = refused(capsys, file)
    assert f"{file}, frame A.mp4/000008.png: prediction.spatial holds NaN" in error


def with_header(file, arrays=None, **fields):
    """Writes ``file`` again with other arrays, or with other fields in its header."""
    with open(file, "rb") as content:
        length = int.from_bytes(content.read(8), "little")
        about = json.loads(json.loads(content.read(length))["__metadata__"]["about"])
    save_file(arrays or load_file(file), file, {"about": json.dumps(about | fields)})


def test_rules_of_another_library_are_refused(evaluated, capsys):
    file, _ = evaluated
    with_header(file, rules={"protocol": "oed", "jitter": 3})
    assert f"{file} was scored by other rules: jitter" in refused(capsys, file)


def test_another_vocabulary_is_refused(evaluated, capsys):
    from detectron2.data import MetadataCatalog

    file, _ = evaluated
    metadata = MetadataCatalog.get("tiny_test")
    names = list(metadata.predicate_classes)
    names[3:5] = names[4], names[3]
    MetadataCatalog.remove("tiny_test")
    MetadataCatalog.get("tiny_test").set(
        thing_classes=metadata.thing_classes, predicate_classes=names
    )
    assert "another vocabulary than the data set: predicate 3 is above, here beneath" in refused(
        capsys, file
    )


@pytest.mark.slow
def test_two_processes_evaluate_as_one(tmp_path, monkeypatch, capfd):
    """The command on videos of 4, 1 and 3 frames: the same table, the same JSON, the same bytes of predictions."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setenv("TINY_FRAMES", str(tmp_path / "frames"))
    tiny_records(tmp_path / "frames", {"A.mp4": 4, "B.mp4": 1, "C.mp4": 3})
    cfg = tiny_cfg(tmp_path, "IMPORTS", ("tests.evaluation.tiny_datasets",))
    weights = TinySceneGraphModel(cfg).state_dict()
    torch.save({"model": weights}, tmp_path / "weights.pth")
    (tmp_path / "tiny.yaml").write_text(cfg.dump())
    files = ("scene_graph_recall_tiny_test.json", "scene_graph_predictions_tiny_test.safetensors")
    results = []
    for processes in ("1", "2"):
        output = tmp_path / processes
        options = ["--eval-only", "--num-gpus", processes, "MODEL.WEIGHTS"]
        options += [str(tmp_path / "weights.pth"), "OUTPUT_DIR", str(output)]
        train_net.main(["--config-file", str(tmp_path / "tiny.yaml"), *options])
        table = capfd.readouterr().out.partition("Scene graph recall\n")[2].partition("\n[")[0]
        results.append((table, *((output / name).read_bytes() for name in files)))
        assert {path.name for path in output.iterdir()} >= set(files)
        assert not list(output.glob("*.part"))
    assert results[0] == results[1] and "TinySceneGraphModel" in results[0][0]
