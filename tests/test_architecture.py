"""The shape of the package: who imports what, how long files are, and what importing it costs."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "facesearch"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
LONGEST = 400
NOTES = ("TODO", "FIXME", "XXX")

MAY_IMPORT = {
    "tensorflow": ("training/",),
    "keras": ("models/facenet_keras.py", "training/"),
    "h5py": ("models/facenet_keras.py",),
    "mtcnn": ("detection/reference.py",),
    "onnx": ("models/",),
    "onnxruntime": ("models/runtime.py", "models/quantize.py"),
    "joblib": ("models/mtcnn_weights.py",),
    "lz4": ("models/mtcnn_weights.py",),
    "faiss": ("index/faiss_index.py", "index/faiss_codes.py"),
    "pymilvus": ("index/milvus_server.py",),
    "ray": ("pipeline/ray_bridge.py",),
    "dlib": ("embedding/dlib.py",),
    "milvus_lite": (),
    "sqlalchemy": ("store/",),
    "alembic": ("store/",),
    "sqlite3": ("store/",),
    "psycopg": ("store/",),
    "pgvector": ("store/",),
    "sklearn": ("identify/svm.py", "cluster.py", "evaluation/"),
    "scipy": ("identify/decide.py", "cluster.py", "evaluation/"),
    "typer": ("cli/",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "PIL": ("images/", "detection/"),
    "cv2": ("images/", "detection/"),
    "jinja2": ("report/",),
    "defusedxml": ("images/",),
    "pi_heif": ("images/",),
    "matplotlib": ("images/", "evaluation/"),
    "pickle": ("models/mtcnn_weights.py",),
    "marshal": (),
    "shelve": (),
}
"""Third-party (and risky) modules, and where alone they may be imported (design.md, section 4)."""

HEAVY = {
    *("numpy", "cv2", "PIL", "onnxruntime", "onnx", "faiss", "sqlalchemy", "alembic", "tensorflow", "keras", "mtcnn"),
    *("sklearn", "scipy", "matplotlib", "typer", "rich", "h5py", "joblib", "platformdirs", "filelock", "pymilvus"),
    "dlib",
}


@cache
def imports(path: Path) -> set[str]:
    """The top-level names of all that a file imports, inside functions and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("library", MAY_IMPORT)
def test_each_library_is_imported_in_its_own_room_only(library):
    """A third-party library is imported only where design.md, section 4, allows it."""
    allowed = MAY_IMPORT[library]
    users = {name for name, path in MODULES.items() if library in imports(path)}
    assert {name for name in users if not name.startswith(allowed or "\0")} == set()


def test_training_alone_adds_to_the_users_of_tensorflow():
    """TensorFlow is imported for exporting, by the reference engines and for training, nowhere else."""
    users = {name for name, path in MODULES.items() if imports(path) & {"tensorflow", "keras", "mtcnn", "tf2onnx"}}
    allowed = {"models/export.py", "models/facenet_keras.py", "detection/reference.py", "embedding/reference.py"}
    assert {name for name in users if not name.startswith("training/")} <= allowed


def test_the_import_contract_holds():
    """Layers import downward and siblings never import each other, as the contract in pyproject.toml says."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_every_layer_of_the_contract_is_a_room_of_the_package():
    """Each part of the package has its place in the import contract, so that none escapes it."""
    import tomllib

    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    placed = {name.strip(" ()") for layer in contract["layers"] for name in layer.split("|")}
    parts = {module.name for module in pkgutil.iter_modules([str(PACKAGE)])} - {"__main__", "testing"}
    assert parts <= placed


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_longer_than_400_lines(name):
    """A module over 400 lines must become two."""
    assert len(MODULES[name].read_text().splitlines()) <= LONGEST


def test_importing_the_package_imports_nothing_heavy():
    """``import facesearch`` loads no third-party library, so that every command starts at once."""
    code = "import sys; before = set(sys.modules); import facesearch; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & HEAVY == set()
    assert loaded - set(sys.stdlib_module_names) == {"facesearch"}


def test_no_code_is_executed_from_strings_or_pickles():
    """The package calls no eval, exec, pickle.load, marshal or torch.load."""
    bad = []
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in {"eval", "exec", "compile", "pickle.load", "pickle.loads", "marshal.loads", "joblib.load"}:
                bad.append(f"{name}:{node.lineno} {called}")
            allows = [word for word in node.keywords if word.arg == "allow_pickle"]
            reads = called.endswith(("np.load", "numpy.load"))
            if reads and not (allows and ast.unparse(allows[0].value) == "False"):
                bad.append(f"{name}:{node.lineno} np.load that admits pickles")
    assert bad == []


def test_nothing_outside_the_cli_prints():
    """A library does not write to the terminal; only the command line does."""
    printing = [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        if not name.startswith("cli/") and name != "__main__.py"
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert printing == []


def public(module) -> list[tuple[str, object]]:
    """The public classes and functions that a module defines, and the public methods of its classes."""
    found = []
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value):
            found.append((name, value))
            members = vars(value).items()
            found += [
                (f"{name}.{part}", getattr(member, "__func__", getattr(member, "fget", member)))
                for part, member in members
                if not part.startswith("_") and isinstance(member, type(public) | property | classmethod | staticmethod)
            ]
        elif inspect.isfunction(value):
            found.append((name, value))
    return found


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__.py")])
def test_whatever_is_public_says_what_it_is(name):
    """Every module, and every public class, function and method in it, has a docstring."""
    dotted = "facesearch." + name.removesuffix(".py").replace("/", ".")
    module = importlib.import_module(dotted.removesuffix(".__init__"))
    assert module.__doc__
    assert [what for what, value in public(module) if not inspect.getdoc(value)] == []


def test_the_package_is_typed():
    """Type checkers of others use our annotations: py.typed is there."""
    assert (PACKAGE / "py.typed").is_file()


def test_no_note_to_self_is_left_in_the_code():
    """The package has no TODO, FIXME or XXX."""
    notes = []
    for name, path in MODULES.items():
        with tokenize.open(path) as file:
            comments = [token for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
        notes += [f"{name}: {one.string}" for one in comments if any(word in one.string for word in NOTES)]
    assert notes == []
