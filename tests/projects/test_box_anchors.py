"""The worked example of projects/README.md: what the page shows is what runs."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.modeling.conftest import TINY
from tests.random_frames import random_ground_truth
from tests.random_priors import random_priors
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.launching import import_parts
from vost_sgg.modeling import DualSourceQueries, build_model
from vost_sgg.modeling.priors import PriorBatch

PAGE = Path("projects/README.md")


@pytest.fixture
def model():
    opts = [*TINY, "MODEL.PRIORS.DIM", 16, "MODEL.QUERY_INITIALIZER.NUM_QUERIES", 6]
    cfg = get_vost_cfg("projects/box_anchors/sgdet.yaml", opts)
    import_parts(cfg)
    return build_model(stage_configs(cfg)["SPATIAL"])


def test_the_page_shows_the_files_as_they_are():
    shown = re.findall(r"```\w+\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [path for path, _ in shown] == [
        "projects/box_anchors/queries.py",
        "projects/box_anchors/sgdet.yaml",
    ]
    for path, text in shown:
        assert Path(path).read_text() == text, path
    links = re.findall(r"\]\(([^)]+)\)", PAGE.read_text())
    assert all((PAGE.parent / link).exists() for link in links)


def test_one_line_of_yaml_puts_the_part_into_a_model_that_trains(model):
    assert type(model.query_initializer).__name__ == "BoxAnchoredQueries"
    rng = np.random.default_rng(0)
    frame = {
        "image": torch.from_numpy(rng.integers(0, 256, (3, 64, 96), dtype=np.uint8)),
        "ground_truth": random_ground_truth(rng, 3),
        "priors": random_priors(rng, 9),  # more than there are slots
        "width": 96,
        "height": 64,
    }
    clip = {"frames": [frame], "references": {0: []}}
    sum(model.train()([clip]).values()).backward()
    assert all(p.grad.any() for p in model.query_initializer.anchor.parameters())
    with torch.no_grad():
        ((prediction,),) = model.eval()([clip])
    assert len(prediction) == 6 and prediction.contacting.isfinite().all()


@torch.no_grad()
def test_anchors_move_the_slots_whose_boxes_are_known(model):
    rng, queries = np.random.default_rng(0), model.query_initializer
    priors = random_priors(rng, 3)
    priors.boxes[1, 1] = 0
    batch = PriorBatch.stack([priors, None], 16, "cpu")
    anchored, plain = queries(None, 2, batch), DualSourceQueries.forward(queries, None, 2, batch)
    moved = (anchored.position != plain.position).any(-1)
    assert moved.tolist() == [[1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    assert torch.equal(anchored.content, plain.content)
