"""The best and worst frames of prediction files, drawn as the command's user types it."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.tiny import register, tiny_records
from tools import visualize_predictions
from vost_sgg.data.frames import frame_ground_truth
from vost_sgg.evaluation import SceneGraphEvaluator
from vost_sgg.structures import FramePrediction

# All triplets of a frame of the tiny data set are among the first hundred.
ALL = ["--constraint", "no", "--rank", "100"]


def write_file(folder, records, known, *, method, task="predcls", dataset="tiny_test"):
    """Predictions that find the labels of the videos ``known``, and of the others what is not annotated."""
    evaluator = SceneGraphEvaluator(
        dataset_name=dataset, task=task, method=method, output_dir=str(folder)
    )
    for record in records:
        truth = frame_ground_truth(record)
        found = [
            labels == (record["video_id"] in known)
            for labels in (truth.attention, truth.spatial, truth.contacting)
        ]
        given = truth.boxes, truth.classes, np.ones(len(truth.boxes)), truth.pairs
        prediction = FramePrediction(*given, *(group * 0.5 for group in found))
        evaluator.update(truth, prediction, record["image_id"])
    evaluator.evaluate()
    return str(folder / f"scene_graph_predictions_{dataset}.safetensors")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Ours knows video A, the other B, nobody C."""
    monkeypatch.chdir(tmp_path)
    records = tiny_records(tmp_path / "frames", {"A.mp4": 2, "B.mp4": 2, "C.mp4": 1})
    register("tiny_test", records)
    register("tiny_other", records[:2])
    ours = write_file(tmp_path / "ours", records, ["A.mp4"], method="ours")
    other = write_file(tmp_path / "other", records, ["B.mp4"], method="other")
    return SimpleNamespace(ours=ours, other=other, records=records)


def test_best_and_worst_frames_are_drawn_one_of_a_video(files, tmp_path, capsys):
    argv = [files.ours, files.other, "--output", "new/pictures", "--num-frames", "2", *ALL]
    visualize_predictions.main(argv)
    lines = capsys.readouterr().out.splitlines()
    names = ["best_1", "best_2", "worst_1", "worst_2"]
    assert [line.split(": ")[0] for line in lines] == [f"new/pictures/{n}.png" for n in names]
    assert sorted(p.name for p in (tmp_path / "new/pictures").iterdir()) == [
        f"{n}.png" for n in names
    ]
    assert "A.mp4/" in lines[0] and lines[0].endswith("ours 100.0 %, other 0.0 %")
    videos = {line.split(": ")[1].split("/")[0] for line in lines[2:]}
    assert videos == {"B.mp4", "C.mp4"} and all("ours 0.0 %" in line for line in lines[2:])


def test_a_file_is_a_column(files, tmp_path, capsys):
    image_id = "B.mp4/000008.png"
    widths = []
    for arguments in ([files.ours], [files.ours, f"a second={files.other}"]):
        argv = [*arguments, "--output", "pictures", "--image-id", image_id, *ALL]
        visualize_predictions.main(argv)
        widths.append(Image.open(tmp_path / "pictures/B.mp4_000008.png").width)
    assert widths[1] > 1.4 * widths[0]
    assert capsys.readouterr().out.splitlines()[1].endswith("ours 0.0 %, a second 100.0 %")


def test_a_frame_without_a_prediction_is_drawn(files, tmp_path, capsys):
    few = write_file(tmp_path / "few", files.records[:2], ["A.mp4"], method="few")
    visualize_predictions.main([few, "--output", "pictures", "--image-id", "C.mp4/000001.png"])
    assert "few 0.0 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nothing.safetensors"], "there is no prediction file nothing.safetensors"),
        (["{ours}", "{ours}"], "are both of ours: give one another title, NAME="),
        (["{ours}", "{sgdet}"], "compare one task"),
        (["{ours}", "--dataset", "tiny_other"], "3 of its 5 frames are not in the data set"),
        (["{ours}", "--dataset", "tiny_othr"], "did you mean tiny_other"),
        (["{ours}", "--image-id", "A.mp4/000002.png"], "named like A.mp4/000001.png"),
        (["=x"], "a run is PATH or NAME=PATH"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(files, tmp_path, capsys, argv, said):
    paths = {"ours": files.ours}
    if "{sgdet}" in argv:
        records = {"records": files.records, "known": ["A.mp4"], "method": "boxes"}
        paths["sgdet"] = write_file(tmp_path / "sgdet", **records, task="sgdet")
    with pytest.raises(SystemExit, match="^2$"):
        visualize_predictions.main([a.format(**paths) for a in argv] + ["--output", "pictures"])
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and said in errors[0]
    assert not (tmp_path / "pictures").exists()
