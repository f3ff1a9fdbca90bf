"""Mean and spread over seeds, and which results may stand in one table."""

import statistics

import pytest

from vost_sgg.evaluation.ablation import ablation_table, check_comparable, summarised

METRICS = [f"{metric}@{k}" for metric in ("R", "mR") for k in (10, 20, 50)]


def recall(value):
    return {constraint: dict.fromkeys(METRICS, value) for constraint in ("with", "no")}


def row(method, *values, nms=None):
    return {
        "method": method,
        "seeds": list(range(len(values))),
        "nms": nms,
        **summarised([recall(value) for value in values]),
    }


def document(*rows):
    return {
        "task": "predcls",
        "dataset": "tiny",
        "frame_rule": "oed",
        "protocol": {"task": "predcls", "name": "oed"},
        "frames": 3,
        "rows": list(rows),
    }


def test_a_number_is_its_mean_its_sample_deviation_and_its_seeds():
    values = [0.5, 0.625, 0.75]
    found = summarised([recall(value) for value in values])["no"]["mR@20"]
    assert found == {"mean": 0.625, "std": statistics.stdev(values), "seeds": values}


def test_one_seed_has_no_spread():
    assert summarised([recall(0.5)])["with"]["R@10"] == {"mean": 0.5, "std": None, "seeds": [0.5]}
    assert "±" not in ablation_table(document(row("OED", 0.5)))


def test_the_table_has_means_in_percent_and_below_them_the_spread():
    lines = ablation_table(document(row("OED", 0.5, 0.6), row("VOST-SGG", 0.7))).splitlines()
    means = next(i for i, line in enumerate(lines) if line.startswith("OED"))
    assert lines[means].split()[:2] == ["OED", "2"]
    assert lines[means].count("55.0 / 55.0 / 55.0") == 4
    assert lines[means + 1].count("±7.1 / 7.1 / 7.1") == 4
    assert lines[means + 2].split()[:3] == ["VOST-SGG", "1", "70.0"]


def test_the_table_names_its_protocol_data_and_frames():
    rules = "PredCLS, protocol oed (IoU plain, no pair NMS); tiny (frame rule oed), 3 frames"
    assert ablation_table(document(row("A", 0.5), row("B", 0.5))).splitlines()[0] == rules
    rows = row("A", 0.5), row("B", 0.5, nms="iou"), row("C", 0.5)
    assert ablation_table(document(*rows)).splitlines()[:2] == [
        f"A, C: {rules}",
        f"B: {rules.replace('no pair NMS', 'pair NMS iou')}",
    ]


def result(**changes):
    protocol = {"task": "predcls", "name": "oed", "nms": None}
    return {
        **{"dataset": "tiny", "frame_rule": "oed", "frames": 3, "predicate_counts": [1, 2]},
        **changes,
        "protocol": protocol | changes.get("protocol", {}),
    }


@pytest.mark.parametrize(
    "change", [{"frames": 4}, {"predicate_counts": [2, 2]}, {"protocol": {"name": "sttran"}}]
)
def test_results_of_other_data_or_rules_are_refused(change):
    with pytest.raises(
        ValueError, match=r"b.json was made on other data .* than a.json \(\w+ diff"
    ):
        check_comparable({"a.json": result(), "b.json": result(**change)})


def test_nms_is_a_methods_own():
    check_comparable({"a.json": result(), "b.json": result(protocol={"nms": "oed"})})
