import pytest

from vost_sgg.engine.new_folder import new_folder


def test_the_folder_is_there_when_all_is_written(tmp_path):
    with new_folder(str(tmp_path / "a" / "out")) as folder:
        (tmp_path / "a" / folder / "file").write_text("x")
        assert not (tmp_path / "a" / "out").exists()
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["out"]
    assert (tmp_path / "a" / "out" / "file").read_text() == "x"


def test_after_an_error_nothing_is_left(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(str(tmp_path / "out")):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_other_results_are_not_touched_and_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    with new_folder(str(tmp_path / "out")):
        pass
    (tmp_path / "out" / "old").write_text("x")
    with (
        pytest.raises(FileExistsError, match="not an empty folder"),
        new_folder(str(tmp_path / "out")),
    ):
        pass
    assert (tmp_path / "out" / "old").read_text() == "x"
