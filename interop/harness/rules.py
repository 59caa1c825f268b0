"""The base of the tests in which the suite plays the notifier."""

from .case import LabCase
from .documents import pidf
from .notifier import Notifier, Usage

PRESENTITY = "sip:alice@interop.example"
WATCHER = "sip:door@interop.example"


class RulesCase(LabCase):
    """A daemon whose presence server is the test; curl reads the stream of events."""

    transport = "udp"
    t1_ms = 500

    def setUp(self):
        super().setUp()
        self.notifier = self.another()
        self.pua_daemon = self.daemon(self.notifier.uri, t1_ms=self.t1_ms, credentials=[("lab", "lab", "secret")])
        self.stream = self.events(self.pua_daemon)
        self.addCleanup(self.notifier.retire)

    def another(self):
        """One more SIP element of the test's."""
        element = Notifier(self.transport)
        self.addCleanup(element.close)
        self.addCleanup(element.retire)
        return element

    def subscribe(self, presentity=PRESENTITY, **options):
        """Lets the daemon subscribe, and gives the SUBSCRIBE that arrived."""
        answer = self.pua_daemon.subscribe(presentity, WATCHER, **{"expires": -1, **options})
        self.assertEqual(answer["result"], "accepted", answer)
        return self.notifier.receive_for(presentity.removeprefix("sip:").partition("@")[0])

    def refresh(self, presentity=PRESENTITY, at=None, **options):
        """Has the daemon refresh at once, and gives the SUBSCRIBE, which arrives at the notifier or `at` another element."""
        self.pua_daemon.subscribe(presentity, WATCHER, **{"expires": -1, **options})
        return (at or self.notifier).receive_for(presentity.removeprefix("sip:").partition("@")[0])

    def established(self, presentity=PRESENTITY, package="presence", expires=600, **options):
        """A subscription in force, with a first document."""
        request = self.subscribe(presentity, package=package, **options)
        self.notifier.grant(request, expires=expires)
        usage = Usage(self.notifier, request)
        document = pidf(presentity, "at first") if package == "presence" else None
        self.assertEqual(usage.notify(f"active;expires={expires}", document).code, 200)
        self.stream.wait_change("active", presentity=presentity)
        if document:
            self.stream.wait_state("at first", presentity=presentity)
        return usage

    def held(self, presentity=PRESENTITY):
        return self.pua_daemon.subscriptions(presentity=presentity)
