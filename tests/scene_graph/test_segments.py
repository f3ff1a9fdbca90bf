from vost_sgg.scene_graph import segments


def frames(holding, *, step=0.5):
    """Frames every ``step`` seconds in which the person holds a cup with these scores, None for not."""
    objects = [{"class": "person"}, {"class": "cup"}, {"class": "cup"}]
    relation = {"subject": 0, "object": 1, "group": "contacting", "predicate": "holding"}
    return [
        {
            "index": 10 * i,
            "time": step * i,
            "objects": objects,
            "relations": [] if score is None else [{**relation, "score": score}],
        }
        for i, score in enumerate(holding)
    ]


def test_a_short_gap_is_bridged_and_a_long_one_ends_the_segment():
    rows = segments(frames([0.5, None, 0.7, None, None, None, 0.9]), end=3.5)
    spans = [(r["start"], r["end"], r["start_frame"], r["end_frame"], r["frames"]) for r in rows]
    assert spans == [(0.0, 1.5, 0, 20, 2), (3.0, 3.5, 60, 60, 1)]
    assert [row["score"] for row in rows] == [0.6, 0.9]
    assert rows[0]["text"] == "person holding cup"


def test_the_gap_is_seconds_without_the_triplet():
    present = frames([0.5, None, None, 0.5])
    assert len(segments(present, end=2.0, max_gap=1.0)) == 1
    assert len(segments(present, end=2.0, max_gap=0.9)) == 2


def test_two_things_of_one_class_are_one_triplet_with_the_better_score():
    (frame,) = frames([0.4])
    frame["relations"].append({**frame["relations"][0], "object": 2, "score": 0.8})
    (row,) = segments([frame], end=0.5)
    assert (row["score"], row["frames"]) == (0.8, 1)


def test_a_spatial_triplet_reads_from_the_object():
    (frame,) = frames([0.4])
    frame["relations"][0] |= {"group": "spatial", "predicate": "in_front_of"}
    assert segments([frame], end=0.5)[0]["text"] == "cup in front of person"


def test_a_video_without_relations_has_no_segments():
    assert segments(frames([None, None]), end=1.0) == []
