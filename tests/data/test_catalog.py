import subprocess
import sys

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog

from tests.data.ag_fixture import OBJECTS, PREDICATES, records, write_action_genome, write_oed_json
from vost_sgg.data.catalog import register_action_genome
from vost_sgg.data.sample.generate import VERSION

NAMES = [
    f"{name}_{split}"
    for name in (
        "action_genome",
        "action_genome_sttran",
        "action_genome_sttran_filtersmall",
        "action_genome_oed",
        "ag_sample",
        "ag_sample_mini",
        "ag_sample_held_out",
    )
    for split in ("train", "test")
]


@pytest.fixture
def name():
    yield "ag_of_this_test"
    DatasetCatalog.pop("ag_of_this_test")
    MetadataCatalog.pop("ag_of_this_test")


@pytest.mark.parametrize("registered", NAMES)
def test_the_classes_of_every_data_set(registered):
    assert registered in DatasetCatalog
    metadata = MetadataCatalog.get(registered)
    assert metadata.thing_classes == OBJECTS and metadata.predicate_classes == PREDICATES


def test_the_import_touches_no_data_set(tmp_path):
    """Neither the root nor the sample's generator is needed to import."""
    code = "import sys, vost_sgg.data; print([m for m in sys.modules if m.startswith('vost_sgg.data.sample')])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"DETECTRON2_DATASETS": str(tmp_path / "none"), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == "[]", run.stderr
    assert not list(tmp_path.iterdir())


def test_the_root_follows_the_environment_at_the_time_of_use(tmp_path, monkeypatch):
    for name in ("first", "second"):
        root = tmp_path / name / "action_genome"
        write_action_genome(root, *records())
        write_oed_json(root, "test", *records())
        monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / name))
        for registered in (
            "action_genome_train",
            "action_genome_sttran_train",
            "action_genome_oed_test",
        ):
            assert MetadataCatalog.get(registered).root == str(root)
            assert DatasetCatalog.get(registered)[0]["file_name"].startswith(str(root))


def test_without_the_variable_the_root_is_detectron2s(monkeypatch):
    monkeypatch.delenv("DETECTRON2_DATASETS", raising=False)
    assert MetadataCatalog.get("action_genome_test").root == "datasets/action_genome"


def test_a_data_set_of_ones_own(tmp_path, name):
    write_action_genome(tmp_path, *records())
    register_action_genome(name, str(tmp_path), "train", frame_rule="sttran")
    assert len(DatasetCatalog.get(name)) == 3
    assert MetadataCatalog.get(name).root == str(tmp_path)


def test_a_data_set_that_makes_itself(tmp_path, name):
    root = tmp_path / "made"
    register_action_genome(
        name, str(root), "test", prepare=lambda folder: write_action_genome(root, *records())
    )
    assert not root.exists()
    assert len(DatasetCatalog.get(name)) == 3


def test_only_a_generated_data_set_has_a_version():
    versions = {name: MetadataCatalog.get(name).version for name in NAMES}
    assert versions == {n: VERSION if n.startswith("ag_sample") else None for n in NAMES}
