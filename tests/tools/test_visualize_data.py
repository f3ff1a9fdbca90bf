from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.ag_fixture import person, thing, write_action_genome


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
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "tools")
    import visualize_data

    return visualize_data.main


@pytest.mark.parametrize("which", [["--index", "1"], ["--image-id", "AAAAA.mp4/000009.png"]])
def test_the_asked_for_frame_is_drawn(visualize, tmp_path, capsys, which):
    output = str(tmp_path / "picture.png")
    assert visualize(["--dataset", "action_genome_test", *which, "--output", output]) == 0
    assert "AAAAA.mp4/000009.png" in capsys.readouterr().out
    picture = np.asarray(Image.open(output))
    assert (picture == (180, 90, 30)).all(axis=-1).mean() > 0.1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "action_genom_test"], "did you mean action_genome_test"),
        (["--dataset", "action_genome_test", "--index", "2"], "frames 0 to 1"),
        (["--dataset", "action_genome_test", "--image-id", "X"], "AAAAA.mp4/000003.png"),
    ],
)
def test_what_does_not_exist_is_named(visualize, tmp_path, capsys, arguments, said):
    assert visualize([*arguments, "--output", str(tmp_path / "picture.png")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "picture.png").exists()
