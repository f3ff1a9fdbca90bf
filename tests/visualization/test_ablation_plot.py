"""The picture of an ablation: it says by which rules, on what, and nothing of it is cut off."""

import numpy as np
import pytest
from PIL import Image

from tests.visualization.margins import has_margins
from vost_sgg.visualization.ablation_plot import plot_ablation

RULES = (
    "PredCLS, protocol oed (IoU plain, pair NMS iou); ag_sample_test (frame rule oed), 1391 frames"
)


@pytest.mark.parametrize("constraints", [("with",), ("with", "no")])
def test_the_title_stands_above_the_panels(tmp_path, constraints):
    number = {"mean": 0.5, "std": 0.01, "seeds": [0.49, 0.51]}
    values = {c: {"R@10": number, "mR@10": number} for c in constraints}
    rows = [{"method": method, **values} for method in ("frequency baseline", "OED")]
    title = "\n".join(f"{row['method']}: {RULES}" for row in rows)
    png, svg = plot_ablation({"rows": rows}, str(tmp_path / "plot"), title=title)
    with open(svg) as file:
        drawn = file.read()
    assert all(word in drawn for word in title.split())
    assert has_margins(np.asarray(Image.open(png)))
