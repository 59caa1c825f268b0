"""A phone (baresip) publishes and watches."""

from harness import consumers
from harness.baresip import Phone
from harness.case import LabCase
from harness.documents import pidf
from harness.waiting import until

PHONE = "sip:phone@interop.example"
ALICE = "sip:alice@interop.example"
WATCHER = "sip:reader@interop.example"


class PhoneCase(LabCase):
    def phone(self, port, **options):
        phone = Phone(self.run_dir, PHONE, port, **options)
        self.addCleanup(phone.stop)
        return phone


class Publishing(PhoneCase):
    def test_what_a_phone_publishes_at_kamailio_reaches_curl_and_a_script_in_order(self):
        server = self.kamailio()
        daemon = self.daemon(server.uri())
        curl = self.events(daemon)
        script = consumers.Script(self.run_dir, daemon, self.pua, PHONE, WATCHER)
        self.addCleanup(script.end)
        script.start()
        curl.wait_change("active")
        phone = self.phone(server.port)
        until("the phone has published", phone.granted)
        for command, availability in (("presence_offline", "closed"), ("presence_online", "open"), ("presence_offline", "closed")):
            told = len(curl.states())
            phone.publishes(command)
            until(availability, lambda: [event for event in curl.states()[told:] if event["summary"]["availability"] == availability])

        def availabilities(events):
            known = [event["summary"]["availability"] for event in events if event["type"] == "state" and not event.get("snapshot") and event["summary"]]
            # What it begins with is its own affair: one says that it is open, another that it does not know.
            return [each for each in known if each != "unknown"][-3:]
        self.assertEqual(availabilities(curl.states()), ["closed", "open", "closed"])
        until("the script is told the same", lambda: availabilities(script.told()) == ["closed", "open", "closed"])


class Watching(PhoneCase):
    def test_a_phone_shows_what_is_published_at_the_embedded_server_and_forgets_it_when_it_is_not_any_more(self):
        """Of whom nothing is published there is a document without tuples: the phone does not go on showing what was."""
        daemon = self.daemon(server=True)
        ours = self.second(daemon)
        phone = self.phone(daemon.server_port, contacts={"Alice": ALICE})
        until("nothing is known", lambda: phone.shows("Alice") == "Offline")
        answer = ours.publish(ALICE, pidf(ALICE, "here"))
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        until("Alice is shown", lambda: phone.shows("Alice") == "Online")
        self.assertEqual(ours.publish(ALICE, expires=0)["result"]["reply"], "200 OK")
        until("Alice is gone", lambda: phone.shows("Alice") == "Offline")

    def second(self, other):
        """A daemon that publishes at the embedded server of the other."""
        from harness.daemon import Daemon
        directory = self.run_dir / "second"
        directory.mkdir()
        daemon = Daemon(self.pua, directory, f"sip:127.0.0.1:{other.server_port}")
        self.addCleanup(daemon.stop)
        return daemon.start()
