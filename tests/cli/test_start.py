"""Starting: what is imported, how long it takes, and how it ends in a real process."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

# Processes and histories that take seconds.
pytestmark = pytest.mark.slow

HEAVY = {
    *("numpy", "cv2", "PIL", "onnxruntime", "faiss", "sqlalchemy", "alembic", "tensorflow", "sklearn", "scipy"),
    *("rich", "matplotlib"),
}


def facesearch(*words, **options):
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "facesearch", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def imported(*words) -> tuple[int, set[str]]:
    """The exit code of a command, and the top-level modules that it has imported by its end."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\n' + ' '.join({n.split('.')[0] for n in sys.modules}), file=sys.stderr))\n"
        f"sys.argv[1:] = {[str(word) for word in words]!r}\n"
        "from facesearch.cli import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--help",), ("index", "--help"), ("--version",), ()])
def test_help_imports_nothing_heavy(words):
    """Help and version load none of the libraries that do the work."""
    code, modules = imported(*words)
    assert code == 0
    assert modules & HEAVY == set()


def test_help_costs_little_more_than_typer_itself():
    """``facesearch --help`` answers at once: the best of five runs takes less than 3 times the CPU of Typer alone.

    A ratio of the same run, because processors differ. With 40 commands it is about 2.4.
    """

    def cost(*words) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], capture_output=True, timeout=120, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = [(cost("-m", "facesearch", "--help"), cost("-c", "import typer")) for _ in range(5)]
    assert min(ours for ours, _ in pairs) < 3 * min(typer for _, typer in pairs)


def test_verify_imports_no_database_and_no_training(val):
    """``verify`` answers without SQLAlchemy, FAISS, TensorFlow, scikit-learn, SciPy or matplotlib."""
    code, modules = imported("verify", val[0], val[0])
    assert code == 0
    assert "onnxruntime" in modules
    assert (
        modules & {"sqlalchemy", "alembic", "faiss", "tensorflow", "keras", "sklearn", "scipy", "matplotlib"} == set()
    )


def test_the_module_is_the_program():
    """``python -m facesearch --version`` says the name and the version of the package."""
    from facesearch import __version__

    done = facesearch("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"facesearch {__version__}\n", "")


def test_a_closed_pipe_is_quiet():
    """A reader that goes away early, as ``head`` does, leaves no complaint on stderr."""
    for words in (["models"], ["--help"]):
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-m", "facesearch", *words]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_said():
    """Output that cannot be written is an error; errors that cannot be written change nothing."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        command = [sys.executable, "-m", "facesearch"]
        done = subprocess.run([*command, "models"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (2, "error: cannot write the output: No space left on device\n")
        assert subprocess.run([*command, "nonsense"], stderr=full, check=False).returncode == 2


def test_a_closed_stdout_is_no_error():
    """A program that is started without a stdout does its work all the same."""
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m facesearch models >&-"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("delay", [0.02, 0.06, 0.12])
def test_an_early_ctrl_c_is_no_traceback(delay):
    """Ctrl-C while the program starts ends it with 130 and no traceback of ours."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import facesearch.cli as c; print(flush=True); c.main()", "people"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in {130, 2}, err
    assert "Traceback" not in err


def test_a_terminal_without_utf8_gets_escapes(tmp_path):
    """An encoding that has no letter for a name gets it escaped, not a crash."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = facesearch("stats", "--gallery", tmp_path / "Zoë", env=environment)
    assert done.returncode == 2
    assert "no gallery" in done.stderr
    assert "Zo\\xeb" in done.stderr
