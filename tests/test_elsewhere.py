"""Running and hosting elsewhere: launch links by one setting, the workflow that publishes, the notes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from conftest import ROOT, lesson_paths

sys.path.insert(0, str(ROOT / "book" / "_ext"))

from course_launch import Repository

PAGE = ROOT / "book" / "elsewhere.md"
WORKFLOW = ROOT / ".github" / "workflows" / "book.yml"
CONF = """
project = "Tiny"
extensions = ["myst_nb", "course_launch"]
root_doc = "index"
nb_execution_mode = "off"
html_theme = "basic"
templates_path = [{templates!r}]
course_repository = {address!r}
"""


def build(folder: Path, address: str) -> subprocess.CompletedProcess[str]:
    """A book of one page and one lesson, with the course's own layout."""
    import nbformat

    source = folder / "source"
    (source / "lessons").mkdir(parents=True)
    conf = CONF.format(templates=str(ROOT / "book" / "_templates"), address=address)
    (source / "conf.py").write_text(conf, encoding="utf-8")
    (source / "index.md").write_text("# Tiny\n\n```{toctree}\nlessons/01_a\n```\n", encoding="utf-8")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Lesson")])
    nbformat.write(notebook, source / "lessons" / "01_a.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(source), str(folder / "html")]
    path = f"import sys; sys.path.insert(0, {str(ROOT / 'book' / '_ext')!r})\n"
    (source / "conf.py").write_text(path + conf, encoding="utf-8")
    return subprocess.run(command, capture_output=True, text=True)


def launch_links(page: Path) -> dict[str, str]:
    """Name and address of the launch links of a built page."""
    found = re.search(r'<nav class="launch".*?</nav>', page.read_text(encoding="utf-8"), re.S)
    return {} if found is None else {n: a for a, n in re.findall(r'href="([^"]+)"[^>]*>([^<]+)<', found[0])}


def test_no_launch_links_as_shipped(tmp_path: Path) -> None:
    """Off: the shipped setting is empty, and no page of a build offers or names another host."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    assert config["sphinx"]["config"]["course_repository"] == ""
    built = build(tmp_path, "")
    assert built.returncode == 0, built.stderr
    for page in ("index", "lessons/01_a"):
        text = (tmp_path / "html" / f"{page}.html").read_text(encoding="utf-8")
        assert "launch" not in text and "binder" not in text and "colab" not in text


def test_one_setting_switches_the_links_on(tmp_path: Path) -> None:
    """On: a lesson links to three places that name repository, branch and file; other pages do not."""
    built = build(tmp_path, "https://github.com/someone/a.course/tree/next/two")
    assert built.returncode == 0, built.stderr
    links = launch_links(tmp_path / "html" / "lessons" / "01_a.html")
    assert list(links) == ["Binder", "Colab", "GitHub"]
    blob = "/someone/a.course/blob/next/two/lessons/01_a.ipynb"
    assert links["GitHub"] == f"https://github.com{blob}"
    assert urlsplit(links["Colab"]).path == f"/github{blob}"
    binder = urlsplit(links["Binder"])
    assert binder.path == "/v2/gh/someone/a.course/next%2Ftwo"
    assert unquote(binder.query) == "urlpath=lab/tree/lessons/01_a.ipynb"
    assert launch_links(tmp_path / "html" / "index.html") == {}


def test_a_wrong_setting_stops_the_build(tmp_path: Path) -> None:
    """The message names the setting, what it holds and what it should hold."""
    built = build(tmp_path, "someone/course")
    assert built.returncode != 0
    assert "course_repository is 'someone/course'; expected https://github.com/OWNER/NAME" in built.stderr


@pytest.mark.parametrize("address", ["https://github.com/a/b", "https://github.com/a/b/", "https://github.com/a/b.git"])
def test_addresses_as_people_paste_them(address: str) -> None:
    assert Repository.parse(address) == Repository("a", "b", "main")


@pytest.mark.parametrize("address", [
    "github.com/a/b", "https://github.com/a", "https://evil.example/github.com/a/b", "https://github.com/a/b/issues",
    'https://github.com/a/b"onclick="x', "javascript:alert(1)",
])  # fmt: skip
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="course_repository"):
        Repository.parse(address)


def steps() -> list[dict[str, object]]:
    """All steps of the workflow, in order."""
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_workflow_runs_what_the_readme_says() -> None:
    """Each command is a make target with variables of the Makefile; the artifact is what make builds."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    variables = set(re.findall(r"^([A-Z_]+) \?=", makefile, re.M))
    commands = [str(step["run"]) for step in steps() if "run" in step]
    assert "make book" in commands[0]
    for command in commands:
        made = re.fullmatch(r"make ([a-z]+)(?: ([A-Z_]+)=\S+)*", command)
        assert made and made[1] in targets, command
        assert set(re.findall(r"([A-Z_]+)=", command)) <= variables, command
    upload = next(step for step in steps() if "upload-pages-artifact" in str(step.get("uses")))
    assert upload["with"] == {"path": "_build/html"}
    python = next(step for step in steps() if "setup-python" in str(step.get("uses")))["with"]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    required = re.search(r'requires-python = ">=([\d.]+)"', project)
    assert required and isinstance(python, dict) and python["python-version"] == required[1]


def test_workflow_is_whole_and_modest() -> None:
    """Actions are pinned by tag; it may read, and only the publishing job may write, to the pages alone."""
    flow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    for step in steps():
        assert ("uses" in step) != ("run" in step), step
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", str(step["uses"])), step
    assert flow["permissions"] == {"contents": "read"}
    build_job, publish = flow["jobs"]["build"], flow["jobs"]["publish"]
    assert "permissions" not in build_job and publish["needs"] == "build"
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    triggers = flow[True]  # YAML 1.1 reads the key `on` so
    assert triggers["push"]["branches"] == ["main"]
    assert "torch_index" in triggers["workflow_dispatch"]["inputs"]
    assert flow["env"]["TORCH_INDEX"] == "${{ inputs.torch_index || vars.TORCH_INDEX }}"
    run = [str(step["run"]) for step in steps() if "run" in step]
    assert not any("${{" in command for command in run)  # an input reaches a shell only as a variable


def imported(path: Path) -> set[str]:
    """Top-level names that a module of the library imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_the_install_line_names_every_package() -> None:
    """What lessons import is in the line for Colab or among what the page says that Colab brings."""
    text = PAGE.read_text(encoding="utf-8")
    line = re.search(r"^!pip install --quiet (.+)$", text, re.M)
    brought = re.search(r"import \(([^)]+)\) are part\s+of Colab", text)
    assert line and brought
    told = set(line[1].split()) | set(re.split(r",\s+|\s+", brought[1].strip()))
    for_building = {"dask", "distributed", "joblib", "nbformat", "nbclient", "playwright", "tqdm", "yaml"}
    with_others = {"traitlets", "cycler"}  # they come with ipywidgets and matplotlib
    found = set().union(*map(imported, (ROOT / "course_lib").rglob("*.py")))
    third = found - set(sys.stdlib_module_names) - {"course_lib"} - for_building
    assert third <= told | with_others, third - told
    assert set(line[1].split()) <= found


def test_page_tells_the_truth_about_files() -> None:
    """Files and targets that the page names exist, and every lesson has the name that a link would have."""
    text = PAGE.read_text(encoding="utf-8")
    for name in ("_config.yml", ".github/workflows/book.yml", "requirements.txt"):
        assert f"`{name}`" in text and (ROOT / name).is_file(), name
    assert all(re.fullmatch(r"\d\d_[a-z_]+\.ipynb", path.name) for path in lesson_paths())
