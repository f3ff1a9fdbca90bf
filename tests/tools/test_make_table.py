"""The command that prints tables, as its user types it."""

import json

import pytest

from tests.data.ag_fixture import records, write_action_genome
from tests.results_files import results, write_run
from tools import make_table


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder of runs: one of two stages, one of its last stage only, one of SGDET."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "oed" / "spatial", results("OED, spatial", 0.4))
    write_run(tmp_path / "oed" / "temporal", results("OED", 0.5))
    write_run(tmp_path / "vost" / "temporal", results("VOST-SGG", 0.6))
    write_run(tmp_path / "boxes" / "temporal", results("OED", 0.2, task="sgdet"))
    return tmp_path


def ours(capsys, *argv):
    """Method and first cell of each row of ours."""
    make_table.main(list(argv))
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ours  ")]
    return [tuple(filter(None, row.split("  ")))[1:3] for row in rows]


def test_the_last_stage_is_taken_and_in_table3_the_spatial_one(runs, capsys):
    assert [m for m, _ in ours(capsys, "oed", "vost", "--like", "table2")] == ["OED", "VOST-SGG"]
    assert [m for m, _ in ours(capsys, "oed", "--like", "table3")] == ["OED, spatial"]


def test_a_stage_or_a_file_may_be_named_and_renamed(runs, capsys):
    file = "oed/temporal/scene_graph_recall_tiny_test.json"
    rows = ours(capsys, "mine, early=oed/spatial", f"mine={file}", "--like", "table2")
    assert [method.strip() for method, _ in rows] == ["mine, early", "mine"]
    assert [cell.strip() for _, cell in rows] == ["40.0 / 40.0 / 40.0", "50.0 / 50.0 / 50.0"]


def test_both_tasks_of_a_model_are_one_row_of_table1(runs, capsys):
    make_table.main(["oed", "boxes", "--like", "table1", "--format", "markdown"])
    (row,) = [r for r in capsys.readouterr().out.splitlines() if r.startswith("| ours")]
    assert row.count("50.0 / 50.0 / 50.0") == row.count("20.0 / 20.0 / 20.0") == 4


def test_table4_counts_a_data_set(tmp_path, monkeypatch, capsys):
    write_action_genome(tmp_path / "action_genome", *records())
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    make_table.main(["action_genome_sttran", "--like", "table4", "--format", "csv"])
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith('predicate,"Paper, All"') and len(rows) == 27
    assert rows[0].startswith("in front of,384913,277032,107881,14,8,6,7,4,3,")


def refused(capsys, *argv):
    with pytest.raises(SystemExit, match="^2$"):
        make_table.main(list(argv))
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("error: ") and output.err.count("\n") == 1
    return output.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nothing"], "no file or folder nothing"),
        (["empty"], "empty has no scene_graph_recall_*.json"),
        (["vost", "--like", "table3"], "has no results of stage 'spatial'"),
        (["boxes"], "is of task sgdet; table2 shows predcls. --like table1 or table5 shows sgdet"),
        (["oed", "oed/temporal"], "are the same results"),
        (["=oed"], "a run is PATH or NAME=PATH"),
        (["broken/text.json"], "text.json is no JSON file"),
        (["broken/list.json"], "holds a list"),
        (
            ["broken/boxes.json"],
            "holds no scene graph recall but format_version, dataset, object_ap",
        ),
        (["broken/version.json"], "has format_version 99, this library reads 1"),
        (["broken/short.json"], "short.json is damaged: KeyError: 'frames'"),
        (["broken/percent.json"], "is damaged: ValueError: with R@10 is (50.0,), no fraction"),
        (["several"], "has several results; name one of them"),
        (["oed", "vost", "--like", "table4"], "table4 is of one data set, not of 2"),
        (["ag_sampel", "--like", "table4"], "no data set 'ag_sampel'"),
    ],
)
def test_bad_input_is_one_line(runs, capsys, argv, said):
    (runs / "empty").mkdir()
    (runs / "broken").mkdir()
    short = results()
    del short["frames"]
    boxes = {"format_version": 1, "dataset": "tiny_test", "object_ap": {}}
    broken = {"list": [1], "boxes": boxes, "short": short, "percent": results(value=50.0)}
    broken["version"] = results(changes={"format_version": 99})
    for name, content in broken.items():
        (runs / "broken" / f"{name}.json").write_text(json.dumps(content))
    (runs / "broken" / "text.json").write_text('{"methods": ')
    for dataset in ("a_test", "b_test"):
        write_run(runs / "several", results(changes={"dataset": dataset}))
    like = [] if "--like" in argv else ["--like", "table2"]
    assert said in refused(capsys, *argv, *like)
