"""What README.md shows: an example, which is run; files; the kept ablation, as docs/results.md does."""

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tools import make_table
from vost_sgg.config import get_vost_cfg
from vost_sgg.evaluation.ablation import ablation_table
from vost_sgg.evaluation.table_formats import render

DOCS = Path("docs")
README = Path("README.md").read_text()


@pytest.fixture
def own_project(tmp_path, monkeypatch):
    """The example's two files in a folder of its own, beside the repository's configs."""
    (tmp_path / "configs").symlink_to(Path("configs").resolve())
    for language in ("python", "yaml"):
        code = re.search(rf"```{language}\n# (\S+)\n(.*?)```", README, re.DOTALL)
        path = tmp_path / code.group(1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code.group(2))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_part_is_registered_by_its_config_and_built(own_project):
    build = (
        "import sys; from vost_sgg.config import get_vost_cfg; from vost_sgg.engine.launching import import_parts\n"
        "from vost_sgg.modeling import build_model\n"
        "cfg = get_vost_cfg('projects/quiet_queries/predcls.yaml'); import_parts(cfg)\n"
        "print(type(build_model(cfg).query_initializer).__name__)"
    )
    run = subprocess.run([sys.executable, "-c", build], capture_output=True, text=True)
    assert run.stdout.splitlines()[-1:] == ["QuietQueries"], run.stderr


def test_a_module_that_does_not_exist_is_named(own_project):
    from vost_sgg.engine.launching import import_parts

    cfg = get_vost_cfg(opts=["IMPORTS", ("projects.nothing",)])
    with pytest.raises(ImportError, match="IMPORTS: there is no module projects.nothing"):
        import_parts(cfg)


def test_every_linked_file_exists():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [link for link in links if "://" not in link and not Path(link).exists()]
    assert missing == []


def test_the_layout_names_what_is_there():
    layout = README.partition("    vost_sgg/\n")[2].partition("\n\n")[0]
    rooms = re.findall(r"^      (\w+)/ ", layout, re.MULTILINE)
    packages = {path.parent.name for path in Path("vost_sgg").glob("*/__init__.py")}
    assert set(rooms) == packages


def test_the_ablations_table_is_the_kept_files():
    kept = json.loads((DOCS / "ablation" / "predcls.json").read_text())
    assert stripped(textwrap.indent(ablation_table(kept), "    ")) in stripped(README)


def test_the_tables_of_the_results_page_are_the_kept_ablations():
    results = stripped((DOCS / "results.md").read_text())
    for file in (DOCS / "ablation").glob("*.json"):
        like = {"predcls": "table2", "sgcls": "table6", "sgdet": "table5"}[file.stem]
        table = render(make_table.table(like, [str(file)]), "markdown")
        assert f"<!-- {like} -->\n{stripped(table)}\n<!-- end -->" in results


def stripped(text):
    return "\n".join(map(str.rstrip, text.splitlines()))
