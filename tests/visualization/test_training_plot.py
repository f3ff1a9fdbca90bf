"""Curves of trainings: where the points are, which stage they are of, that nothing is cut off."""

import pytest

from tests.visualization.margins import has_margins, rendered
from vost_sgg.visualization.training_plot import plot_training

PANELS = {"total loss": "total_loss", "R@10 (%)": "predcls/with/R@10"}


def run(length):
    loss = {i: 1 / (i + 1) for i in range(19, length, 20)}
    return {"total_loss": loss, "predcls/with/R@10": {length: 50.0}}


def test_stages_stand_one_behind_the_other_as_long_as_the_longest_run():
    runs = {
        "a": {"spatial": run(100), "temporal": run(60)},
        "b": {"spatial": run(200), "temporal": run(60)},
        "c": {"temporal": run(60)},
    }
    loss, recall = plot_training(runs, PANELS).axes
    curves = [line for line in loss.lines if len(line.get_xdata()) > 2]
    starts = [curve.get_xdata()[0] for curve in curves]
    assert starts == [19, 219, 19, 219, 219]
    assert curves[0].get_ydata() == pytest.approx([1 / (i + 1) for i in range(19, 100, 20)])
    points = [line.get_xdata()[0] for line in recall.lines if len(line.get_xdata()) == 1]
    assert points == [100, 260, 200, 260, 260]
    assert {text.get_text() for text in loss.texts} == {" spatial", " temporal"}
    looks = {(c.get_color(), c.get_linestyle()) for c in curves}
    assert len(looks) == len(runs)


def test_a_quantity_that_a_run_lacks_is_left_out_and_every_run_is_in_the_legend():
    runs = {"a": {"": {"lr": {19: 0.1}}}, "b": {"": run(100)}}
    figure = plot_training(runs, {"learning rate": "lr", **PANELS})
    assert [len(ax.lines) for ax in figure.axes[:3]] == [1, 1, 1]
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"a", "b"}


@pytest.mark.parametrize("count", [1, 8])
def test_nothing_is_cut_off(count):
    stages = {"spatial": run(400), "temporal": run(100)}
    runs = {f"output/a/rather/long/folder/seed{i}": stages for i in range(count)}
    panels = {f"loss number {i}": "total_loss" for i in range(3)} | PANELS
    figure = plot_training(runs, panels)
    assert has_margins(rendered(figure))


def test_more_runs_than_colours_are_refused():
    with pytest.raises(ValueError, match="1 to 8 methods, not 9"):
        plot_training({str(i): {"": run(40)} for i in range(9)}, PANELS)
