import pytest

from vost_sgg.visualization.training_log import losses, read_training

FIRST = (
    '{"iteration": 19, "lr": 0.1, "total_loss": 3.0, "loss_object": 1.0, "loss_object_0": 2.0}\n'
)


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(text)
    return str(folder)


def test_stages_are_read_in_turn_and_a_stage_alone(tmp_path):
    for stage in ("temporal", "spatial"):
        write(tmp_path / stage, FIRST)
    (tmp_path / "other").mkdir()
    stages = read_training(str(tmp_path))
    assert list(stages) == ["spatial", "temporal"] and stages["spatial"]["lr"] == {19: 0.1}
    assert read_training(str(tmp_path / "spatial")) == {"": stages["spatial"]}


def test_a_resumed_run_keeps_what_it_logged_last_and_an_unfinished_line_is_left_out(tmp_path):
    lines = [f'{{"iteration": {i}, "lr": {lr}}}\n' for i, lr in ((19, 1), (39, 2), (19, 3))]
    curves = read_training(write(tmp_path, "".join(lines) + '{"iteration": 59, "l'))[""]
    assert list(curves["lr"].items()) == [(19, 3.0), (39, 2.0)]


def test_losses_of_earlier_layers_are_part_of_the_total_only(tmp_path):
    assert losses(read_training(write(tmp_path, FIRST))[""]) == ["total_loss", "loss_object"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FIRST + '{"lr": 1}\n', "metrics.json, line 2 is damaged"),
        (FIRST + "[]\n", "line 2 is damaged"),
        ("no JSON\n", "line 1 is damaged"),
        ('{"iteration": 1, "lr": "high"}\n', "line 1 is damaged"),
        ("", "says nothing yet"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, text, said):
    with pytest.raises(ValueError, match=said):
        read_training(write(tmp_path, text))


def test_a_folder_without_a_log_is_named(tmp_path):
    for folder in (str(tmp_path), "nothing"):
        with pytest.raises(FileNotFoundError, match=f"{folder} has no metrics.json"):
            read_training(folder)
