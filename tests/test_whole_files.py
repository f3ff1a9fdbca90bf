"""A file is written whole or not at all, on a disk that is full too: /dev/full, which takes no byte."""

import os

import pytest
import torch

from vost_sgg.engine.launching import user_errors
from vost_sgg.whole_files import replaced


@pytest.mark.parametrize("write", [lambda f: f.write(b"new"), lambda f: torch.save([1], f)])
def test_a_full_disk_is_one_error_and_the_old_file_stays(tmp_path, capsys, write):
    path = tmp_path / "model.pth"
    path.write_text("old")
    (tmp_path / "model.pth.part").symlink_to("/dev/full")
    with pytest.raises(SystemExit) as end, user_errors(), replaced(str(path)) as file:
        write(file)
    assert end.value.code == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {path} cannot be written (No space left on device)")
    assert os.listdir(tmp_path) == ["model.pth"] and path.read_text() == "old"
