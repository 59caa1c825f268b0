"""A state that Kamailio's own pua publishes reaches a shell script, a Python program, curl and a webhook: each in order, none lost while a consumer was away."""

import hashlib
import hmac
import http.server
import json
import re
import threading
import time

from harness.case import LabCase
from harness.documents import pidf
from harness.waiting import until

PRESENTITY = "sip:dora@interop.example"
WATCHER = "sip:reader@interop.example"
SECRET = b"between us"


class Hook:
    """A webhook's receiver: what was signed well, in the order it came. It can go away and come back at its port."""

    def __init__(self):
        self.bodies, self.forged, self.port = [], 0, 0
        self.server = None
        self.open()

    def open(self):
        hook = self

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                parts = dict(part.split("=", 1) for part in self.headers["X-Pua-Signature"].split(","))
                wanted = hmac.new(SECRET, parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
                if hmac.compare_digest(wanted, parts["v1"]):
                    hook.bodies.append(json.loads(body))
                else:
                    hook.forged += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Receiver)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def notes(self):
        return [event["summary"]["note"] for event in self.bodies if event["type"] == "state" and event["summary"]["note"]]


class Consumers(LabCase):
    def laboratory(self):
        """(a function that publishes a note by Kamailio's pua, the daemon, the hook)"""
        hook = Hook()
        self.addCleanup(hook.close)
        server = self.kamailio()
        publisher = self.kamailio_publisher(f"127.0.0.1:{server.port}")
        extra = f'[[events.webhooks]]\nurl = "http://127.0.0.1:{hook.port}/presence"\nsecret = "{SECRET.decode()}"\nretry_first_ms = 50\nretry_max_ms = 200\n'
        daemon = self.daemon(server.uri(), extra=extra)

        def publish(note):
            answer = publisher.call("pua.publish", PRESENTITY, "600", "presence", "application/pidf+xml", "k1", ".", ".", ".", pidf(PRESENTITY, note))
            self.assertIn("SIP-ETag", answer["result"], answer)

        return publish, daemon, hook

    def test_each_change_reaches_every_kind_of_consumer_within_a_second_and_in_order(self):
        publish, daemon, hook = self.laboratory()
        # First of all: whoever attaches after the subscription stands is told so by the snapshot alone.
        curl = self.events(daemon)
        script = self.start("watch", ["sh", "-c", f'exec "{self.pua}" watch "$0" --watcher "$1" --connect "unix:{daemon.stream_socket}" | while read -r line; do echo "told: $line"; done',
                                      PRESENTITY, WATCHER])
        host, port = daemon.udp_mi
        handler = self.start("opensips-event", [self.in_venv("opensips-event"), "-t", "datagram", "-i", host, "-p", str(port), "-li", "127.0.0.1", "E_PUA_NOTIFY"],
                             env={"PYTHONUNBUFFERED": "1"})
        curl.wait_change("active")
        until("the Python program is subscribed", lambda: daemon.call("subscribers_list").get("result", {}).get("Events"))
        notes = ["one of five", "two of five", "three of five", "four of five", "five of five"]
        for note in notes:
            began = time.monotonic()
            publish(note)
            curl.wait_state(note)
            until(f"the script is told {note!r}", lambda: f"told: " in script.output() and note in script.output())
            until(f"the Python program is told {note!r}", lambda: note in handler.output())
            until(f"the hook is told {note!r}", lambda: note in hook.notes())
            self.assertLess(time.monotonic() - began, 1.5, f"{note!r} was told late")
        self.assertEqual([note for note in hook.notes() if note in notes], notes)
        self.assertEqual(hook.forged, 0)
        for output in (script.output(), handler.output()):
            told = list(dict.fromkeys(re.findall(r"\w+ of five", output)))
            self.assertEqual(told, notes)

    def test_nothing_is_lost_while_a_consumer_is_away(self):
        publish, daemon, hook = self.laboratory()
        daemon.subscribe(PRESENTITY, WATCHER)
        curl = self.events(daemon, kind="state")
        publish("before")
        curl.wait_state("before")
        until("the hook is told", lambda: "before" in hook.notes())
        cursor = curl.cursor
        curl.stop()
        hook.close()
        missed = ["missed 1", "missed 2", "missed 3"]
        for note in missed:
            publish(note)
            until(f"the daemon has {note!r}", lambda: note in json.dumps(daemon.call("pua:state", presentity_uri=PRESENTITY)))
        again = self.events(daemon, name="curl-again", kind="state", cursor=cursor)
        again.wait_state("missed 3")
        self.assertEqual([event["summary"]["note"] for event in again.states()], missed, "exactly what came after the cursor")
        hook.open()
        until("the hook is told the last", lambda: "missed 3" in hook.notes())
        self.assertEqual(hook.notes(), ["before", *missed])
