"""The command that draws results, as its user types it."""

import json

import pytest

from tests.data.ag_fixture import records, write_action_genome
from tests.results_files import results, write_run
from tools import plot_results

OF_RUNS = ["head_body_tail", "per_predicate", "recall_at_k"]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, value in enumerate((0.25, 0.75)):
        write_run(tmp_path / f"oed{seed}" / "temporal", results("OED", value, baseline=0.125))
    write_run(tmp_path / "vost" / "temporal", results("VOST-SGG", 0.625, baseline=0.125))
    write_run(tmp_path / "boxes", results(task="sgdet"))
    return tmp_path


def test_every_plot_is_drawn_as_png_and_svg(runs, capsys):
    write_action_genome(runs / "action_genome", *records())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DETECTRON2_DATASETS", str(runs))
        argv = ["oed0", "oed1", "vost", "--dataset", "action_genome", "--output", "new/plots"]
        plot_results.main(argv)
    names = [f"{n}.{form}" for n in [*OF_RUNS, "predicate_frequencies"] for form in ("png", "svg")]
    assert sorted(path.name for path in (runs / "new" / "plots").iterdir()) == sorted(names)
    assert sorted(capsys.readouterr().out.split()) == sorted(f"new/plots/{n}" for n in names)
    parts = (runs / "new" / "plots" / "head_body_tail.svg").read_text()
    # OED is the mean of its two seeds; the baseline, which neither changes, stands once.
    assert parts.count(">50.0<") == parts.count(">62.5<") == parts.count(">12.5<") == 3
    assert "protocol oed (IoU plain, no pair NMS)" in parts and "tail (8 predicates)" in parts
    frequencies = (runs / "new" / "plots" / "predicate_frequencies.svg").read_text()
    assert "action_genome: all annotated entries" in frequencies


def test_constraint_and_rank_are_chosen(runs, capsys):
    argv = ["vost", "--constraint", "no", "--rank", "50", "--output", "plots"]
    plot_results.main(argv)
    drawing = (runs / "plots" / "per_predicate.svg").read_text()
    assert ">R@50 (%)<" in drawing and "No Constraint; PredCLS" in drawing


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["oed0", "boxes"], "a plot is of one task: "),
        (["oed0", "--constraint", "semi"], "has with, no; evaluate it anew"),
        (["ablation.json"], "has no recall of predicates"),
        (["nothing"], "no file or folder nothing"),
        (["--training", "nothing"], "nothing has no metrics.json"),
        (["--training", "a=log", "a=log"], "two trainings are called a"),
        (["--training", "log"], "metrics.json, line 2 is damaged"),
        ([f"{i}=oed{i % 2}" for i in range(2)] + [f"m{i}={i}" for i in range(7)], "1 to 8 methods"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(runs, capsys, argv, said):
    recall = {"R@10": {"mean": 0.5, "std": None, "seeds": [0.5]}}
    row = {
        "model": "oed",
        "method": "OED",
        "seeds": [0],
        "config": "c",
        "nms": None,
        "with": recall,
    }
    kept = {"format_version": 1, "dataset": "tiny_test", "frame_rule": "oed", "frames": 3}
    protocol = {"task": "predcls", "name": "oed"}
    (runs / "ablation.json").write_text(json.dumps({**kept, "protocol": protocol, "rows": [row]}))
    for i in range(7):
        write_run(runs / str(i), results(value=0.1))
    log_training(runs / "log", 40)
    if argv == ["--training", "log"]:
        (runs / "log" / "metrics.json").write_text('{"iteration": 19, "lr": 1.0}\n{}\n')
    with pytest.raises(SystemExit, match="^2$"):
        plot_results.main([*argv, "--output", "plots"])
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and said in error
    assert not (runs / "plots").exists()


def log_training(folder, iterations, **numbers):
    """A metrics.json as detectron2 writes it, with the results of an evaluation at its end."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "iteration": i,
            "lr": 0.1,
            "total_loss": 9 / (i + 1),
            "loss_object": 1.0,
            "loss_object_0": 2.0,
        }
        for i in range(19, iterations, 20)
    ]
    lines.append({"iteration": iterations, **numbers})
    (folder / "metrics.json").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_trainings_are_drawn_stage_by_stage(runs, capsys):
    recalls = {
        f"predcls/{c}/{m}@{k}": 50.0 for c in ("with", "no") for m in ("R", "mR") for k in (10, 20)
    }
    for run in ("oed", "vost"):
        log_training(runs / run / "spatial", 100, **recalls)
        log_training(runs / run / "temporal", 40, **recalls)
    plot_results.main(["--training", "oed", "ours=vost", "--rank", "20", "--output", "plots"])
    assert capsys.readouterr().out.split() == ["plots/training.png", "plots/training.svg"]
    drawing = (runs / "plots" / "training.svg").read_text()
    titles = ["total loss", "loss object", "learning rate"]
    titles += [f"{m}R@20, {c} constraint (%)" for m in ("", "m") for c in ("with", "no")]
    assert all(drawing.count(f">{title}<") == 1 for title in titles)
    assert "loss object 0" not in drawing and "@10" not in drawing
    assert drawing.count("> spatial<") == drawing.count("> temporal<") == len(titles)
    assert drawing.count(">oed<") == drawing.count(">ours<") == 1


def test_something_must_be_named(runs, capsys):
    with pytest.raises(SystemExit):
        plot_results.main(["--output", "plots"])
    assert "name a RUN, --training or --dataset" in capsys.readouterr().err
