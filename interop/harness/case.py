"""The base of the tests: a run directory, the processes started in it, and their logs when something fails."""

import os
import pathlib
import shutil
import tempfile
import unittest

from .daemon import Daemon
from .events import EventStream
from .kamailio import PresenceServer, Publisher
from .process import Process
from .sip import ScriptedServer
from .watcher import Watcher

_configured = {}


def configure(pua, venv):
    """Says once where the daemon's binary and the Python environment are."""
    if not os.access(pua, os.X_OK):
        raise SystemExit(f"{pua} is not there: build it first (cargo build --release --bin pua)")
    _configured.update(pua=pua, venv=venv)


def in_memory():
    """Where files are in memory, if there is such a place with room; None: where temporary files go. Kamailio's SQLite connector fails at once when another
    of its processes is writing, so nobody should wait for a disk.
    """
    place = "/dev/shm"
    roomy = os.access(place, os.W_OK | os.X_OK) and shutil.disk_usage(place).free > 48 * 1024 * 1024
    return place if roomy else None


class LabCase(unittest.TestCase):
    """One test with a laboratory of its own."""

    maxDiff = None

    def setUp(self):
        # Short, because the name of a UNIX socket has at most 107 bytes; not sticky, because Linux protects FIFOs in sticky directories.
        self.run_dir = pathlib.Path(tempfile.mkdtemp(prefix="pua-lab-", dir=in_memory()))
        self.addCleanup(self._clear)

    def _clear(self):
        outcome = self._outcome
        bad = bool(getattr(outcome.result, "failures", None) or getattr(outcome.result, "errors", None)) and not outcome.success
        if bad:
            self._kept_logs = self._read_logs()
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def _read_logs(self):
        parts = []
        for path in sorted(self.run_dir.rglob("*")):
            if path.is_file() and path.suffix in (".log", ".messages", ".errors", ".toml"):
                text = path.read_text(encoding="utf-8", errors="replace")
                cut = text[-6000:]
                parts.append(f"---- {path.name}{' (end)' if len(cut) < len(text) else ''}\n{cut}")
        return "\n".join(parts)

    def logs(self):
        """What the test's processes printed, for the report of a failure."""
        return getattr(self, "_kept_logs", None) or self._read_logs()

    # -- what a test can start ------------------------------------------------------------------------------------

    @property
    def pua(self):
        return _configured["pua"]

    def in_venv(self, name):
        return _configured["venv"] / "bin" / name

    def start(self, name, argv, **options):
        process = Process(name, argv, self.run_dir, **options)
        self.addCleanup(process.stop)
        return process

    def kamailio(self, **options):
        server = PresenceServer(self.run_dir, **options)
        self.addCleanup(server.stop)
        return server.start()

    def kamailio_publisher(self, proxy):
        publisher = Publisher(self.run_dir, proxy)
        self.addCleanup(publisher.stop)
        return publisher.start()

    def scripted_server(self, answer):
        server = ScriptedServer(answer)
        self.addCleanup(server.close)
        return server

    def daemon(self, presence_server=None, **options):
        daemon = Daemon(self.pua, self.run_dir, presence_server, **options)
        self.addCleanup(daemon.stop)
        return daemon.start()

    def events(self, daemon, name="curl", **query):
        stream = EventStream(self.run_dir, daemon, name, **query)
        self.addCleanup(stream.stop)
        return stream

    def watcher(self, port, presentity, **options):
        watcher = Watcher(self.run_dir, port, presentity, **options)
        self.addCleanup(watcher.stop)
        return watcher
