"""The mini sample data set, for the tools that extract something from it."""

from pathlib import Path

import pytest

from vost_sgg.data.sample import ensure_sample


@pytest.fixture(scope="session")
def datasets(tmp_path_factory):
    """A $DETECTRON2_DATASETS with the mini sample in it."""
    folder = tmp_path_factory.mktemp("datasets")
    ensure_sample(str(folder / "ag_sample_mini"), 24)
    return folder


@pytest.fixture
def mini(datasets, tmp_path, monkeypatch):
    """Config keys: the mini sample, everything written under the test's own folder."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(datasets))
    monkeypatch.chdir(Path(__file__).parents[2])
    return [
        *("DATASETS.TRAIN", "('ag_sample_mini_train',)"),
        *("DATASETS.TEST", "('ag_sample_mini_test',)", "MODEL.VLM.CACHE", str(tmp_path / "vlm")),
        *("MODEL.PRIORS.CACHE", str(tmp_path / "priors"), "OUTPUT_DIR", str(tmp_path / "output")),
        *("MODEL.PRIORS.CLIP.WEIGHTS", "random"),
    ]
