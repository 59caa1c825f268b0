"""Child processes: each in its own group, with its output in a file, and gone when the test is over."""

import ctypes
import os
import pathlib
import shutil
import signal
import subprocess

from .waiting import until

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def program(name):
    """The path of a program that the suite cannot do without."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")
    if path is None:
        raise RuntimeError(f"{name} is not installed: scripts/test installs it")
    return path


class Process:
    """One program, started by a test."""

    def __init__(self, name, argv, run_dir, env=None, stdin=subprocess.DEVNULL):
        self.name = name
        self.log = pathlib.Path(run_dir) / f"{name}.log"
        environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(
                [str(word) for word in argv],
                stdin=stdin, stdout=log, stderr=subprocess.STDOUT, cwd=run_dir, env=environment,
                start_new_session=True, preexec_fn=_die_with_parent,
            )

    @property
    def alive(self):
        return self.popen.poll() is None

    def output(self):
        """All that the program has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self, what, condition, seconds=40.0):
        """Waits for a condition while the program lives; its end is a failure at once."""
        def ready():
            if not self.alive:
                raise AssertionError(f"{self.name} ended with {self.popen.returncode} before: {what}\n{self.output()[-4000:]}")
            return condition()
        return until(f"{self.name}: {what}", ready, seconds)

    def wait_exit(self, seconds=15.0):
        """Waits for the program's end and gives its exit code."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds:g} s") from None

    def send(self, number):
        if self.alive:
            self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=8.0):
        """Asks the program to end; after `seconds` the whole group is killed. Gives the exit code."""
        self.send(number)
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        self.kill()
        return self.popen.returncode

    def kill(self):
        """Kills the program and whatever it started."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()
