"""The commands that watch, by clients that are not ours; the embedded server of a second daemon is the notifier."""

import json
import subprocess

from opensips.mi import OpenSIPSMI, OpenSIPSMIException

from harness import mi
from harness.case import LabCase
from harness.daemon import Daemon
from harness.documents import PEERS, pidf
from harness.waiting import until

PRESENTITY = "sip:frank@interop.example"
WATCHER = "sip:door@interop.example"
NAMED = {"presentity_uri": PRESENTITY, "watcher_uri": WATCHER, "event_package": "presence"}
DOCUMENT = pidf(PRESENTITY, "in the garden")


class SubscribingCase(LabCase):
    def setUp(self):
        super().setUp()
        place = self.run_dir / "pa"
        place.mkdir()
        self.notifier = Daemon(self.pua, place, server=True)
        self.addCleanup(self.notifier.stop)
        self.notifier.start()
        self.pua_daemon = self.daemon(f"sip:127.0.0.1:{self.notifier.server_port}")
        self.http = OpenSIPSMI("http", url=self.pua_daemon.url + "/mi")
        answer = self.http.execute("pua_publish", {"presentity_uri": PRESENTITY, "expires": 600, "event_package": "presence",
                                                   "content_type": "application/pidf+xml", "body": DOCUMENT})
        self.assertEqual(answer["reply"], "200 OK")

    def active(self):
        """Waits until the subscription is in force."""
        def look():
            held = self.http.execute("pua:subscriptions", {"presentity": PRESENTITY, "state": "active"})["subscriptions"]
            return held[0] if held else None
        return until("an active subscription", look)


class Shell(SubscribingCase):
    def ask(self, name, text):
        request = self.run_dir / f"{name}.txt"
        request.write_text(text)
        script = self.start(f"sh-{name}", ["sh", PEERS / "publish.sh", self.pua_daemon.fifo, self.pua_daemon.reply_dir, request])
        self.assertEqual(script.wait_exit(40), 0)
        return script.output()

    def test_subscribes_asks_and_ends_by_the_fifo(self):
        three = f"{PRESENTITY}\n{WATCHER}\npresence\n"
        self.assertEqual(self.ask("accepted", f":pua_subscribe:reply\n{three}600\n\n"), "202 accepted\n\n")
        self.assertEqual(self.active()["expires"], 600)
        waited = self.ask("final", f":pua_subscribe:reply\n{three}300\nwait::final\n\n")
        self.assertTrue(waited.startswith("200 OK\n200 OK\nState:: active\nExpires:: 300\n"), waited)
        fetched = self.ask("fetch", f":pua_fetch:reply\n{three}\n")
        quoted = DOCUMENT.replace('"', '\\"')
        self.assertIn(f'\nContent-Type:: application/pidf+xml\nBody:: "{quoted}"\n', fetched)
        ended = self.ask("end", f":pua_unsubscribe:reply\n{three}\n")
        self.assertTrue(ended.startswith("200 OK\n200 OK\nState:: terminated\n"), ended)
        self.assertEqual(self.ask("again", f":pua_unsubscribe:reply\n{three}\n"), "404 No such subscription\n\n")

    def test_errors_are_the_known_ones(self):
        for name, lines, answer in (
            ("uri", f"frank\n{WATCHER}\npresence\n600", "400 Bad uri\n\n"),
            ("watcher", f"{PRESENTITY}\n::\npresence\n600", "400 Bad uri\n\n"),
            ("empty", f"{PRESENTITY}\n{WATCHER}\n::\n600", "400 Empty event parameter\n\n"),
            ("event", f"{PRESENTITY}\n{WATCHER}\nno event\n600", "400 Unknown event\n\n"),
            ("expires", f"{PRESENTITY}\n{WATCHER}\npresence\nsoon", "400 Bad expires\n\n"),
        ):
            self.assertEqual(self.ask(name, f":pua_subscribe:reply\n{lines}\n\n"), answer, name)

    def test_kamailios_fifo_convention(self):
        reply = mi.FifoReply(self.pua_daemon, "kamailio")
        mi.write_fifo(self.pua_daemon, json.dumps({"jsonrpc": "2.0", "method": "pua.subscribe", "id": 9, "reply_name": "kamailio",
                                                   "params": [PRESENTITY, WATCHER, "presence", 600]}) + "\n")
        self.assertEqual(json.loads(reply.read()), {"jsonrpc": "2.0", "id": 9, "result": {}})
        self.active()


class OpensipsCli(SubscribingCase):
    def cli(self, *words):
        config = self.run_dir / "opensips-cli.cfg"
        daemon = self.pua_daemon
        config.write_text(f"[default]\ncommunication_type: fifo\nfifo_file: {daemon.fifo}\nfifo_file_fallback: {daemon.fifo}\nfifo_reply_dir: {daemon.reply_dir}\n")
        done = subprocess.run([str(self.in_venv("opensips-cli")), "-f", str(config), "-x", "mi", *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, cwd=self.run_dir, env={"HOME": str(self.run_dir), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def test_subscribes_by_position_and_by_name(self):
        self.assertEqual(self.cli("pua_mi:subscribe", PRESENTITY, WATCHER, "presence", "600"), "accepted")
        self.active()
        named = [f"{name}={value}" for name, value in NAMED.items()]
        self.assertEqual(self.cli("pua_subscribe", *named, "expires=-1"), "accepted")
        self.assertIsNone(self.active()["until"])
        waited = self.cli("pua_mi:subscribe", *named, "expires=300", "wait=final")
        self.assertEqual((waited["reply"], waited["state"], waited["document"]["entity"]), ("200 OK", "active", PRESENTITY))
        self.assertEqual(self.cli("pua:state", PRESENTITY)["summary"]["availability"], "open")
        self.assertEqual(self.cli("pua_mi:subscribe", *named, "expires=0"), "accepted")
        until("the end", lambda: not self.http.execute("pua:subscriptions", {"state": "active"})["subscriptions"])


class OpensipsPackage(SubscribingCase):
    def test_subscribes_over_each_transport(self):
        daemon = self.pua_daemon
        connections = {
            "fifo": OpenSIPSMI("fifo", fifo_file=str(daemon.fifo), fifo_file_fallback=str(daemon.fifo), fifo_reply_dir=str(daemon.reply_dir)),
            "unix": OpenSIPSMI("datagram", datagram_unix_socket=str(daemon.datagram_socket), datagram_timeout=20),
            "udp": OpenSIPSMI("datagram", datagram_ip=daemon.udp_mi[0], datagram_port=daemon.udp_mi[1], datagram_timeout=20),
            "http": self.http,
        }
        for way, connection in connections.items():
            self.assertEqual(connection.execute("pua_subscribe", {**NAMED, "expires": 600, "id": way}), "accepted", way)
            fetched = connection.execute("pua:fetch", {**NAMED, "raw": True})
            self.assertEqual((fetched["reply"], fetched["body"]), ("200 OK", DOCUMENT), way)
            with self.assertRaisesRegex(OpenSIPSMIException, "Bad uri", msg=way):
                connection.execute("pua_subscribe", {**NAMED, "watcher_uri": "nobody", "expires": 600})
            self.assertEqual(connection.execute("pua:unsubscribe", {**NAMED, "id": way})["state"], "terminated", way)
