"""Studies as scripts in processes of their own, and what is left of them."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 60.0  # seconds that a loaded machine is given; nothing here takes a second on an idle one


class Script:
    """A study script in a folder, run as a user would."""

    def __init__(self, folder):
        self.folder = folder
        self.mark = f"{os.getpid()}-{folder.name}"
        self.started = []

    def start(self, text, *options, store="runs.db", limit=None, **environment):
        """Start ``optcompare run`` on the text; environment variables by keyword, ``limit``: a file's largest size."""
        (self.folder / "script.py").write_text(text)

        def in_child():
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # the tests may run in a background job, where it is ignored
            if limit is not None:
                import resource

                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        command = [sys.executable, "-m", "optcompare.cli", "run", "script.py", "--store", store, *map(str, options)]
        process = subprocess.Popen(
            command, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=in_child,
            env={**os.environ, "MARK": self.mark, **environment},
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, text, *options, **environment):
        """Run to the end; return the exit status and what was printed on either stream."""
        process = self.start(text, *options, **environment)
        out, err = process.communicate(timeout=PATIENCE)
        return process.returncode, out + err

    def n_stored(self, store="runs.db"):
        """Count the runs in the store by looking at the file alone."""
        with contextlib.suppress(sqlite3.Error):
            uri = f"file:{self.folder / store}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
                return connection.execute("SELECT count(*) FROM runs").fetchone()[0]
        return 0

    def processes(self, kind=""):
        """Return the processes that descend from a start here and still run."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                is_ours = f"MARK={self.mark}".encode() in (folder / "environ").read_bytes() and state not in "ZX"
                if is_ours and kind.encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found


def wait_for(condition, seconds=PATIENCE):
    """Wait until the condition holds; fail where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain"
        time.sleep(0.02)


@pytest.fixture
def patiently():
    return wait_for


@pytest.fixture
def script(tmp_path):
    made = Script(tmp_path)
    yield made
    for process in made.started:
        process.kill()
    for left in made.processes("optcompare.runs.child"):  # not what pytest itself has started meanwhile
        with contextlib.suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)
    for process in made.started:
        process.communicate()
