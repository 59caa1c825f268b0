"""The embedded presence server as the notifier of our subscriber: with digest of its own, and restarted."""

from harness.case import LabCase
from harness.daemon import Daemon
from harness.documents import dialog_info, pidf
from harness.ports import free_port, until_free
from harness.waiting import until

PRESENTITY = "sip:grace@interop.example"
WATCHER = "sip:door@interop.example"
USER = ("lab", "open sesame")


class EmbeddedCase(LabCase):
    transport = "udp"

    def setUp(self):
        super().setUp()
        self.port = free_port()

    def server(self, **options):
        """A daemon that is only the presence server."""
        place = self.run_dir / "pa"
        place.mkdir()
        daemon = Daemon(self.pua, place, server=True, server_port=self.port, **options)
        self.addCleanup(daemon.stop)
        return daemon.start()

    def subscriber(self, **options):
        """The daemon that publishes and subscribes there, and its events."""
        transport = ";transport=tcp" if self.transport == "tcp" else ""
        daemon = self.daemon(f"sip:127.0.0.1:{self.port}{transport}", **options)
        return daemon, self.events(daemon)

    def publish(self, daemon, body, package="presence", content_type="application/pidf+xml"):
        answer = daemon.publish(PRESENTITY, body, package=package, content_type=content_type)
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)


class Notifier:
    """The same over UDP and TCP."""

    def test_who_has_the_password_is_told_and_stays_told(self):
        self.server(server_users=[USER])
        daemon, stream = self.subscriber(credentials=[("lab", *USER)], extra="[subscribe]\ndefault_expires = 4\n")
        self.assertEqual(daemon.subscribe(PRESENTITY, WATCHER, expires=-1)["result"], "accepted")
        stream.wait_change("active")
        for note in ("one", "two"):
            self.publish(daemon, pidf(PRESENTITY, note))
            stream.wait_state(note)

        def refreshed():
            """Each refresh is followed by a NOTIFY."""
            held = daemon.subscriptions()[0]
            return held["state"] == "active" and held["notifies"] >= 5
        until("two refreshes", refreshed)
        self.publish(daemon, pidf(PRESENTITY, "three"))
        stream.wait_state("three")
        self.assertEqual([event["summary"]["note"] for event in stream.states(changed=True)][-3:], ["one", "two", "three"])
        self.assertEqual(set(stream.changes()) & {"terminated", "retrying", "refused"}, set())

    def test_who_has_a_wrong_password_or_none_is_told_that(self):
        self.server(server_users=[USER])
        for credentials in ([("lab", "lab", "wrong")], [("elsewhere", *USER)]):
            place = self.run_dir / f"with-{len(credentials[0][2])}"
            place.mkdir()
            transport = ";transport=tcp" if self.transport == "tcp" else ""
            daemon = Daemon(self.pua, place, f"sip:127.0.0.1:{self.port}{transport}", credentials=credentials)
            self.addCleanup(daemon.stop)
            daemon.start()
            answer = daemon.subscribe(PRESENTITY, WATCHER, wait="final")["result"]
            self.assertRegex(answer["reply"], r"\A40[13] ", answer)
            self.assertEqual(answer["next"], "refused", answer)

    def test_a_server_that_was_restarted_is_subscribed_to_again(self):
        server = self.server()
        # What is granted is short, so that both roles soon learn that they are not known any more.
        daemon, stream = self.subscriber(extra="[subscribe]\ndefault_expires = 4\n")
        self.assertEqual(daemon.subscribe(PRESENTITY, WATCHER, expires=-1)["result"], "accepted")
        stream.wait_change("active")
        self.publish(daemon, pidf(PRESENTITY, "before"))
        stream.wait_state("before")
        for number, signal in enumerate((9, 15)):
            told = len(stream.all())
            server.process.stop(signal)
            until_free(self.port)
            server.start()
            until("the subscription is made anew", lambda: any(
                event["type"] == "subscription" and event["change"] == "active" for event in stream.all()[told:]))
            note = f"after restart {number}"
            self.publish(daemon, pidf(PRESENTITY, note))
            stream.wait_state(note)
        self.assertEqual([held["state"] for held in daemon.subscriptions()], ["active"])
        numbers = [event["seq"] for event in stream.all() if "cursor" in event]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "no number is missing")

    def test_presence_and_dialogs_of_whom_nothing_is_published_are_told_in_a_document(self):
        """A NOTIFY without a body would leave the last state standing."""
        self.server()
        daemon, stream = self.subscriber()
        for package in ("presence", "dialog"):
            daemon.subscribe(PRESENTITY, WATCHER, package)
            stream.wait("a first document", lambda event: event["type"] == "state" and event["package"] == package and event["document"])
        self.publish(daemon, pidf(PRESENTITY, "here"))
        stream.wait_state("here")
        self.publish(daemon, dialog_info(PRESENTITY, "confirmed"), "dialog", "application/dialog-info+xml")
        stream.wait_state('"confirmed"')
        for package in ("presence", "dialog"):
            answer = daemon.publish(PRESENTITY, expires=0, package=package)
            self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        gone = stream.wait("nothing is published any more", lambda event: event["type"] == "state" and event["package"] == "presence"
                           and event["seq"] > stream.states(package="presence", changed=True)[1]["seq"])
        self.assertEqual((gone["summary"]["availability"], gone["summary"]["note"], gone["document"].get("tuples", [])), ("unknown", None, []))
        stream.wait("no call is left", lambda event: event["type"] == "state" and event["package"] == "dialog"
                    and event["seq"] > stream.states(package="dialog", changed=True)[1]["seq"]
                    and not [call for call in event["summary"]["calls"] or [] if call["state"] != "terminated"])


class NotifierOverUdp(Notifier, EmbeddedCase):
    pass


class NotifierOverTcp(Notifier, EmbeddedCase):
    transport = "tcp"
