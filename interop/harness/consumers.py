"""Programs that are told of events, each with a carrier of its own. Each can be ended and started again, and says what it was told in all its lives."""

import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import sys
import threading

from .events import EventStream
from .ports import free_port
from .process import Process
from .waiting import until

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"


def json_lines(path):
    """The whole lines of a file, read."""
    try:
        return [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    except FileNotFoundError:
        return []


class Consumer:
    """`started` is how often it was started; `told()` gives all events that it has dealt with, in the order in which it did."""

    def __init__(self, run_dir, daemon):
        self.directory = pathlib.Path(run_dir) / type(self).__name__.lower()
        self.directory.mkdir()
        self.daemon = daemon
        self.started = 0
        self.process = None

    def start(self):
        self.started += 1
        self.begin()
        return self

    def launch(self, *argv, **options):
        self.process = Process(f"{self.directory.name}-{self.started}", argv, self.directory, **options)

    def freeze(self):
        """Lets it do nothing, so that what it is sent is under way when it ends."""
        os.killpg(self.process.popen.pid, signal.SIGSTOP)

    def end(self):
        """Kills it where it stands."""
        if self.process:
            self.process.kill()

    def notes(self):
        """The notes of presence that it was told as changes, in order; what it was told again (by the event's number) is left out."""
        seen, notes = set(), []
        for event in self.told():
            if event["type"] == "state" and not event.get("snapshot") and event["changed"] and event["seq"] not in seen:
                seen.add(event["seq"])
                notes.append((event["summary"] or {}).get("note"))
        return [note for note in notes if note is not None]

    def gaps(self):
        return [event for event in self.told() if event["type"] == "gap"]


class Script(Consumer):
    """`pua watch --json --cursor` under sh."""

    def __init__(self, run_dir, daemon, binary, presentity, watcher):
        super().__init__(run_dir, daemon)
        self.argv = ["sh", PEERS / "watch.sh", binary, daemon.stream_socket, presentity, watcher, self.directory]

    def begin(self):
        self.launch(*self.argv)
        if self.started == 1:
            self.process.wait_ready("attached", lambda: any(event["type"] == "snapshot_end" for event in self.told()))

    def told(self):
        return json_lines(self.directory / "events")


class Curl(Consumer):
    """Server-Sent Events, gone on with by `Last-Event-ID`."""

    def __init__(self, run_dir, daemon):
        super().__init__(run_dir, daemon)
        self.lives = []

    def begin(self):
        cursor = self.lives[-1].cursor if self.lives else None
        self.lives.append(EventStream(self.directory, self.daemon, f"curl-{self.started}", cursor=cursor))

    def freeze(self):
        self.process = self.lives[-1].process
        super().freeze()

    def end(self):
        if self.lives:
            self.lives[-1].stop()

    def told(self):
        return [event for life in self.lives for event in life.all()]


class Receiver(Consumer):
    """`event_subscribe` to a TCP port, each line acknowledged."""

    def __init__(self, run_dir, daemon):
        super().__init__(run_dir, daemon)
        self.port = free_port()

    def begin(self):
        self.launch(sys.executable, PEERS / "receiver.py", self.port, self.directory / "events")
        self.process.wait_ready("listening", lambda: "listening" in self.process.output())
        if self.started == 1:
            answer = self.daemon.call("event_subscribe", event="E_PUA_NOTIFY", socket=f"tcp:127.0.0.1:{self.port}", expire=3600)
            assert answer["result"] == "OK", answer

    def told(self):
        return json_lines(self.directory / "events")


class Handler(Consumer):
    """The event handler of OpenSIPS' Python package on a UNIX socket. It is ended by SIGTERM: what a killed one has not read from its socket is gone with it."""

    def __init__(self, run_dir, daemon, python):
        super().__init__(run_dir, daemon)
        self.python = python

    def begin(self):
        self.launch(self.python, PEERS / "handler.py", self.daemon.url + "/mi", self.directory / "socket", self.directory / "events")
        self.process.wait_ready("subscribed", lambda: "subscribed" in self.process.output(), 60)

    def end(self):
        if self.process and self.process.alive:
            os.killpg(self.process.popen.pid, signal.SIGCONT)
            self.process.stop(signal.SIGTERM, 40)

    def told(self):
        return json_lines(self.directory / "events")


class Hook(Consumer):
    """A webhook's receiver: what was signed well, in the order it came."""

    SECRET = b"between us"

    def __init__(self, run_dir):
        super().__init__(run_dir, None)
        self.port = free_port()
        self.bodies, self.forged = [], 0
        self.server = None

    def configuration(self):
        return (f'[[events.webhooks]]\nurl = "http://127.0.0.1:{self.port}/presence"\nsecret = "{self.SECRET.decode()}"\n'
                "retry_first_ms = 50\nretry_max_ms = 200\n")

    def begin(self):
        hook = self

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                parts = dict(part.split("=", 1) for part in self.headers["X-Pua-Signature"].split(","))
                wanted = hmac.new(hook.SECRET, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
                if hmac.compare_digest(wanted, parts["v1"]):
                    hook.bodies.append(json.loads(body))
                else:
                    hook.forged += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Receiver)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def freeze(self):
        """It has nothing under way but what it answers."""

    def end(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def told(self):
        return list(self.bodies)


def wait_note(consumer, note):
    until(f"{type(consumer).__name__} is told {note!r}", lambda: note in consumer.notes())
