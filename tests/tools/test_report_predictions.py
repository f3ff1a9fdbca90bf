"""The report of a data set's video, as its user makes it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import register, tiny_records
from tools import report_predictions
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.evaluation import SceneGraphEvaluator
from vost_sgg.structures import FramePrediction


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Of video A a first frame with all that is annotated, a second whose contacts are wrong, and no third."""
    monkeypatch.chdir(tmp_path)
    records = tiny_records(tmp_path / "frames", {"A.mp4": 3, "B.mp4": 1})
    register("tiny_test", records)
    evaluator = SceneGraphEvaluator(
        dataset_name="tiny_test", task="predcls", method="ours", output_dir=str(tmp_path)
    )
    for number, record in enumerate(records[:2]):
        truth = frame_ground_truth(record)
        given = truth.boxes, truth.classes, np.ones(len(truth.boxes)), truth.pairs
        contacting = truth.contacting if number == 0 else ~truth.contacting
        # Of several annotated attention predicates a prediction has one.
        attention = np.eye(3)[truth.attention.argmax(1)]
        named = FramePrediction(*given, attention, truth.spatial * 0.9, contacting * 0.5)
        evaluator.update(truth, named, record["image_id"])
    evaluator.evaluate()
    return str(tmp_path / "scene_graph_predictions_tiny_test.safetensors"), records


def shown(path) -> dict:
    """The data in the page."""
    pattern = r'<script type="application/json" id="payload">(.*?)</script>'
    return json.loads(re.search(pattern, path.read_text()).group(1))


def test_predictions_are_judged_against_the_annotation(file, tmp_path, capsys):
    path, records = file
    report = tmp_path / "report.html"
    report_predictions.main([path, "--video", "A.mp4", "--output", str(report)])
    assert "3 frames. Open " in capsys.readouterr().out
    page = shown(report)
    assert page["title"] == "A.mp4 of tiny_test" and page["model"]["method"] == "ours"
    assert len(page["images"]) == 3
    for record, frame in zip(records, page["frames"], strict=False):
        truth = frame_ground_truth(record)
        relations = frame["ground_truth"]["relations"]
        total = truth.attention.sum() + truth.spatial.sum() + truth.contacting.sum()
        assert len(relations) == total
        assert frame["time"] == frame["index"] == record["frame_index"]
    right, wrong, none = page["frames"]
    assert right["matches"] and None not in right["matches"]
    said = zip(wrong["relations"], wrong["matches"], strict=True)
    assert {r["group"] for r, hit in said if hit is None} == {"contacting"}
    assert not none["relations"] and none["ground_truth"]["relations"]


def test_least_score_leaves_out_what_is_below(file, tmp_path):
    report = tmp_path / "report.html"
    options = ["--output", str(report), "--confidence", "0.6"]
    report_predictions.main([file[0], "--video", "A.mp4", *options])
    relations = [r for frame in shown(report)["frames"] for r in frame["relations"]]
    assert {r["group"] for r in relations} == {"attention", "spatial"}


@pytest.mark.parametrize(
    ("file_name", "video", "said"),
    [("none.safetensors", "A.mp4", "there is no prediction file"), ("", "C.mp4", "did you mean")],
)
def test_bad_input_is_one_line_and_nothing_is_written(file, capsys, file_name, video, said):
    with pytest.raises(SystemExit, match="^2$"):
        report_predictions.main([file_name or file[0], "--video", video, "--output", "r.html"])
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error


def test_a_missing_frame_is_named_and_nothing_is_written(file, tmp_path, capsys):
    path, records = file
    Path(records[1]["file_name"]).unlink()
    with pytest.raises(SystemExit, match="^2$"):
        report_predictions.main([path, "--video", "A.mp4", "--output", "r.html"])
    assert "is missing" in capsys.readouterr().err and not (tmp_path / "r.html").exists()
