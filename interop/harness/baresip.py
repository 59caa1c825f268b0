"""baresip as a phone without sound: it publishes its own presence and watches its contacts'. Told what to do over its control socket (netstrings of JSON)."""

import json
import pathlib
import re
import socket

from .ports import free_port
from .process import Process, program
from .waiting import until

MODULES = ("g711.so",)
APPLICATIONS = ("account.so", "contact.so", "menu.so", "ctrl_tcp.so", "presence.so")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Phone:
    """One account at a presence server, of which `contacts` are watched: URIs by name."""

    def __init__(self, run_dir, uri, server_port, contacts=None):
        self.directory = pathlib.Path(run_dir) / "baresip"
        self.directory.mkdir()
        self.control = free_port()
        (self.directory / "config").write_text("\n".join([
            "sip_listen 127.0.0.1:0", "net_interface 127.0.0.1", f"module_path {modules()}", *(f"module {name}" for name in MODULES),
            *(f"module_app {name}" for name in APPLICATIONS), f"ctrl_tcp_listen 127.0.0.1:{self.control}"]) + "\n")
        (self.directory / "accounts").write_text(f'<{uri}>;regint=0;pubint=600;outbound="sip:127.0.0.1:{server_port}"\n')
        (self.directory / "contacts").write_text("".join(f'"{name}" <{contact}>;presence=p2p\n' for name, contact in (contacts or {}).items()))
        self.process = Process("baresip", [program("baresip"), "-4", "-v", "-s", "-f", self.directory], run_dir)
        self.process.wait_ready("is ready", lambda: "baresip is ready" in self.process.output())

    def command(self, name):
        """Carries a command out; what it says, without colours."""
        with socket.create_connection(("127.0.0.1", self.control), 20) as control:
            text = json.dumps({"command": name, "token": "lab"})
            control.sendall(f"{len(text)}:{text},".encode())
            taken = b""
            while True:
                length, found, rest = taken.partition(b":")
                if found and len(rest) > int(length):
                    answer = json.loads(rest[:int(length)])
                    if answer.get("response"):
                        break
                    taken = rest[int(length) + 1:]
                    continue
                more = control.recv(65536)
                assert more, f"baresip has closed the control connection after {taken!r}"
                taken += more
        assert answer["ok"], answer
        return COLOURS.sub("", answer["data"])

    def publishes(self, command):
        """Carries a command out that changes the phone's state, and waits for the server's answer: until then it would publish the next one as another."""
        before = self.granted()
        self.command(command)
        until("what the phone publishes is granted", lambda: self.granted() > before)

    def granted(self):
        """How many of its PUBLISH requests were granted."""
        return self.process.output().count("\nSIP-ETag: ")

    def shows(self, name):
        """What the phone shows of a contact: `Online`, `Offline`, `Busy`, `Unknown`."""
        found = re.search(rf"(\w+) {re.escape(name)} <", self.command("contacts"))
        assert found, self.command("contacts")
        return found.group(1)

    def stop(self):
        self.process.stop(seconds=3)


def modules():
    """Where Debian has put baresip's modules."""
    found = sorted(pathlib.Path("/usr/lib").glob("**/baresip/modules"))
    assert found, "baresip has no modules: scripts/test installs baresip-core"
    return found[0]
