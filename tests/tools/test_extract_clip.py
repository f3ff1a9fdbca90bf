"""From answers to features to a trained model, as a user types it."""

import os

import pytest

from tools import extract_clip, extract_vlm, train_net
from vost_sgg.config import get_vost_cfg


@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_extract_and_verify(mini, tmp_path, capfd, task):
    config = ["--config-file", f"configs/sample/vost_{task}.yaml", "--split", "test"]
    extract_vlm.main([*config, *mini])
    extract_clip.main([*config, *mini])
    output, progress = capfd.readouterr()
    folder = tmp_path / f"priors/ag_sample_mini_test/simulated/{task}/tiny-crop-squash"
    assert f"features: {folder}" in output and "CLIP has random weights" in output
    assert "4 of 4 videos are complete" in output and "CLIP tiny: 100%" in progress
    extract_clip.main([*config, "--verify", *mini])
    assert "4 videos, nothing wrong" in capfd.readouterr().out


def test_a_model_is_trained_on_them(mini, tmp_path, capfd):
    config = ["--config-file", "configs/sample/vost_predcls.yaml"]
    short = ["STAGES.SPATIAL.SOLVER.EPOCHS", "1", "STAGES.TEMPORAL.SOLVER.EPOCHS", "0"]
    with pytest.raises(SystemExit) as stop:
        train_net.main([*config, *mini, *short])
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert stop.value.code == 2 and error.startswith("error: ")
    assert "tools/extract_vlm.py" in error and "tools/extract_clip.py" in error

    for split in ("train", "test"):
        for tool in (extract_vlm, extract_clip):
            tool.main([*config, "--split", split, *mini])
    train_net.main([*config, *mini, *short])
    output = capfd.readouterr().out
    assert "VOST-SGG" in output
    assert (tmp_path / "output/spatial/model_final.pth").is_file()


def test_the_samples_clip_is_trained_where_its_configs_look_for_it(mini, tmp_path, capfd):
    clip = get_vost_cfg("configs/sample/clip.yaml")
    wanted = get_vost_cfg("configs/sample/vost_sgdet.yaml").MODEL.PRIORS.CLIP.WEIGHTS
    assert os.path.normpath(wanted) == os.path.normpath(
        f"{clip.OUTPUT_DIR}/spatial/model_final.pth"
    )

    weights = ["MODEL.PRIORS.CLIP.WEIGHTS", str(tmp_path / "output/spatial/model_final.pth")]
    config = ["--config-file", "configs/sample/vost_predcls.yaml", "--split", "test"]
    extract_vlm.main([*config, *mini])
    with pytest.raises(SystemExit):
        extract_clip.main([*config, *mini, *weights])
    assert "configs/sample/clip.yaml" in capfd.readouterr().err
    short = ["DATASETS.TEST", "()", "STAGES.SPATIAL.SOLVER.EPOCHS", "1"]
    train_net.main(["--config-file", "configs/sample/clip.yaml", *mini, *short])
    extract_clip.main([*config, *mini, *weights])
    assert "4 of 4 videos are complete" in capfd.readouterr().out
