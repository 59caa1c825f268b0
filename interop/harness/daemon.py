"""The daemon under test: its configuration, its addresses, and its command line."""

import json
import os
import pathlib
import subprocess

from .process import Process


def toml_string(text):
    return json.dumps(str(text), ensure_ascii=False)


def toml_list(items):
    return "[" + ", ".join(toml_string(item) for item in items) + "]"


class Daemon:
    """`pua serve` with every management transport, in its own directory.

    `under`: the command that runs it. `server`: with the embedded presence server; `server_port` is its port (0: any), `server_users` are the names and passwords that it asks for.
    """

    def __init__(self, binary, run_dir, presence_server=None, credentials=(), server=False, server_port=0, server_users=(),
                 sip=("udp:127.0.0.1:0", "tcp:127.0.0.1:0"), t1_ms=500, store="memory:", under=(), extra=""):
        self.binary = binary
        self.under = under
        self.run_dir = pathlib.Path(run_dir)
        self.fifo = self.run_dir / "pua_fifo"
        self.reply_dir = self.run_dir / "replies"
        self.datagram_socket = self.run_dir / "mi.sock"
        self.stream_socket = self.run_dir / "mi-stream.sock"
        self.ready_file = self.run_dir / "ready.json"
        self.config = self.run_dir / "pua.toml"
        self.reply_dir.mkdir(exist_ok=True)
        lines = []
        if presence_server:
            lines.append(f"presence_server = {toml_string(presence_server)}")
        lines += [
            "[sip]", f"listen = {toml_list(sip)}", f"t1_ms = {t1_ms}",
            "[store]", f"url = {toml_string(store)}",
            "[mi.fifo]", f"path = {toml_string(self.fifo)}", 'mode = "0666"', f"reply_dir = {toml_string(self.reply_dir)}",
            "[mi.datagram]", f"listen = {toml_list([f'unix:{self.datagram_socket}', 'udp:127.0.0.1:0'])}",
            "[mi.stream]", f"listen = {toml_list([f'unix:{self.stream_socket}'])}",
            "[http]", 'listen = ["127.0.0.1:0"]',
            "[server]", f"enabled = {'true' if server else 'false'}",
            f"listen = {toml_list([f'udp:127.0.0.1:{server_port}', f'tcp:127.0.0.1:{server_port}'])}",
        ]
        if server_users:
            lines.append('realm = "lab"')
        for username, password in server_users:
            lines += ["[[server.users]]", f"username = {toml_string(username)}", f"password = {toml_string(password)}"]
        for realm, username, password in credentials:
            lines += ["[[credentials]]", f"realm = {toml_string(realm)}", f"username = {toml_string(username)}", f"password = {toml_string(password)}"]
        self.config.write_text("\n".join(lines) + "\n" + extra)
        self.addresses = {}
        self.process = None

    def start(self):
        # What a killed one left behind says nothing of this one.
        self.ready_file.unlink(missing_ok=True)
        self.process = Process("pua", [*self.under, self.binary, "serve", "--config", self.config, "--ready-file", self.ready_file], self.run_dir)
        self.addresses = self.process.wait_ready("ready file", self._ready)
        return self

    def _ready(self):
        try:
            return json.loads(self.ready_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def stop(self):
        if self.process:
            return self.process.stop()
        return None

    # -- addresses, as the ready file gives them -------------------------------------------------------------------

    def _bound(self, key, scheme=""):
        """The addresses under a key: a string or a list of strings, some with a scheme in front."""
        value = self.addresses.get(key) or []
        items = [value] if isinstance(value, str) else list(value)
        return [item.removeprefix(scheme + ":") for item in items if not scheme or item.startswith(scheme + ":")]

    @staticmethod
    def _host_port(address):
        host, _, port = address.rpartition(":")
        return host, int(port)

    @property
    def http(self):
        return self._host_port(self._bound("http")[0].removeprefix("http://").removeprefix("tcp:"))

    @property
    def url(self):
        return "http://%s:%d" % self.http

    @property
    def udp_mi(self):
        return self._host_port(self._bound("mi_datagram", "udp")[0])

    @property
    def sip_port(self):
        return self._host_port(self._bound("sip", "udp")[0])[1]

    @property
    def server_port(self):
        return self._host_port(self._bound("server", "udp")[0])[1]

    @property
    def server_tcp_port(self):
        return self._host_port(self._bound("server", "tcp")[0])[1]

    # -- the command line --------------------------------------------------------------------------------------------

    def cli(self, *arguments, timeout=60, env=None):
        """Runs a client command against this daemon: (exit code, standard output, standard error)."""
        done = subprocess.run(
            [str(self.binary), *map(str, arguments), "--connect", f"unix:{self.stream_socket}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, cwd=self.run_dir, env={**os.environ, **(env or {})})
        return done.returncode, done.stdout, done.stderr

    def cli_json(self, *arguments):
        """Runs a client command with --json: (exit code, the object printed)."""
        code, out, err = self.cli(*arguments, "--json")
        try:
            return code, json.loads(out)
        except ValueError:
            raise AssertionError(f"pua {' '.join(map(str, arguments))} --json ended with {code} and printed no JSON document:\n{out}\n{err}") from None

    # -- one JSON-RPC call over HTTP, for tests that are not about transports -----------------------------------------

    def call(self, method, **params):
        import urllib.request
        request = urllib.request.Request(self.url + "/mi", json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def subscribe(self, presentity, watcher, package="presence", expires=3600, **more):
        """Subscribes; the answer comes when the daemon has the command, or what `wait` says."""
        return self.call("pua_subscribe", presentity_uri=presentity, watcher_uri=watcher, event_package=package, expires=expires, **more)

    def subscriptions(self, **filters):
        return self.call("pua:subscriptions", **filters)["result"]["subscriptions"]

    def publish(self, presentity, body=None, expires=3600, package="presence", content_type="application/pidf+xml", **more):
        params = {"presentity_uri": presentity, "expires": expires, "event_package": package, **more}
        if body is not None:
            params.update(content_type=content_type, body=body)
        return self.call("pua_publish", **params)
