"""SIPp as a watcher: what it was notified of is read from its own message trace."""

import pathlib
import re

from .ports import free_port
from .process import Process, program
from .waiting import until

SCENARIO = pathlib.Path(__file__).resolve().parent.parent / "peers" / "watcher.xml"


class Watcher:
    """One subscription, kept by SIPp."""

    def __init__(self, run_dir, server_port, presentity, package="presence", transport="udp", expires=600):
        self.run_dir = pathlib.Path(run_dir)
        self.port = free_port()
        self.trace = self.run_dir / f"watcher-{self.port}.messages"
        self.process = Process(f"watcher-{self.port}", [
            program("sipp"), f"127.0.0.1:{server_port}", "-sf", SCENARIO, "-i", "127.0.0.1", "-p", self.port,
            "-t", "t1" if transport == "tcp" else "u1", "-m", "1", "-nostdin", "-recv_timeout", "120000",
            "-key", "presentity", presentity, "-key", "package", package, "-key", "expires", expires,
            "-trace_msg", "-message_file", self.trace, "-message_overwrite", "false",
            "-trace_err", "-error_file", self.run_dir / f"watcher-{self.port}.errors",
        ], run_dir, env={"TERM": "dumb"})
        self.process.wait_ready("first NOTIFY", self.notifies, 40)

    def messages(self):
        """What SIPp received so far, one text each, in order."""
        try:
            trace = self.trace.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        parts = re.split(r"^-{20,}[^\n]*\n", trace, flags=re.MULTILINE)
        received = []
        for part in parts:
            found = re.match(r"(?:UDP|TCP) message received \[\d+\] bytes ?:\s*\n\n?(.*)", part, re.DOTALL)
            if found:
                received.append(found.group(1))
        return received

    def notifies(self):
        return [message for message in self.messages() if message.startswith("NOTIFY ")]

    def wait_notify(self, text, seconds=40.0, absent=False):
        """Waits until the newest NOTIFY holds (or, `absent`, does not hold) the text, and gives it."""
        def newest():
            notifies = self.notifies()
            return notifies and (text in notifies[-1]) != absent and notifies[-1]
        return until(f"newest NOTIFY {'without' if absent else 'with'} {text!r}", newest, seconds)

    def stop(self):
        self.process.kill()
