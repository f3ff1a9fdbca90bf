"""The sample of AVA: two worlds in its format, the commands that evaluate in them, and the picture."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from detectron2.data import DatasetCatalog
from PIL import Image

from projects.ava import compare, figure
from projects.ava.catalog import WORLDS, sample_name
from projects.ava.drawing import Panel, draw_panels
from projects.ava.sample import generate
from projects.ava.sample.clips import SECONDS, SampleClip
from projects.ava.sample.simulated import SimulatedAVAVLM, scene_graph_records
from projects.ava.sample.worlds import World
from tests.untrained import untrained_cfg
from tools import extract_vlm, train_net
from vost_sgg.data.sample.figure import stand


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """$DETECTRON2_DATASETS with the two samples, of four clips each."""
    folder = tmp_path_factory.mktemp("ava")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "CLIPS", 4)
        patch.setattr(generate, "_POOL", 12)
        patch.setattr(generate, "_TRAIN_EVERY", 2)
        patch.setenv("DETECTRON2_DATASETS", str(folder))
        yield folder


def dataset(world: str, split: str = "val") -> list[dict]:
    return DatasetCatalog.get(sample_name(world, split))


def test_both_worlds_have_the_same_persons_and_actions_in_other_pictures(root):
    familiar, shifted = (dataset(world) for world in WORLDS)
    assert len(familiar) == len(shifted) > 0
    for a, b in zip(familiar, shifted, strict=True):
        assert a["image_id"] == b["image_id"] and (a["width"], a["height"]) == (
            b["width"],
            b["height"],
        )
        # The actor's; a bystander may be in one camera's picture and not in the other's.
        assert a["person_actions"][0].tolist() == b["person_actions"][0].tolist()
        assert a["annotations"][0]["bbox"] != b["annotations"][0]["bbox"]
        pictures = [np.asarray(Image.open(r["file_name"]), int) for r in (a, b)]
        assert np.abs(pictures[0] - pictures[1]).mean() > 10
        for record in (a, b):
            boxes = np.array([p["bbox"] for p in record["annotations"]])
            assert (boxes >= 0).all() and (boxes <= [[record["width"], record["height"]] * 2]).all()


def test_files_are_in_avas_format_and_depend_on_nothing_but_the_code(root, tmp_path):
    dataset("shifted")
    folder = root / "ava_sample_shifted/annotations"
    rows = list(csv.reader((folder / "ava_val_v2.2.csv").open()))
    assert {len(row) for row in rows} == {8} and all(len(row[0]) == 11 for row in rows)
    assert {row[1] for row in rows} <= {f"{second:04d}" for second in SECONDS}
    clips = {path.stem for path in (root / "ava_sample_shifted/videos_15min").iterdir()}
    assert len(clips) == 4 and {row[0] for row in rows} <= clips
    excluded = csv.reader((folder / "ava_val_excluded_timestamps_v2.2.csv").open())
    assert {tuple(row) for row in excluded}.isdisjoint(
        (r["video_id"], f"{r['frame_number']:04d}") for r in dataset("shifted")
    )
    # Nothing on disk tells of objects.
    names = {path.name for path in folder.iterdir()}
    assert names == {
        f"ava_{s}{e}_v2.2.csv" for s in ("train", "val") for e in ("", "_excluded_timestamps")
    } | {"ava_action_list_v2.2.pbtxt"}
    generate.ensure_ava_sample(str(tmp_path / "again"), "shifted")
    assert _digests(tmp_path / "again") == _digests(root / "ava_sample_shifted")


def _digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.suffix in (".csv", ".png")]
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_an_old_sample_is_rebuilt_and_somebody_elses_files_are_left_alone(
    root, tmp_path, monkeypatch
):
    monkeypatch.setattr(generate, "CLIPS", 1)
    target = tmp_path / "sample"
    generate.ensure_ava_sample(str(target), "familiar")
    marker = target / "marker"
    marker.touch()
    generate.ensure_ava_sample(str(target), "familiar")
    assert marker.exists()
    monkeypatch.setattr(generate, "VERSION", "another")
    generate.ensure_ava_sample(str(target), "familiar")
    assert not marker.exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="left alone"):
        generate.ensure_ava_sample(str(tmp_path / "mine"), "familiar")


def test_the_familiar_world_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (160, 224, 3), dtype=np.uint8)
    world, boxes = World.familiar((224, 160)), np.array([[3.0, 5.0, 40.0, 60.0]])
    assert (world.picture(image) == image).all() and (world.boxes(boxes) == boxes).all()


def test_boxes_follow_the_camera():
    clips = (SampleClip(1, index, world="shifted") for index in range(20))
    clip = next(c for c in clips if c.look.camera[0, 0] < 0)  # mirrored
    look, (width, height) = clip.look, clip.look.size
    body = stand(60.0, np.array([width / 2, height / 2 + 20]), "right")
    marked = np.zeros((height, width, 3), np.uint8)
    for points in body.joints().values():
        for x, y in points.astype(int):
            marked[y - 1 : y + 2, x - 1 : x + 2] = 255
    seen = np.argwhere(look.picture(marked).max(-1) > 40)[:, ::-1]
    x0, y0, x1, y1 = look.body_box(body)
    assert len(seen) and ((seen >= [x0, y0]) & (seen <= [x1, y1])).all()
    # A box of the play goes along, and is cut off where the picture ends.
    x0, y0, x1, y1 = look.boxes(body.box()[None])[0]
    assert ((seen >= [x0, y0]) & (seen <= [x1, y1])).all()
    assert look.boxes(np.array([[-1e4, -1e4, 1e4, 1e4]])).tolist() == [[0, 0, width, height]]


def test_the_simulated_vlm_is_told_what_is_behind_the_keyframes(root):
    name = sample_name("shifted", "val")
    records = {r["image_id"]: r for r in scene_graph_records(name)}
    for frame in dataset("shifted"):
        told = records[frame["image_id"]]
        actor = (
            frame["annotations"][frame["person_ids"].index(0)] if 0 in frame["person_ids"] else None
        )
        if actor:
            np.testing.assert_allclose(told["annotations"][0]["bbox"], actor["bbox"], atol=0.3)
        boxes = np.array([a["bbox"] for a in told["annotations"]])
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert told["contacting"].any(1).all() and (told["attention"].sum(1) == 1).all()
    with pytest.raises(ValueError, match="not about ava_val: use a real model there"):
        SimulatedAVAVLM(dataset_name="ava_val")


def test_compare_prints_how_far_each_falls_and_names_what_is_not_trained(root, tmp_path, capsys):
    opts = ["MODEL.VLM.CACHE", str(tmp_path / "vlm"), "MODEL.WEIGHTS", str(tmp_path / "none.pth")]
    arguments = ["--models", "oed", "vlm", "--output-dir", str(tmp_path / "out"), *opts]
    assert compare.main(arguments) == 0
    said = capsys.readouterr().out
    assert f"OED has no row: there is no {tmp_path}/none.pth: tools/train_net.py" in said
    document = json.loads((tmp_path / "out/compare.json").read_text())
    assert document["models"]["OED"] is None and list(document["untrained"]) == ["OED"]
    before, after = (document["models"]["simulated VLM"][world] for world in WORLDS)
    row = next(line for line in reversed(said.splitlines()) if line.startswith("simulated VLM "))
    assert f"{100 * before['mAP']:.1f} -> {100 * after['mAP']:.1f}" in row
    assert 0 < before["found"] <= 1
    # The picture, from the prediction files that the two evaluations left.
    files = [
        str(tmp_path / f"out/vlm_sgdet/scene_graph_predictions_{sample_name(w, 'val')}.safetensors")
        for w in WORLDS
    ]
    picture = tmp_path / "figure.png"
    ids = [dataset("shifted")[0]["image_id"]]
    arguments = ["--ours", files[1], "--vlm", files[1], "--output", str(picture)]
    assert figure.main([*arguments, "--image-id", *ids]) == 0
    assert Image.open(picture).size[0] >= 440
    assert figure.main([*arguments, "--image-id", "nobody/000902.png"]) == 2
    assert figure.main([*arguments, "--samples", "0"]) == 2
    assert figure.main([*arguments[:-1], str(tmp_path / "figure.txt")]) == 2
    assert figure.main(["--ours", files[0], "--vlm", files[1], "--output", str(picture)]) == 2
    errors = capsys.readouterr().err
    assert "no such keyframe" in errors and "at least one person" in errors
    assert "a picture's name ends in .png or .jpg" in errors
    assert "is about ava_sample_familiar_val" in errors


def test_compare_takes_an_ablations_weights_and_names_a_clip_that_is_not_there(
    root, tmp_path, capsys
):
    for model in ("oed", "vost"):
        spatial = "MODEL.TEMPORAL_AGGREGATOR.NAME", "NoAggregation"
        made = untrained_cfg(f"{model}_sgdet", tmp_path, *spatial).MODEL.WEIGHTS
        folder = tmp_path / "runs" / model / "seed0" / "spatial"
        folder.mkdir(parents=True)
        Path(made).rename(folder / "model_final.pth")
    arguments = ["--models", "oed", "dsqi", "vost", "--output-dir", str(tmp_path / "out")]
    arguments += ["--trained-in", str(tmp_path / "runs/{}/seed0"), "INPUT.MIN_SIZE_TEST", "48"]
    arguments += ["MODEL.VLM.CACHE", str(tmp_path / "vlm")]
    arguments += ["MODEL.PRIORS.CACHE", str(tmp_path / "priors"), "MODEL.PRIORS.CLIP.WEIGHTS"]
    rows = {}
    for clip in (str(tmp_path / "clip.pth"), "random"):
        assert compare.main([*arguments, clip]) == 0
        said = capsys.readouterr().out
        document = json.loads((tmp_path / "out/compare.json").read_text())
        rows[clip] = {name for name, worlds in document["models"].items() if worlds}
        untrained = document["untrained"]
        absent = f"there is no {tmp_path}/runs/dsqi/seed0/spatial/model_final.pth"
        assert absent in untrained["DSQI"] and "DSQI has no row: " in said
        if clip != "random":
            assert clip in untrained["VOST-SGG"]
            assert "configs/sample/clip.yaml" in untrained["VOST-SGG"]
    without, with_clip = rows.values()
    assert with_clip - without == {"VOST-SGG"} and "OED" in without


def test_the_tools_extract_and_evaluate_by_the_config_alone(root, tmp_path, capsys):
    config = ["--config-file", "projects/ava/configs/sample/vlm_sgdet.yaml"]
    keys = ["MODEL.VLM.CACHE", str(tmp_path / "vlm"), "OUTPUT_DIR", str(tmp_path / "out")]
    extract_vlm.main([*config, "--split", "test", *keys])
    train_net.main([*config, "--eval-only", *keys])
    said = capsys.readouterr().out
    assert "AVA actions, simulated VLM on ava_sample_shifted_val" in said
    document = json.loads((tmp_path / "out/ava_actions_ava_sample_shifted_val.json").read_text())
    assert document["persons"] > 0 and document["keyframes_without_prediction"] == []


def test_the_picture_tells_right_from_wrong_without_colour():
    image = np.full((40, 60, 3), 128, np.uint8)
    right = Panel(image, np.array([5, 5, 30, 35]), ["sit"], [["sit"], ["sit"]])
    wrong = Panel(image, np.array([5, 5, 30, 35]), ["sit"], [["sit"], ["touch (an object)"]])
    pictures = [draw_panels([p], ["VOST-SGG", "VLM"]).mean(-1) for p in (right, wrong)]
    assert pictures[0].shape == pictures[1].shape
    differs = np.abs(pictures[0] - pictures[1]) > 60  # of luminance
    half = differs.shape[1] // 2
    assert differs[:, half:].any() and not differs[:, :half].any()
