"""Pictures of a data set and of what a config's model is fed, as the command's user asks for them."""

import numpy as np
import pytest
from PIL import Image

from tests.data.ag_fixture import person, thing, write_action_genome
from tests.priors.prior_cfg import prior_opts, registered_records, write_answers
from tests.tiny import register
from tools import visualize_data
from vost_sgg.config import get_vost_cfg


@pytest.fixture
def visualize(tmp_path, monkeypatch):
    """The tool's main, with an Action Genome of two frames under $DETECTRON2_DATASETS."""
    root = tmp_path / "action_genome"
    keys = ["AAAAA.mp4/000003.png", "AAAAA.mp4/000009.png"]
    metadata = {"set": "test"}
    write_action_genome(
        root,
        {key: person((96, 64), (10.0, 5.0, 60.0, 60.0)) for key in keys},
        {key: [{**thing("dish", (5.0, 6.0, 20.0, 8.0)), "metadata": metadata}] for key in keys},
    )
    (root / "frames" / "AAAAA.mp4").mkdir()
    for red, key in enumerate(keys):
        image = np.full((64, 96, 3), (120 * red + 60, 90, 30), np.uint8)
        Image.fromarray(image).save(root / "frames" / key)
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    return visualize_data.main


@pytest.mark.parametrize("which", [["--index", "1"], ["--image-id", "AAAAA.mp4/000009.png"]])
def test_the_asked_for_frame_is_drawn(visualize, tmp_path, capsys, which):
    output = str(tmp_path / "picture.png")
    visualize(["--dataset", "action_genome_test", *which, "--output", output])
    assert "AAAAA.mp4/000009.png" in capsys.readouterr().out
    picture = np.asarray(Image.open(output))
    assert (picture == (180, 90, 30)).all(axis=-1).mean() > 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "action_genom_test"], "did you mean action_genome_test"),
        (["--dataset", "action_genome_test", "--index", "2"], "frames 0 to 1"),
        (["--dataset", "action_genome_test", "--image-id", "X"], "AAAAA.mp4/000003.png"),
        (["--config-file", "nothing.yaml"], "nothing.yaml"),
    ],
)
def test_what_does_not_exist_is_named(visualize, tmp_path, capsys, arguments, said):
    with pytest.raises(SystemExit, match="^2$"):
        visualize([*arguments, "--output", str(tmp_path / "picture.png")])
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and said in errors[0]
    assert not (tmp_path / "picture.png").exists()


@pytest.fixture
def config(tmp_path):
    """The options of a config whose model reads priors, on ten frames that a VLM has answered about."""
    register("tiny_train", registered_records(tmp_path / "data"))
    file, opts = "configs/sample/vost_predcls.yaml", prior_opts(tmp_path)
    write_answers(get_vost_cfg(file, opts), registered_records(tmp_path / "data"), "tiny_train")
    return ["--config-file", file], opts


def test_the_clip_of_a_config_is_drawn(config, tmp_path, capsys):
    options, keys = config
    sizes = []
    for stage in ("spatial", "temporal"):
        output = str(tmp_path / f"{stage}.png")
        argv = [*options, "--stage", stage, "--image-id", "A.mp4/000015.png", "--output", output]
        visualize_data.main([*argv, *keys])
        assert "A.mp4/000015.png: " in capsys.readouterr().out
        sizes.append(Image.open(output).width)
    # Target and answer; with the references of the temporal stage four columns.
    assert sizes[1] > 1.8 * sizes[0]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (
            ["--stage", "temporl"],
            "the stages of configs/sample/vost_predcls.yaml are spatial, temporal",
        ),
        (["--index", "10"], "has the frames 0 to 9"),
        (["--split", "test"], "there are no answers of this VLM to this task"),
        (["MODEL.TASKS", "sgdet"], "MODEL.TASKS"),
    ],
)
def test_a_clip_that_cannot_be_drawn_is_one_line(config, tmp_path, capsys, argv, said):
    options, keys = config
    output = ["--output", str(tmp_path / "picture.png")]
    if argv[0].startswith("MODEL"):
        argv = [*output, *keys, *argv]
    else:
        argv = [*output, *argv, *keys]
    with pytest.raises(SystemExit, match="^2$"):
        visualize_data.main([*options, *argv])
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and said in errors[0]
    assert not (tmp_path / "picture.png").exists()


def test_config_keys_need_a_config(capsys):
    with pytest.raises(SystemExit, match="^2$"):
        visualize_data.main(["--output", "picture.png", "MODEL.TASK", "sgdet"])
    assert "config keys need a --config-file" in capsys.readouterr().err
