"""The paper's tables with runs in them: what stands in the cells, what is said around them, what is refused."""

import csv
import json
import re
from statistics import mean, stdev

import pytest

from tests.results_files import BASELINE, results, write_run
from vost_sgg.data.vocabulary import PREDICATE_CLASSES
from vost_sgg.evaluation.ablation import summarised
from vost_sgg.evaluation.counts_table import counts_table
from vost_sgg.evaluation.paper_tables import RECALL_TABLES, recall_table_like
from vost_sgg.evaluation.published import published_counts, published_table
from vost_sgg.evaluation.runs import read_runs
from vost_sgg.evaluation.table_formats import FORMATS, render


@pytest.fixture
def table(tmp_path):
    """Makes the table ``name`` of documents, each in a folder of its own."""

    def make(name, *documents, configs=()):
        configs = configs or [{}] * len(documents)
        folders = [
            write_run(tmp_path / str(i), document, **config)
            for i, (document, config) in enumerate(zip(documents, configs, strict=True))
        ]
        return recall_table_like(name, read_runs(folders))

    return make


def cells(table, method):
    ((_, found),) = [row for row in table.rows if row[0] == ["ours", method]]
    return [str(cell) for cell in found]


def rules(table):
    return "\n".join(table.rule_lines())


def test_the_paper_s_rows_stand_first_with_their_misprints_noted(table):
    made = table("table1", results())
    assert [row[0][0] for row in made.rows] == ["paper"] * 17 + ["ours"]
    tempura = next(found for labels, found in made.rows if labels[1] == "TEMPURA")
    assert str(tempura[1]) == "42.9 / 46.3 / 40.2 [a]"
    assert "cannot be below" in made.notes["a"]
    assert "tiny_test is not Action Genome" in rules(made)


@pytest.mark.parametrize("name", RECALL_TABLES)
def test_every_recall_in_the_paper_that_falls_with_k_has_a_note(name):
    table = published_table(name)
    falling = {
        (method, column)
        for method, row in table.rows.items()
        for column, values in zip(table.columns, row, strict=True)
        if list(values) != sorted(values)
    }
    assert falling <= {(note.row, note.column) for note in table.notes}
    for note in table.notes:
        assert note.row in table.rows and note.column in table.columns


def test_the_paper_s_counts_are_of_all_26_predicates_and_add_up():
    counts = published_counts().counts
    assert sorted(counts) == sorted(PREDICATE_CLASSES)
    assert all(both == train + test for both, train, test in counts.values())
    # Action Genome's own total.
    assert sum(both for both, *_ in counts.values()) == 1_913_334


def test_seeds_are_mean_and_sample_deviation(table):
    values = [0.5, 0.52, 0.57]
    configs = [{"SEED": i, "OUTPUT_DIR": f"out/{i}"} for i in range(3)]
    made = table("table2", *(results(value=v) for v in values), configs=configs)
    number = f"{100 * mean(values):.1f} ± {100 * stdev(values):.1f}"
    assert cells(made, "OED") == [" / ".join([number] * 3)] * 4
    assert "OED, PredCLS: mean ± sample standard deviation of 3 runs of seeds 0, 1, 2." in rules(
        made
    )


def test_runs_of_one_name_and_other_configs_are_pointed_out(table):
    configs = [{"SEED": i, "SOLVER": {"BASE_LR": 1e-4 * (i + 1)}} for i in range(2)]
    made = table("table2", results(), results(), configs=configs)
    assert "configs differ (SOLVER.BASE_LR 0.0001, 0.0002)" in rules(made)


def test_an_ablation_gives_the_cells_of_its_runs(table, tmp_path):
    values, spatial = [0.5, 0.6], [0.4, 0.6]
    document = results()

    def row(model, method, numbers):
        recalls = [results(value=v)["methods"]["OED"]["recall"] for v in numbers]
        kept = {"method": method, "seeds": [0, 1], "config": "c", "nms": None}
        return {"model": model, **kept, **summarised(recalls)}

    stages = {"spatial": row("oed", "OED", spatial), "temporal": row("oed", "OED", values)}
    rows = [
        row("frequency", BASELINE, [0.3]),
        {**row("oed", "OED", values), "stages": stages},
    ]
    protocol = {key: value for key, value in document["protocol"].items() if key != "nms"}
    kept = {key: document[key] for key in ("format_version", "dataset", "frame_rule", "frames")}
    file = tmp_path / "ablation" / "ablation.json"
    file.parent.mkdir()
    file.write_text(json.dumps({**kept, "protocol": protocol, "rows": rows}))

    for place in (file, file.parent):
        ablation = recall_table_like("table2", read_runs([str(place)]))
        runs = table("table2", *(results(value=v, baseline=0.3) for v in values))
        assert ablation.rows == runs.rows
        assert "OED, PredCLS: mean ± sample standard deviation of 2 runs of seeds 0, 1." in rules(
            ablation
        )
    (first_stage,) = read_runs([str(file)], stage="spatial")
    assert cells(recall_table_like("table3", [first_stage]), "OED")[0].startswith("50.0 ± 14.1")
    del stages["spatial"]
    file.write_text(json.dumps({**kept, "protocol": protocol, "rows": rows}))
    with pytest.raises(
        FileNotFoundError, match="no results of stage 'spatial' of OED, only of tem"
    ):
        read_runs([str(file)], stage="spatial")


def test_a_baseline_that_no_model_changes_is_one_row(table):
    made = table("table2", results(baseline=0.3), results("VOST-SGG", baseline=0.3))
    assert [row[0][1] for row in made.rows[3:]] == ["OED", "VOST-SGG", BASELINE]
    assert cells(made, BASELINE)[0] == "30.0 / 30.0 / 30.0"


def test_a_baseline_on_each_model_s_boxes_is_a_row_each(table):
    documents = [
        results(task="sgdet", baseline=0.3),
        results("VOST-SGG", task="sgdet", baseline=0.4),
    ]
    made = table("table5", *documents)
    assert cells(made, f"{BASELINE} (OED)")[0] == "30.0 / 30.0 / 30.0"
    assert cells(made, f"{BASELINE} (VOST-SGG)")[0] == "40.0 / 40.0 / 40.0"


def test_tasks_and_constraints_that_were_not_run_are_missing(table):
    made = table("table1", results(), results("VOST-SGG", task="sgdet", constraints=("no",)))
    assert cells(made, "OED") == ["50.0 / 50.0 / 50.0"] * 4 + ["-"] * 4
    assert cells(made, "VOST-SGG") == ["-"] * 6 + ["50.0 / 50.0 / 50.0"] * 2


def test_pair_nms_of_one_row_only_is_said(table):
    documents = [results(task="sgdet"), results("VOST-SGG", task="sgdet", nms="oed")]
    said = rules(table("table5", *documents))
    assert "OED: SGDET, protocol oed (IoU plain, no pair NMS)" in said
    assert "VOST-SGG: SGDET, protocol oed (IoU plain, pair NMS oed)" in said


@pytest.mark.parametrize(
    ("name", "documents", "said"),
    [
        ("table5", [results()], "is of task predcls; table5 shows sgdet"),
        ("table2", [results(), results("B", protocol="sttran")], "protocol sttran (IoU plus_one"),
        ("table2", [results(), results("B", changes={"dataset": "other"})], "other (frame rule"),
        ("table2", [results(), results("B", changes={"frames": 2})], "2 frames"),
        ("table2", [results(), results(nms="oed")], "pair NMS oed"),
        ("table2", [results(BASELINE), results(baseline=0.1)], "give the run of this name another"),
    ],
)
def test_what_cannot_stand_in_one_table_is_refused(table, name, documents, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        table(name, *documents)


def test_frames_without_prediction_are_said(table):
    made = table("table2", results(changes={"frames_without_prediction": 2}))
    assert "OED, PredCLS: 2 frames have no prediction and count 0" in rules(made)


def test_csv_has_a_number_a_column(table):
    made = table("table2", results(value=0.5), results(value=0.6), results("B", value=0.25))
    header, *rows = csv.reader(render(made, "csv").splitlines())
    numbers = {row[1]: dict(zip(header, row, strict=True)) for row in rows}
    assert numbers["OED"]["With Constraint, R@10"] == "55.0"
    assert numbers["OED"]["With Constraint, R@10 deviation"] == "7.1"
    assert numbers["B"]["No Constraint, mR@50 deviation"] == ""
    assert numbers["(C) DSQI + MMFB"]["No Constraint, mR@50"] == "95.3"
    assert "above the full model" in numbers["(B) DSQI"]["notes"]
    assert "protocol oed" in numbers["B"]["rules"]
    assert "protocol oed" not in numbers["(B) DSQI"]["rules"]


def test_every_line_of_latex_and_markdown_has_all_columns(table):
    made = table("table1", results("R&D_50% | x"))
    latex = [line for line in render(made, "latex").splitlines() if line.endswith(r"\\")]
    for line in latex:
        spans = [int(width) - 1 for width in re.findall(r"\\multicolumn\{(\d+)\}", line)]
        assert len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans) == 10
    assert len(latex) == 3 + 18 and r"R\&D\_50\% " in latex[-1]
    markdown = [line for line in render(made, "markdown").splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in markdown} == {11}


@pytest.mark.parametrize("form", FORMATS)
def test_the_rules_stand_in_every_format(table, form):
    text = render(table("table2", results()), form).replace("\\", "")
    assert "protocol oed (IoU plain, no pair NMS); tiny_test (frame rule oed), 3 frames" in text
    assert "as printed in the paper" in text


def test_predicates_are_counted_beside_the_paper_s():
    ours = {
        (which, split): [factor * i for i in range(26)]
        for which, factor in (("entries", 1000), ("kept", 2))
        for split in ("all", "train", "test")
    }
    made = counts_table("some_data", "oed", ours, PREDICATE_CLASSES)
    rows = {labels[0]: [str(cell) for cell in found] for labels, found in made.rows}
    holding = PREDICATE_CLASSES.index("holding")
    paper = ["234,929", "169,741", "65,188"]
    assert rows["holding"] == [*paper, *[f"{holding},000"] * 3, *[str(2 * holding)] * 3]
    assert rows["total"] == ["1,913,334", "1,367,831", "545,503", *["325,000"] * 3, *["650"] * 3]
    assert "frame rule oed" in rules(made) and "25 predicates" in rules(made)


def test_the_ceiling_is_a_row(table):
    ceiling = results(value=0.9)["methods"]["OED"]["recall"]
    made = table("table2", *(results(m, changes={"ceiling": ceiling}) for m in ("A", "B")))
    assert cells(made, "ceiling")[0] == "90.0 / 90.0 / 90.0"
