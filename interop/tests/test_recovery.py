"""What the daemon does by itself when the presence server forgets, refuses, or is silent."""

import socket
import time

from harness.case import LabCase
from harness.documents import pidf
from harness.sip import body, header
from harness.waiting import stays, until

PRESENTITY = "sip:bob@interop.example"


class Recovery(LabCase):
    def test_the_publication_returns_after_kamailio_restarts_with_an_empty_database(self):
        server = self.kamailio(max_expires=8)
        daemon = self.daemon(server.uri())
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "through the storm"))
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        server.stop()
        # Before it is back: a refresh that is under way may reach it at once.
        before = len(server.seen())
        server.start(empty=True)
        rows = until("the publication is back", lambda: server.rows("bob"), 60)
        self.assertEqual(len(rows), 1)
        self.assertIn("through the storm", rows[0]["body"])
        self.assertNotEqual(rows[0]["etag"], answer["result"]["ETag"])
        initial = [seen for seen in server.seen()[before:] if seen["length"] != "0"]
        self.assertEqual({seen["etag"] for seen in initial}, {""}, "412 is followed by an initial PUBLISH")
        watcher = self.watcher(server.port, PRESENTITY)
        watcher.wait_notify("through the storm")

    def test_a_restarted_server_is_reached_over_a_new_connection(self):
        server = self.kamailio()
        daemon = self.daemon(server.uri("tcp"))
        self.assertEqual(daemon.publish(PRESENTITY, pidf(PRESENTITY, "before"))["result"]["reply"], "200 OK")
        server.stop()
        server.start(empty=True)
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "after"))
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        self.assertIn("after", until("the publication at the server", lambda: server.rows("bob"))[0]["body"])

    def test_a_server_that_is_away_is_told_at_once_and_gets_the_state_when_it_is_back(self):
        for transport in ("udp", "tcp"):
            presentity = f"sip:{transport}@interop.example"
            server = self.kamailio()
            server.stop()
            daemon = self.daemon(server.uri(transport))
            began = time.monotonic()
            answer = daemon.publish(presentity, pidf(presentity, "patient"))
            self.assertLess(time.monotonic() - began, 10, answer)
            self.assertRegex(answer["result"]["reply"], r"\A(503|408) ", answer)
            self.assertEqual(answer["result"]["next"], "retry", answer)
            server.start(empty=True)
            rows = until("the publication at the server", lambda: server.rows(transport), 60)
            self.assertIn("patient", rows[0]["body"])
            daemon.stop()
            server.stop()

    def test_a_wrong_password_is_told_after_two_requests(self):
        server = self.kamailio(digest=True)
        daemon = self.daemon(server.uri(), credentials=[("lab", "lab", "wrong")])
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "secret"))
        self.assertRegex(answer["result"]["reply"], r"\A40[13] ", answer)
        self.assertEqual(answer["result"].get("next"), "refused", answer)
        self.assertEqual([seen["user"] for seen in server.seen()], ["", "lab"])
        stays("no third request", lambda: len(server.seen()) == 2, 3)

    def test_a_challenge_for_an_unknown_realm_is_told_after_one_request(self):
        server = self.kamailio(digest=True)
        daemon = self.daemon(server.uri(), credentials=[("elsewhere", "lab", "secret")])
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "secret"))
        self.assertRegex(answer["result"]["reply"], r"\A401 ", answer)
        self.assertEqual(len(server.seen()), 1)

    def test_a_refusal_is_told_at_once_with_what_comes_next(self):
        server = self.scripted_server(lambda request, number: (403, "Forbidden", ["Warning: 399 lab \"not for you\""]))
        daemon = self.daemon(server.uri)
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "x"))
        self.assertEqual(answer["result"]["reply"], "403 Forbidden", answer)
        self.assertEqual(answer["result"]["next"], "refused", answer)
        self.assertIn("not for you", str(answer["result"]))
        stays("not repeated", lambda: len(server.requests) == 1, 2)

    def test_retry_after_is_waited_for_and_the_latest_state_is_sent(self):
        server = self.scripted_server(lambda request, number: (503, "Busy", ["Retry-After: 2"]) if number == 0
                                      else (200, "OK", ["SIP-ETag: e1", "Expires: 3600"]))
        daemon = self.daemon(server.uri)
        first = daemon.publish(PRESENTITY, pidf(PRESENTITY, "early"))
        self.assertEqual(first["result"]["reply"].split()[0], "503", first)
        self.assertEqual(first["result"]["next"], "retry", first)
        self.assertIn("retry_at", first["result"])
        second = daemon.publish(PRESENTITY, pidf(PRESENTITY, "late"))
        self.assertEqual(len(server.wait_requests(2)), 2)
        self.assertIn("late", body(server.requests[1]))
        self.assertEqual(header(server.requests[1], "SIP-If-Match"), None)
        self.assertIn(second["result"]["reply"].split()[0], ("200", "503"), second)

    def test_a_server_without_tag_or_expires_wedges_nothing(self):
        server = self.scripted_server(lambda request, number: (200, "OK", []))
        daemon = self.daemon(server.uri)
        for note in ("one", "two"):
            answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, note))
            self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        self.assertEqual(len(server.requests), 2)

    def test_a_connection_that_is_never_made_is_told_before_timer_f(self):
        # Linux drops what it cannot queue: with a full backlog a connection is neither made nor refused.
        full = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(full.close)
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            waiting = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.addCleanup(waiting.close)
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        daemon = self.daemon("sip:127.0.0.1:%d;transport=tcp" % full.getsockname()[1])
        began = time.monotonic()
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "x"))
        self.assertLess(time.monotonic() - began, 16, answer)
        self.assertRegex(answer["result"]["reply"], r"\A(408|503) ", answer)
        self.assertEqual(answer["result"]["next"], "retry", answer)

    def test_a_silent_server_is_told_as_408_within_the_timeout_asked(self):
        server = self.scripted_server(lambda request, number: None)
        daemon = self.daemon(server.uri)
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "hello?"), timeout=2)
        self.assertEqual(answer["result"]["reply"], "408 Request Timeout", answer)
        self.assertEqual(answer["result"]["next"], "retry", answer)
        self.assertEqual(len(server.requests), 1)
        until("retransmissions", lambda: server.arrivals >= 3)
        self.assertEqual(len(server.requests), 1, "retransmissions are the same request")
