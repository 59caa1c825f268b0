"""Management-interface clients at the level of bytes, for what no ready-made client does."""

import json
import os
import pathlib
import select
import socket
import time


class FifoReply:
    """A reply FIFO held open for reading from before the request is written."""

    def __init__(self, daemon, name):
        self.name = name
        self.path = pathlib.Path(daemon.reply_dir) / name
        os.mkfifo(self.path, 0o666)
        os.chmod(self.path, 0o666)
        self.descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self, seconds=40.0):
        """Everything up to the writer's close."""
        deadline = time.monotonic() + seconds
        taken = b""
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        while time.monotonic() < deadline:
            for _, event in poll.poll(50):
                if event & select.POLLIN:
                    taken += os.read(self.descriptor, 65536)
                elif taken:
                    self.close()
                    return taken.decode()
        raise AssertionError(f"no complete reply in {self.path.name} within {seconds:g} s; so far {taken!r}")

    def close(self):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None
            self.path.unlink(missing_ok=True)


def write_fifo(daemon, text):
    """One write into the listening FIFO."""
    descriptor = os.open(daemon.fifo, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode() if isinstance(text, str) else text)
    finally:
        os.close(descriptor)


def fifo(daemon, name, request, seconds=40.0):
    """Writes a request (with `{name}` standing for the reply's name) and gives the reply."""
    reply = FifoReply(daemon, name)
    try:
        write_fifo(daemon, request.replace("{name}", name))
        return reply.read(seconds)
    finally:
        reply.close()


class Datagram:
    """A datagram client, UNIX (bound to a name of its own) or UDP."""

    def __init__(self, daemon, kind):
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.name = str(pathlib.Path(daemon.run_dir) / f"client-{id(self):x}.sock")
            self.socket.bind(self.name)
            self.address = str(daemon.datagram_socket)
        else:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind(("127.0.0.1", 0))
            self.name = None
            self.address = daemon.udp_mi

    def send(self, text):
        self.socket.sendto(text.encode(), self.address)

    def receive(self, seconds=40.0):
        self.socket.settimeout(seconds)
        return self.socket.recv(65535).decode()

    def ask(self, text, seconds=40.0):
        self.send(text)
        return self.receive(seconds)

    def silent(self, seconds):
        """Whether nothing at all comes within that time."""
        return not select.select([self.socket], [], [], seconds)[0]

    def close(self):
        self.socket.close()
        if self.name:
            os.unlink(self.name)


def request(method, params, number=1):
    """A JSON-RPC request."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
