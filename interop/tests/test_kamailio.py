"""Publications at Kamailio's presence server, seen by SIPp as a watcher."""

from harness.case import LabCase
from harness.documents import ADMIN_GUIDE, ADMIN_GUIDE_NOTE, ADMIN_GUIDE_PRESENTITY, PEERS, dialog_info, pidf
from harness.waiting import until

PRESENTITY = "sip:alice@interop.example"


class KamailioCase(LabCase):
    digest = False
    transport = "udp"

    def laboratory(self, **options):
        server = self.kamailio(digest=self.digest, **options)
        credentials = [("lab", "lab", "secret")] if self.digest else []
        return server, self.daemon(server.uri(self.transport), credentials=credentials)


class Life:
    """Tests that are the same for each transport, with digest and without."""

    def test_shell_script_publishes_the_admin_guides_document_and_a_watcher_sees_it(self):
        server, daemon = self.laboratory()
        watcher = self.watcher(server.port, ADMIN_GUIDE_PRESENTITY, transport=self.transport)
        request = self.run_dir / "request.txt"
        request.write_text(ADMIN_GUIDE)
        script = self.start("publish-sh", ["sh", PEERS / "publish.sh", daemon.fifo, daemon.reply_dir, request])
        self.assertEqual(script.wait_exit(40), 0)
        self.assertRegex(script.output(), r"\A200 OK\n200 OK\nETag:: \S+\nExpires:: 3600\n\n\Z")
        notify = watcher.wait_notify(ADMIN_GUIDE_NOTE)
        self.assertIn("application/pidf+xml", notify)
        self.assertEqual({row["transport"] for row in server.seen()}, {self.transport})

    def test_modify_replaces_and_remove_withdraws(self):
        server, daemon = self.laboratory()
        watcher = self.watcher(server.port, PRESENTITY, transport=self.transport)
        first = daemon.publish(PRESENTITY, pidf(PRESENTITY, "in a meeting"))
        self.assertEqual(first["result"]["reply"], "200 OK", first)
        watcher.wait_notify("in a meeting")
        second = daemon.publish(PRESENTITY, pidf(PRESENTITY, "back at the desk"))
        self.assertEqual(second["result"]["reply"], "200 OK", second)
        self.assertNotEqual(first["result"]["ETag"], second["result"]["ETag"])
        notify = watcher.wait_notify("back at the desk")
        self.assertNotIn("in a meeting", notify, "the old document stands beside the new one")
        self.assertEqual(len(server.rows("alice")), 1)
        modify = [seen for seen in server.seen() if seen["length"] != "0" and seen["etag"]]
        self.assertEqual({seen["etag"] for seen in modify}, {first["result"]["ETag"]})
        removed = daemon.publish(PRESENTITY, expires=0)
        self.assertEqual(removed["result"]["reply"], "200 OK", removed)
        watcher.wait_notify("back at the desk", absent=True)
        until("the row is gone", lambda: not server.rows("alice"))
        last = server.seen()[-1]
        self.assertEqual((last["etag"], last["expires"], last["length"]), (second["result"]["ETag"], "0", "0"))

    def test_a_short_grant_is_refreshed_without_the_document(self):
        server, daemon = self.laboratory(max_expires=6)
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "still here"))
        self.assertEqual((answer["result"]["reply"], int(answer["result"]["Expires"])), ("200 OK", 6), answer)
        first = until("the publication at the server", lambda: server.rows("alice"))[0]
        self.assertEqual(first["etag"], answer["result"]["ETag"])

        def refreshed_twice():
            rows = server.rows("alice")
            return rows and rows[0]["expires"] > first["expires"] + 3 and rows
        rows = until("two refreshes", refreshed_twice, 30)
        self.assertEqual(len(rows), 1)
        self.assertIn("still here", rows[0]["body"])
        refreshes = [seen for seen in server.seen() if seen["etag"]]
        self.assertGreaterEqual(len(refreshes), 2)
        self.assertEqual({seen["length"] for seen in refreshes}, {"0"}, "a refresh carries no document")
        self.assertEqual(refreshes[0]["etag"], answer["result"]["ETag"])
        if self.digest:
            self.assertEqual({seen["user"] for seen in refreshes}, {"lab"}, "credentials are sent without being asked again")
        watcher = self.watcher(server.port, PRESENTITY, transport=self.transport)
        watcher.wait_notify("still here")


class OverUdp(Life, KamailioCase):
    pass


class OverTcp(Life, KamailioCase):
    transport = "tcp"


class OverUdpWithDigest(Life, KamailioCase):
    digest = True


class OverTcpWithDigest(Life, KamailioCase):
    transport = "tcp"
    digest = True


class OtherDigests(LabCase):
    def life(self, **digest):
        server = self.kamailio(digest=True, **digest)
        daemon = self.daemon(server.uri(), credentials=[("lab", "lab", "secret")])
        first = daemon.publish(PRESENTITY, pidf(PRESENTITY, "one"))
        self.assertEqual(first["result"]["reply"], "200 OK", first)
        second = daemon.publish(PRESENTITY, pidf(PRESENTITY, "two"))
        self.assertEqual(second["result"]["reply"], "200 OK", second)
        removed = daemon.publish(PRESENTITY, expires=0)
        self.assertEqual(removed["result"]["reply"], "200 OK", removed)
        self.assertEqual([seen["user"] for seen in server.seen()], ["", "lab", "lab", "lab"])
        self.assertEqual([seen["length"] == "0" for seen in server.seen()], [False, False, False, True])

    def test_sha_256(self):
        self.life(algorithm="SHA-256")

    def test_auth_int_with_a_body_and_without(self):
        self.life(qop=16)

    def test_auth_int_with_sha_256(self):
        self.life(qop=16, algorithm="SHA-256")


class OtherPackages(KamailioCase):
    def test_dialog_and_message_summary_reach_their_watchers(self):
        server, daemon = self.laboratory()
        watcher = self.watcher(server.port, PRESENTITY, package="dialog")
        answer = daemon.publish(PRESENTITY, dialog_info(PRESENTITY, "confirmed"), package="dialog", content_type="application/dialog-info+xml")
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        watcher.wait_notify("confirmed")
        lamps = self.watcher(server.port, PRESENTITY, package="message-summary")
        answer = daemon.publish(PRESENTITY, "Messages-Waiting: yes\r\nVoice-Message: 3/1\r\n", package="message-summary",
                                content_type="application/simple-message-summary")
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        lamps.wait_notify("Voice-Message: 3/1")

    def test_a_minimum_above_what_was_asked_is_taken(self):
        server, daemon = self.laboratory(min_expires=120)
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "brief"), expires=60)
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        self.assertEqual([seen["expires"] for seen in server.seen()], ["60", "120"])

    def test_a_large_document_goes_by_tcp(self):
        server, daemon = self.laboratory()
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "long " * 400))
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        self.assertEqual([seen["transport"] for seen in server.seen()], ["tcp"])
