"""A state that Kamailio's own pua publishes reaches a shell script, Python programs, curl and a webhook: each in order, none lost while a consumer was away."""

import json
import re
import threading
import time

from harness import consumers
from harness.case import LabCase
from harness.documents import pidf
from harness.waiting import punctual, until

PRESENTITY = "sip:dora@interop.example"
WATCHER = "sip:reader@interop.example"


class Consumers(LabCase):
    def laboratory(self):
        """(a function that publishes a note by Kamailio's pua, the daemon, the hook)"""
        hook = self.consumer(consumers.Hook(self.run_dir))
        server = self.kamailio()
        publisher = self.kamailio_publisher(f"127.0.0.1:{server.port}")
        daemon = self.daemon(server.uri(), extra=hook.configuration())

        def publish(note):
            answer = publisher.call("pua.publish", PRESENTITY, "600", "presence", "application/pidf+xml", "k1", ".", ".", ".", pidf(PRESENTITY, note))
            self.assertIn("SIP-ETag", answer["result"], answer)

        return publish, daemon, hook

    def consumer(self, consumer):
        self.addCleanup(consumer.end)
        return consumer.start()

    def test_each_change_reaches_every_kind_of_consumer_within_a_second_and_in_order(self):
        publish, daemon, hook = self.laboratory()
        # First of all: whoever attaches after the subscription stands is told so by the snapshot alone.
        curl = self.events(daemon)
        script = self.start("watch", ["sh", "-c", f'exec "{self.pua}" watch "$0" --watcher "$1" --connect "unix:{daemon.stream_socket}" | while read -r line; do echo "told: $line"; done',
                                      PRESENTITY, WATCHER])
        host, port = daemon.http
        # By HTTP: over datagrams the program waits for the answer to its subscribing for a tenth of a second only.
        handler = self.start("opensips-event", [self.in_venv("opensips-event"), "-t", "http", "-i", host, "-p", str(port), "-li", "127.0.0.1", "E_PUA_NOTIFY"],
                             env={"PYTHONUNBUFFERED": "1"})
        curl.wait_change("active")
        until("the Python program is subscribed", lambda: daemon.call("subscribers_list").get("result", {}).get("Events"))
        told = {
            "the script": lambda note: f"told: " in script.output() and note in script.output(),
            "the Python program": lambda note: note in handler.output(),
            "curl": lambda note: any(note in json.dumps(event) for event in curl.states()),
            "the hook": lambda note: note in hook.notes(),
        }
        taken = {who: [] for who in told}
        notes = ["one of five", "two of five", "three of five", "four of five", "five of five"]
        for note in notes:
            began, waiting = time.monotonic(), dict(told)
            publish(note)

            def all_are_told():
                for who in [who for who, is_told in waiting.items() if is_told(note)]:
                    taken[who].append(time.monotonic() - began)
                    del waiting[who]
                return not waiting
            until(f"all are told {note!r}", all_are_told)
        for who, each in taken.items():
            punctual(f"until {who} is told", each, 1.0)
        self.assertEqual(hook.notes(), notes)
        self.assertEqual(hook.forged, 0)
        for output in (script.output(), handler.output()):
            self.assertEqual(list(dict.fromkeys(re.findall(r"\w+ of five", output))), notes)

    def test_whoever_is_away_or_dies_at_any_moment_loses_nothing(self):
        publish, daemon, hook = self.laboratory()
        curl = self.consumer(consumers.Curl(self.run_dir, daemon))
        # An application's: it stands whichever of the consumers is there.
        self.assertEqual(daemon.subscribe(PRESENTITY, WATCHER, expires=-1)["result"], "accepted")
        curl.lives[0].wait_change("active")
        everybody = [curl, hook, *map(self.consumer, (
            consumers.Script(self.run_dir, daemon, self.pua, PRESENTITY, WATCHER),
            consumers.Receiver(self.run_dir, daemon),
            consumers.Handler(self.run_dir, daemon, self.in_venv("python")),
        ))]
        published, failures, enough = [], [], threading.Event()

        def publish_on():
            try:
                while not enough.is_set():
                    note = f"number {len(published)}"
                    publish(note)
                    # The next one when the daemon has been told of this one: a notifier may leave out what has changed again.
                    until(f"the daemon has {note!r}", lambda: f'"{note}"' in json.dumps(daemon.call("pua:state", presentity_uri=PRESENTITY)))
                    published.append(note)
            except Exception as failure:
                failures.append(failure)

        def more(count):
            wanted = len(published) + count
            until("more publications", lambda: failures or len(published) >= wanted)
            self.assertEqual(failures, [])

        publishing = threading.Thread(target=publish_on, daemon=True)
        publishing.start()
        for _ in range(2):
            for consumer in everybody:
                name = type(consumer).__name__
                before = len(consumer.notes())
                until(f"{name} is told something", lambda: failures or len(consumer.notes()) > before)
                consumer.freeze()
                more(2)
                consumer.end()
                more(2)
                consumer.start()
                more(1)
        enough.set()
        publishing.join(60)
        self.assertEqual(failures, [])
        for consumer in everybody:
            with self.subTest(consumer=type(consumer).__name__):
                consumers.wait_note(consumer, published[-1])
                self.assertEqual(consumer.notes(), published)
                self.assertEqual(consumer.gaps(), [])
                self.assertEqual(consumer.started, 3)
