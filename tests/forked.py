"""The ``snellen`` command as a process of its own that need not import PyTorch first: a fork of one that has.

Any other program in Python too, given as its text or as its file. Its own are the file descriptors 0 to 2, the working
directory, the signals and the exit status. What the program does as it is imported, and what it reads from the
environment then, needs a process that starts from nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn, Self

_PIPES = ("stdin", "stdout", "stderr")
# What the commands import, when they need it, too.
_PRELOADED = (
    "snellen.cli", "snellen.data.datasets", "snellen.exam.compare", "snellen.exam.run", "snellen.exam.compose",
    "snellen.exam.many", "snellen.exam.verify",
    "snellen.models.listing", "snellen.inspect.figures", "snellen.transfer.files", "snellen.training.files",
    "markdown_it", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "pydantic", "rich.progress",
    "rich.table", "scipy.stats", "sklearn.datasets", "sklearn.linear_model", "sklearn.svm", "torch._dynamo",
)  # fmt: skip
_PRELOADED_IF_THERE = ("openvino", "openvino.tools.ovc", "starlette.applications", "uvicorn", "tensorboard")


class Forked:
    """What :class:`subprocess.Popen` is for a program, as far as these tests use it."""

    def __init__(
        self,
        *arguments: object,
        program: str | Path = "snellen",
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        input: bytes = b"",  # noqa: A002
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="forked-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        (self._folder / "stdin").write_bytes(input)
        task = {
            "argv": [str(program), *map(str, arguments)],
            "text": program if isinstance(program, str) and program != "snellen" else None,
            "cwd": str(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),
            "folder": str(self._folder),
        }
        pipe = _server().stdin
        assert pipe is not None
        pipe.write(json.dumps(task) + "\n")
        pipe.flush()
        self.args = task["argv"]
        self.pid = int(self._said("pid"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        status = self._folder / "status"
        return int(status.read_text(encoding="utf-8")) if status.exists() else None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def output(self) -> tuple[str, str]:
        """Standard output and standard error so far."""
        stdout, stderr = (self._folder / name for name in _PIPES[1:])
        # It opens them one after the other, as it starts.
        return (stdout.read_text(encoding="utf-8"), stderr.read_text(encoding="utf-8")) if stderr.exists() else ("", "")

    def wait(self, timeout: float = 280) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.args, timeout, *self.output())
            time.sleep(0.01)
        return self.poll() or 0

    def communicate(self, timeout: float = 280) -> tuple[str, str]:
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return self.output()

    def _said(self, name: str) -> str:
        path, end = self._folder / name, time.monotonic() + 600
        while not path.exists():
            assert _server().poll() is None, "the server of forks has ended"
            assert time.monotonic() < end
            time.sleep(0.005)
        return path.read_text(encoding="utf-8")


def run(*arguments: object, timeout: float = 280, **options: object) -> subprocess.CompletedProcess:
    """What :func:`subprocess.run` is for a program."""
    process = Forked(*arguments, **options)
    stdout, stderr = process.communicate(timeout)
    return subprocess.CompletedProcess(process.args, process.poll(), stdout, stderr)


@functools.cache
def _server() -> subprocess.Popen:
    # What is written is looked at for what it says; how it is encoded elsewhere has tests of its own.
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, text=True, start_new_session=True, env=environment
    )
    # It ends when nobody can ask it for more.
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    tasks = os.fdopen(os.dup(0))
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in _PRELOADED:
        importlib.import_module(name)
    for name in _PRELOADED_IF_THERE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    # Who watches a command is not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in tasks:
        if os.fork() == 0:
            os.close(tasks.fileno())
            _watch(json.loads(line))


def _watch(task: dict) -> NoReturn:
    from snellen.runs.process import end_with_parent

    # Of tests that were killed no command goes on.
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    folder = Path(task["folder"])
    pid = os.fork()
    if pid == 0:
        end_with_parent()
        _run(task, folder)
    _leave(folder / "pid", pid)
    _leave(folder / "status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _leave(path: Path, number: int) -> None:
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(str(number), encoding="utf-8")
    unfinished.replace(path)


def _run(task: dict, folder: Path) -> NoReturn:
    os.setsid()
    for descriptor, name in enumerate(_PIPES):
        flags = os.O_RDONLY if name == "stdin" else os.O_CREAT | os.O_WRONLY | os.O_APPEND
        opened = os.open(folder / name, flags, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["environment"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = task["argv"]
    tempfile.tempdir = None  # found again, in this environment
    status: object = 1
    try:
        _program(task)
        status = 0
    except SystemExit as end:
        status = end.code
    except BaseException:
        traceback.print_exc()
    # What ends a program, but for taking apart the modules, which takes longer than most commands.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status if isinstance(status, int) else 0 if status is None else 1)


def _program(task: dict) -> None:
    if task["text"] is not None:
        exec(compile(task["text"], "-c", "exec"), {"__name__": "__main__"})
    elif task["argv"][0] != "snellen":
        sys.path.insert(0, str(Path(task["argv"][0]).parent))
        runpy.run_path(task["argv"][0], run_name="__main__")
    else:
        from snellen.cli import main

        main()


if __name__ == "__main__":
    _serve()
