"""An extraction that is killed, shared or given bad input ends with the features of an undisturbed one."""

import json
import signal
from pathlib import Path

import pytest
from detectron2.utils import comm
from safetensors import safe_open
from safetensors.numpy import save

from tests.priors.interrupted_features import CONFIG, extract, prepare
from tests.priors.prior_cfg import VIDEOS, prior_cfg, prior_opts, registered_records
from tests.sudden_death import exit_code, start_process
from tools import extract_clip
from vost_sgg.priors.clip import ClipEncoder
from vost_sgg.priors.files import VideoFile
from vost_sgg.vlm import cache_folder

FEATURES = "priors/tiny_test/simulated/predcls/tiny-overlay-squash"
POINTS = {  # and how many videos are stored when it is killed
    "before the manifest is there": 0,
    "before the vocabulary is stored": 0,
    "in the middle of a video": 0,
    "after a video's file is renamed": 1,
    "before a video's file is renamed": 1,
    "before the report": 3,
}


def run(data, folder, *args):
    prepare(data, folder)
    return exit_code(start_process(extract, data, folder, *args))


def features(folder):
    """The bytes of every finished file."""
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.safetensors"))}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "frames"
    registered_records(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(data, folder, "nowhere") == 0
    found = features(folder / FEATURES)
    assert set(found) == {f"{name}.safetensors" for name in (*VIDEOS, "texts.vocabulary")}
    return found


@pytest.fixture
def answered(data, tmp_path):
    """The test's folder with answers in it, "tiny_test" registered."""
    prepare(data, tmp_path)
    return tmp_path


def command(folder, *flags, opts=()):
    options = [*prior_opts(folder), *opts]
    extract_clip.main(["--config-file", CONFIG, "--split", "test", *flags, *options])


def refused(capfd, folder, *flags, opts=(), status=2):
    with pytest.raises(SystemExit) as stop:
        command(folder, *flags, opts=opts)
    assert stop.value.code == status
    return capfd.readouterr()


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_goes_on(data, undisturbed, tmp_path, point):
    assert run(data, tmp_path, point) == -signal.SIGKILL
    before = set(features(tmp_path / FEATURES)) - {"texts.vocabulary.safetensors"}
    assert len(before) == POINTS[point]
    assert run(data, tmp_path, "nowhere") == 0
    assert features(tmp_path / FEATURES) == undisturbed


def test_a_full_disk_leaves_what_is_stored_and_it_goes_on(data, undisturbed, tmp_path):
    assert run(data, tmp_path, "full while a video's file is written") == 2
    said = (tmp_path / "output/traceback.txt").read_text()
    assert "File too large" in said and "B.mp4.safetensors" in said.splitlines()[-1]
    before = features(tmp_path / FEATURES)
    assert set(before) == {"A.mp4.safetensors", "texts.vocabulary.safetensors"}
    assert run(data, tmp_path, "nowhere") == 0
    assert features(tmp_path / FEATURES) == undisturbed


def test_what_is_stored_is_not_embedded_again(answered, monkeypatch, capsys):
    command(answered)
    (answered / FEATURES / "B.mp4.safetensors").unlink()
    seen, embed = [], ClipEncoder.pictures
    monkeypatch.setattr(
        ClipEncoder, "pictures", lambda self, p: seen.append(len(p)) or embed(self, p)
    )
    command(answered)
    assert seen == [4]  # one frame: the person, who covers the second object, two objects, a union
    assert "3 of 3 videos are complete, 10 frames in them" in capsys.readouterr().out


def test_features_of_answers_that_changed_are_made_anew(answered, capsys):
    command(answered)
    answers = Path(cache_folder(prior_cfg(answered), "tiny_test"))
    before = features(answered / FEATURES)
    changed = (answers / "C.mp4.jsonl").read_text().replace("sitting_on", "standing_on")
    (answers / "C.mp4.jsonl").write_text(changed)
    command(answered)
    after = features(answered / FEATURES)
    assert [name for name in after if after[name] != before[name]] == ["C.mp4.safetensors"]
    assert "CLIP tiny: 100%" in capsys.readouterr().err
    command(answered, "--verify")


def test_every_region_of_a_batch_of_frames_is_in_one_forward(answered, monkeypatch):
    seen, embed = [], ClipEncoder.pictures
    monkeypatch.setattr(
        ClipEncoder, "pictures", lambda self, p: seen.append(len(p)) or embed(self, p)
    )
    command(answered)
    assert seen == [8, 8, 4, 4, 8, 8]  # A: 2 + 2 + 1 frames, B: 1, C: 2 + 2


def test_jobs_of_their_own_share_the_videos(answered, data, undisturbed):
    jobs = [
        start_process(extract, data, answered, "nowhere", ("--shard", f"{i}/2")) for i in range(2)
    ]
    assert [exit_code(job) for job in jobs] == [0, 0]
    assert features(answered / FEATURES) == undisturbed


def test_processes_of_one_job_share_the_videos(answered, undisturbed, monkeypatch, capsys):
    monkeypatch.setattr(comm, "get_world_size", lambda: 2)
    monkeypatch.setattr(comm, "synchronize", lambda: None)
    found = []
    for rank in (1, 0):
        monkeypatch.setattr(comm, "get_rank", lambda rank=rank: rank)
        command(answered)
        found.append({name[0] for name in features(answered / FEATURES)} - {"t"})
    assert found == [{"B"}, {"A", "B", "C"}]
    assert capsys.readouterr().out.count("3 of 3 videos are complete") == 1
    assert features(answered / FEATURES) == undisturbed


def test_the_report_and_the_manifest(answered, capsys):
    command(answered)
    output = capsys.readouterr()
    assert "20 pairs, 6 of them without a predicate and 0 without both boxes" in output.out
    assert "40 regions" in output.out
    assert "CLIP has random weights: these features have no meaning" in output.out
    assert "CLIP tiny: 100%" in output.err and "frame/s" in output.err
    report = json.loads((answered / FEATURES / "report.json").read_text())
    assert (report["videos"], report["frames"], report["skipped"]) == (3, 10, {})
    manifest = json.loads((answered / FEATURES / "manifest.json").read_text())
    assert manifest["random_weights"] is True and manifest["clip"] == "tiny"
    assert manifest["answers"] == {"tag": "simulated", "prompt_version": 1}
    assert manifest["region"] == {"mode": "overlay", "colour": [255, 105, 180], "alpha": 128}


def test_two_settings_never_mix(answered, capfd):
    command(answered)
    error = refused(capfd, answered, opts=["MODEL.PRIORS.REGION.ALPHA", "9"]).err
    assert "region.alpha was 128, is 9" in error and "MODEL.PRIORS.CACHE" in error
    manifest = f"{cache_folder(prior_cfg(answered), 'tiny_test')}/manifest.json"
    with open(manifest, "w") as file:
        json.dump({"tag": "simulated", "prompt_version": 2}, file)
    assert "answers.prompt_version was 1, is 2" in refused(capfd, answered).err
    other = ["MODEL.PRIORS.REGION.MODE", "crop", "MODEL.PRIORS.CLIP.RESIZE", "shortest"]
    command(answered, opts=other)
    assert (answered / FEATURES).with_name("tiny-crop-shortest").is_dir()


def test_without_answers_it_names_the_tool(data, tmp_path, capfd):
    registered_records(data)
    error = refused(capfd, tmp_path).err.strip().splitlines()[-1]
    assert error.startswith("error: ") and "tools/extract_vlm.py" in error


def test_an_unreadable_frame_is_skipped_counted_and_listed(tmp_path, capsys):
    prepare(tmp_path / "frames", tmp_path)
    (tmp_path / "frames/A.mp4/000008.png").write_bytes(b"no image")
    command(tmp_path)
    assert "1 unreadable frames, skipped: A.mp4/000008.png" in capsys.readouterr().out
    file = VideoFile(str(tmp_path / FEATURES / "A.mp4.safetensors"))
    assert file.region_rows[:2].min() == 0 and (file.region_rows[2:4] == -1).all()
    assert "cannot be read" in file.skipped["A.mp4/000008.png"]
    assert str(tmp_path) not in json.dumps(file.skipped)


def test_verify_finds_what_differs(answered, capfd):
    command(answered)
    command(answered, "--verify")
    assert "complete, 10 frames of 3 videos, nothing wrong" in capfd.readouterr().out
    folder = answered / FEATURES
    (folder / "B.mp4.safetensors").unlink()
    (folder / "A.mp4.safetensors").write_bytes((folder / "C.mp4.safetensors").read_bytes())
    output = refused(capfd, answered, "--verify", status=1).out
    assert "A.mp4: the VLM's answers changed since" in output
    assert "B.mp4.safetensors: the video has no features" in output
    assert "2 problems in 10 frames" in output


def altered(path, **changes):
    """The file with some of its tensors changed."""
    with safe_open(path, framework="np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = file.metadata()
    path.write_bytes(
        save({n: changes.get(n, lambda v: v)(v) for n, v in tensors.items()}, metadata)
    )


def test_verify_compares_boxes_and_regions(answered, capfd):
    command(answered)
    altered(answered / FEATURES / "A.mp4.safetensors", boxes=lambda boxes: boxes[::-1].copy())
    altered(answered / FEATURES / "B.mp4.safetensors", region_rows=lambda rows: rows - 1)
    output = refused(capfd, answered, "--verify", status=1).out
    assert "A.mp4/000001.png: its pairs are not those of the answer" in output
    assert "B.mp4/000001.png: its regions are not those of its pairs" in output
    assert "6 problems in 10 frames" in output
