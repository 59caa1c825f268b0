"""The embedded presence server with publishers and watchers that are not ours."""

from harness.case import LabCase
from harness.documents import pidf
from harness.waiting import until

PRESENTITY = "sip:carol@interop.example"


class EmbeddedServer(LabCase):
    def publish(self, publisher, note, expires="600", etag="."):
        return publisher.call("pua.publish", PRESENTITY, expires, "presence", "application/pidf+xml", "k1", etag, ".", ".", pidf(PRESENTITY, note))

    def test_kamailios_own_pua_publishes_and_a_watcher_sees_it(self):
        daemon = self.daemon(server=True)
        publisher = self.kamailio_publisher(f"127.0.0.1:{daemon.server_port}")
        watcher = self.watcher(daemon.server_port, PRESENTITY)
        first = self.publish(publisher, "from Kamailio")
        self.assertIn("SIP-ETag", first["result"], first)
        self.assertIn("application/pidf+xml", watcher.wait_notify("from Kamailio"))
        second = self.publish(publisher, "changed by Kamailio")
        self.assertIn("SIP-ETag", second["result"], second)
        self.assertNotIn("from Kamailio", watcher.wait_notify("changed by Kamailio"))
        publisher.call("pua.publish", PRESENTITY, "0", "presence", ".", "k1", ".", ".", ".")
        watcher.wait_notify("changed by Kamailio", absent=True)

    def test_documents_of_two_publishers_stand_side_by_side(self):
        daemon = self.daemon(server=True)
        ours = self.daemon_publishing_to(daemon)
        publisher = self.kamailio_publisher(f"127.0.0.1:{daemon.server_port}")
        watcher = self.watcher(daemon.server_tcp_port, PRESENTITY, transport="tcp")
        self.assertIn("SIP-ETag", self.publish(publisher, "from Kamailio")["result"])
        answer = ours.publish(PRESENTITY, pidf(PRESENTITY, "from pua").replace('id="t1"', 'id="t2"'))
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        both = until("both documents", lambda: [n for n in watcher.notifies() if "from Kamailio" in n and "from pua" in n])
        self.assertEqual(both[-1].count("<presence"), 1, "one document for a watcher")

    def daemon_publishing_to(self, other):
        """A second daemon with a directory of its own."""
        from harness.daemon import Daemon
        directory = self.run_dir / "second"
        directory.mkdir()
        daemon = Daemon(self.pua, directory, f"sip:127.0.0.1:{other.server_port}")
        self.addCleanup(daemon.stop)
        return daemon.start()
