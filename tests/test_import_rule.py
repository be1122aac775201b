"""A folder imports only from folders above it, and only what their `__init__` offers."""

import ast
from importlib import import_module
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "iamkit"
ORDER = """errors, arns badges counts memory values lock whole_file exit_codes, progress,
    answer yaml_file settings table, reference settings_files, policy, evidence, storage, tables,
    access, trust restrictions lint, escalation, checks, results, account, confirm,
    remedies charts, pages, report demo, __init__, fleet rotation, terminal,
    settings_commands rotation_commands confirm_command fleet_commands, cli, __main__"""
LEVEL = {name: level for level, line in enumerate(ORDER.split(",")) for name in line.split()}


def imports(path: Path):
    """Module and name of each import of iamkit's own, deferred ones included."""
    ours = {"iamkit"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or "iamkit" in str(node.module)):
            ours |= {alias.asname or alias.name for alias in node.names}
            yield from (("." * node.level + str(node.module), each.name) for each in node.names)
        elif isinstance(node, ast.Import):  # of a whole module
            yield from ((each.name, "_") for each in node.names if "iamkit" in each.name)
        elif isinstance(node, ast.Attribute) and node.attr[:1] == "_" != node.attr[1]:
            yield from ((of, node.attr) for of in ours & {ast.unparse(node.value)} if of.islower())


def test_imports_follow_the_order_of_the_folders():
    for path in PACKAGE.rglob("*.py"):
        home = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for module, name in imports(path):
            folder, *inside = [*module.split("."), name][1:]
            private = name.startswith("_") or module.startswith(".")
            offered = [] if private else getattr(import_module(module), "__all__", [name])
            above = LEVEL.get(folder, 99) < LEVEL[home] and len(inside) < 2
            may = not private and (folder == home or (above and (not inside or name in offered)))
            assert may, f"{path.relative_to(PACKAGE)} takes {name} of {module}"
