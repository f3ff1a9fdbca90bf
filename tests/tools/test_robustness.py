"""The robustness of a trained model as a user measures it."""

import json

import pytest

from tests.engine.staged_run import SCHEDULE, SIZE
from tests.tiny import register, tiny_records
from tools import extract_clip, extract_vlm, robustness, train_net
from vost_sgg.engine.robustness import AS_STORED, NO_PREDICATES, NO_PRIORS, STEPS

VIDEOS = {"C.mp4": 3, "D.mp4": 2}
OPTS = [
    *map(str, (*SIZE, *SCHEDULE)),
    *("DATASETS.TRAIN", "('ag_sample_tiny_train',)", "DATASETS.TEST", "('ag_sample_tiny_test',)"),
    *("STAGES.SPATIAL.SOLVER.EPOCHS", "1", "STAGES.TEMPORAL.SOLVER.EPOCHS", "0"),
    *("MODEL.VLM.NAME", "SimulatedVLM"),
]


@pytest.fixture(scope="module")
def opts(tmp_path_factory):
    """Config keys of a tiny data set with its answers and features extracted."""
    folder = tmp_path_factory.mktemp("tiny")
    for split, videos in (("train", {"A.mp4": 5, "B.mp4": 1}), ("test", VIDEOS)):
        register(f"ag_sample_tiny_{split}", tiny_records(folder / "frames", videos))
    caches = ["MODEL.VLM.CACHE", folder / "vlm", "MODEL.PRIORS.CACHE", folder / "priors"]
    caches += ["MODEL.PRIORS.CLIP.WEIGHTS", "random"]
    opts = [*OPTS, *map(str, caches), "OUTPUT_DIR", str(folder / "extraction")]
    for task in ("predcls", "sgcls", "sgdet"):
        for split in ("train", "test"):
            config = ["--config-file", f"configs/sample/vost_{task}.yaml", "--split", split]
            for tool in (extract_vlm, extract_clip):
                tool.main([*config, *opts])
    return opts[:-1]


@pytest.mark.parametrize(
    ("model", "steps"),
    [
        ("vost_predcls", STEPS),
        ("oed_predcls", (AS_STORED,)),
        ("dsqi_sgcls", (AS_STORED, NO_PRIORS)),
        ("vost_sgdet", (AS_STORED, NO_PRIORS)),
    ],
)
def test_a_trained_model_is_measured(opts, tmp_path, capfd, model, steps):
    config = ["--config-file", f"configs/sample/{model}.yaml", *opts, str(tmp_path)]
    train_net.main(config)
    capfd.readouterr()
    robustness.main([*config, "MODEL.WEIGHTS", str(tmp_path / "spatial/model_final.pth")])
    document = json.loads((tmp_path / "robustness_ag_sample_tiny_test.json").read_text())
    assert tuple(document["steps"]) == steps
    # On the stored answers it is the evaluation's own number.
    evaluated = (tmp_path / "spatial/scene_graph_recall_ag_sample_tiny_test.json").read_text()
    method = document["method"]
    recall = json.loads(evaluated)["methods"][method]["recall"]
    assert document["steps"][AS_STORED]["model"] == recall
    printed = capfd.readouterr().out
    rules = ", protocol oed (IoU plain, no pair NMS); ag_sample_tiny_test (frame rule "
    assert printed.count(rules) == (2 if document["agreement"] else 1)
    assert all(f"\n{step} " in printed for step in steps)
    vlm = [document["steps"][step]["vlm"]["with"]["R@50"] for step in steps]
    if model.endswith("predcls"):
        records = tiny_records(tmp_path, VIDEOS, write=False)
        labels = sum(r[g].sum() for r in records for g in ("attention", "spatial", "contacting"))
        assert sum(document["agreement"][kind]["cases"] for kind in ("rare", "other")) == labels
        assert "corrected" in printed
    else:
        assert document["agreement"] is None and "corrected" not in printed
        assert vlm[0] > vlm[1] == 0
    if model == "vost_predcls":
        assert vlm[0] > vlm[4] and vlm[5] == vlm[6]
        assert document["steps"][NO_PREDICATES]["model"] != document["steps"][AS_STORED]["model"]


def test_bad_input_is_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        robustness.main(["--config-file", "configs/sample/vost_predcls.yaml"])
    assert stop.value.code == 2 and "name the trained model" in capsys.readouterr().err
