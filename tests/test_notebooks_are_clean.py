"""Notebooks are committed as they are read: the same bones, short code, no outputs."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def syntax(cell: nbformat.NotebookNode) -> list[ast.AST]:
    """Every syntax node of a code cell; one that is not plain Python is an error."""
    return list(ast.walk(ast.parse(cell.source)))


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 5


@every_notebook
def test_it_is_a_valid_notebook_for_any_python3_kernel(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert path.read_text().endswith("}\n")


@every_notebook
def test_it_holds_no_outputs_and_no_trace_of_a_run(path):
    notebook = read(path)
    assert [cell.id for cell in code_cells(path) if cell.outputs or cell.execution_count] == []
    assert [cell.id for cell in notebook.cells if "papermill" in cell.metadata] == []
    assert [cell.id for cell in notebook.cells if "execution" in cell.metadata] == []
    assert "papermill" not in notebook.metadata
    assert "widgets" not in notebook.metadata


@every_notebook
def test_it_opens_with_a_title_and_has_one_cell_of_parameters(path):
    notebook = read(path)
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    assert tags.count("parameters") == 1
    assert "injected-parameters" not in tags


@every_notebook
def test_its_cells_have_names_not_random_ids(path):
    # A name keeps a diff small and lets an error say which cell failed.
    ids = [cell.id for cell in read(path).cells]
    assert len(set(ids)) == len(ids)
    word = re.compile(r"(?![0-9a-f-]{8,}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
    assert [name for name in ids if not word.fullmatch(name)] == []


@every_notebook
def test_its_code_asks_and_does_not_build(path):
    building = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for cell in code_cells(path):
        nodes = syntax(cell)
        assert [node.name for node in nodes if isinstance(node, building)] == []
        # A lambda may name a column in `assign`; a named one is a function in disguise.
        arguments = [
            argument
            for node in nodes
            if isinstance(node, ast.Call)
            for argument in (*node.args, *(keyword.value for keyword in node.keywords))
        ]
        lambdas = [node for node in nodes if isinstance(node, ast.Lambda)]
        assert [ast.unparse(node) for node in lambdas if node not in arguments] == []
        assert len(lambdas) <= 4, f"cell {cell.id} is better as a function of the package"


def test_its_cells_are_short():
    # Whoever reads a notebook sees the question, not how a table is made: `iamkit.pages` does that.
    lines = {
        f"{path.stem}, {cell.id}": len(cell.source.splitlines())
        for path in NOTEBOOKS
        for cell in code_cells(path)
    }
    assert {name: count for name, count in lines.items() if count > 15} == {}
    assert sum(count <= 5 for count in lines.values()) >= len(lines) / 2


@every_notebook
def test_it_leaves_aws_and_plotting_to_the_package(path):
    nodes = [node for cell in code_cells(path) for node in syntax(cell)]
    names = [
        *(alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names),
        *(node.module for node in nodes if isinstance(node, ast.ImportFrom)),
    ]
    assert {name.split(".")[0] for name in names} & {"boto3", "botocore", "matplotlib"} == set()
