import base64
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import install_detectron2

SCRIPT = Path(__file__).parents[2] / "tools" / "install_detectron2.py"
INFO = "sal_detectron2-0.7.2.dist-info"
METADATA = """\
Metadata-Version: 2.1
Name: sal-detectron2
Version: 0.7.2
Summary: a made-up wheel of the same form
Provides-Extra: dev
Requires-Dist: numpy<2
Requires-Dist: yacs>=0.1.8
Requires-Dist: flake8; extra == "dev"
"""
CODE = b"__version__ = '0.7.2'\n"
FILES = {
    "detectron2/__init__.py": CODE,
    "detectron2/_C.cpython-310-x86_64-linux-gnu.so": b"compiled",
    "detectron2/model_zoo/configs/Base.yaml": b"VERSION: 2\n",
    "tools/train_net.py": b"a stray package",
    f"{INFO}/METADATA": METADATA.encode(),
    f"{INFO}/LICENSE": b"Apache License",
    f"{INFO}/WHEEL": b"Tag: cp310-cp310-linux_x86_64\n",
    f"{INFO}/RECORD": b"",
}


def source_wheel(folder: Path, names=tuple(FILES)) -> Path:
    """A wheel of the form of the one on the index, with a few files."""
    path = folder / "sal_detectron2-0.7.2-cp310-cp310-linux_x86_64.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, FILES[name])
    return path


@pytest.fixture
def pip_calls(monkeypatch):
    """No pip runs: its calls are listed, and a download leaves the made-up wheel."""
    calls = []

    def run(command, **_):
        calls.append(command[3:])
        if "download" in command:
            source_wheel(Path(command[command.index("--dest") + 1]))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


@pytest.fixture
def tested_wheel(monkeypatch, tmp_path):
    """The made-up source's repacked wheel, whose hash passes as the tested one."""
    monkeypatch.setattr(install_detectron2, "WHEEL_SHA256", "")
    with pytest.raises(install_detectron2.InstallError) as error:
        install_detectron2.write_wheel(
            install_detectron2.repacked_files(source_wheel(tmp_path)), tmp_path / "once"
        )
    found = str(error.value).split("has the hash ")[1].split(",")[0]
    monkeypatch.setattr(install_detectron2, "WHEEL_SHA256", found)


@pytest.fixture
def detectron2_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "detectron2", None)


def test_installed_detectron2_is_kept():
    result = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stdout.startswith("detectron2 is installed and kept as it is: ")


def test_repacked_wheel_is_a_proper_detectron2_with_the_same_code(tested_wheel, tmp_path):
    files = install_detectron2.repacked_files(source_wheel(tmp_path))
    with zipfile.ZipFile(install_detectron2.write_wheel(files, tmp_path)) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    folders = {name.split("/")[0] for name in content}
    assert folders == {"detectron2", "detectron2-0.6+sal0.7.2.dist-info"}
    assert content["detectron2/__init__.py"] == CODE
    assert not any(name.endswith(".so") for name in content)
    metadata = content["detectron2-0.6+sal0.7.2.dist-info/METADATA"].decode().splitlines()
    assert "Name: detectron2" in metadata
    assert "Requires-Dist: numpy" in metadata
    assert "Requires-Dist: fvcore<0.1.6,>=0.1.5" in metadata
    assert not any("extra" in line.lower() for line in metadata)
    record = content.pop("detectron2-0.6+sal0.7.2.dist-info/RECORD").decode().splitlines()
    expected = {"detectron2-0.6+sal0.7.2.dist-info/RECORD,,"}
    for name, data in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        expected.add(f"{name},sha256={digest},{len(data)}")
    assert set(record) == expected


def test_same_wheel_whatever_the_order_of_the_source(tested_wheel, tmp_path):
    source = source_wheel(tmp_path, sorted(FILES, reverse=True))
    install_detectron2.write_wheel(install_detectron2.repacked_files(source), tmp_path)


def test_wheel_of_another_hash_is_refused(pip_calls, detectron2_is_absent, tmp_path, capsys):
    assert install_detectron2.main(["--wheel-dir", str(tmp_path)]) == 1
    assert (
        "22d1f164995a107c1dc73de6038417fc9f9770b452f4493d97cecb7e6a5b0ae5"
        in capsys.readouterr().err
    )
    assert not any("install" in call for call in pip_calls)
    assert list(tmp_path.iterdir()) == []


def test_default_downloads_by_hash_and_installs_only_detectron2(
    pip_calls, tested_wheel, detectron2_is_absent
):
    assert install_detectron2.main([]) == 0
    download, install = pip_calls
    assert {"download", "--require-hashes", "--no-deps"} <= set(download)
    assert {"install", "--no-deps"} <= set(install)
    assert install[-1].endswith("detectron2-0.6+sal0.7.2-py3-none-any.whl")


def test_wheel_can_be_kept_without_installing(pip_calls, tested_wheel, tmp_path):
    folder = tmp_path / "wheels"
    assert install_detectron2.main(["--no-install", "--wheel-dir", str(folder)]) == 0
    assert [path.name for path in folder.iterdir()] == ["detectron2-0.6+sal0.7.2-py3-none-any.whl"]
    assert not any("install" in call for call in pip_calls)


def test_from_git_builds_one_commit_of_the_official_source(pip_calls, detectron2_is_absent):
    assert install_detectron2.main(["--from-git"]) == 0
    (install,) = pip_calls
    assert "--no-deps" in install
    repository, commit = install[-1].rsplit("@", 1)
    assert repository == "detectron2 @ git+https://github.com/facebookresearch/detectron2.git"
    assert len(commit) == 40


def test_force_replaces_an_installed_detectron2(pip_calls):
    assert install_detectron2.main(["--from-git", "--force"]) == 0
    assert len(pip_calls) == 1


def test_failure_of_pip_is_said(monkeypatch, detectron2_is_absent, capsys):
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1)
    )
    assert install_detectron2.main([]) == 1
    assert "pip download" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--no-install"], "say where with --wheel-dir"),
        (["--from-git", "--wheel-dir", "wheels"], "--from-git makes none"),
    ],
)
def test_options_that_do_not_go_together(options, message, capsys):
    with pytest.raises(SystemExit) as error:
        install_detectron2.main(options)
    assert error.value.code == 2
    assert message in capsys.readouterr().err
