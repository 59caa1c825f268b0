"""What is acknowledged outlives the daemon: killed, stopped, or replaced, it goes on where it was."""

import contextlib
import pathlib
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.request

from harness.case import LabCase
from harness.documents import pidf
from harness.process import Process, program
from harness.waiting import stays, until

PRESENTITY = "sip:dora@interop.example"
WATCHER = "sip:reader@interop.example"


class DurableCase(LabCase):
    """A daemon with a database of its own, at a Kamailio that grants eight seconds at most."""

    def laboratory(self, **options):
        server = self.kamailio(max_expires=8)
        self.database = self.run_dir / "state" / "pua.db"
        self.database.parent.mkdir()
        return server, self.daemon(server.uri(), store=f"sqlite:{self.database}", **options)

    def killed_and_restarted(self, daemon):
        daemon.process.kill()
        return daemon.start()

    def held(self, daemon, **filters):
        return daemon.call("pua:list", **filters)["result"]["publications"]

    def read(self, query):
        """What an operator sees with `sqlite3` while the daemon runs."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as database:
            return database.execute(query).fetchall()


class Publications(DurableCase):
    def test_after_kill_9_a_publication_goes_on_with_its_entity_tag(self):
        server, daemon = self.laboratory()
        etag = daemon.publish(PRESENTITY, pidf(PRESENTITY, "through the night"), expires=-1)["result"]["ETag"]
        before = len(server.seen())
        self.killed_and_restarted(daemon)
        [held] = self.held(daemon)
        self.assertEqual(held["presentity"], PRESENTITY)
        after = until("it is refreshed", lambda: server.seen()[before:], 30)
        self.assertEqual((after[0]["etag"], after[0]["length"]), (etag, "0"), "refreshed, not published anew")
        self.assertEqual([row["username"] for row in server.rows("dora")], ["dora"], "one publication, not two")
        self.assertIn("through the night", server.rows("dora")[0]["body"])

    def test_a_change_after_a_restart_modifies_what_the_server_holds(self):
        server, daemon = self.laboratory()
        etag = daemon.publish(PRESENTITY, pidf(PRESENTITY, "first"), expires=-1)["result"]["ETag"]
        before = len(server.seen())
        self.killed_and_restarted(daemon)
        answer = daemon.publish(PRESENTITY, pidf(PRESENTITY, "second"), expires=-1)["result"]
        self.assertEqual(answer["reply"], "200 OK", answer)
        self.assertIn(etag, [seen["etag"] for seen in server.seen()[before:]])
        [row] = server.rows("dora")
        self.assertIn("second", row["body"])

    def test_a_graceful_stop_leaves_the_publication_at_the_server_and_the_next_life_takes_it_up(self):
        server, daemon = self.laboratory()
        etag = daemon.publish(PRESENTITY, pidf(PRESENTITY, "back soon"), expires=-1)["result"]["ETag"]
        before = len(server.seen())
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual([seen for seen in server.seen()[before:] if seen["etag"] == etag and seen["length"] == "0"], [], "nothing is withdrawn")
        daemon.start()
        after = until("it is refreshed", lambda: server.seen()[before:], 30)
        self.assertEqual(after[0]["etag"], etag)

    def test_what_was_withdrawn_does_not_come_back(self):
        server, daemon = self.laboratory()
        daemon.publish(PRESENTITY, pidf(PRESENTITY, "gone"), expires=-1)
        gone = daemon.call("pua:remove", presentity_uri=PRESENTITY, event_package="presence")["result"]
        self.assertEqual(gone["reply"], "200 OK", gone)
        before = len(server.seen())
        self.killed_and_restarted(daemon)
        self.assertEqual(self.held(daemon), [])
        stays("nothing is sent", lambda: len(server.seen()) == before, 2)

    def test_both_lost_their_memory_and_the_publication_is_there_again(self):
        server, daemon = self.laboratory()
        daemon.publish(PRESENTITY, pidf(PRESENTITY, "after the power cut"), expires=-1)
        daemon.process.kill()
        server.stop()
        server.start(empty=True)
        daemon.start()
        rows = until("the publication is back", lambda: server.rows("dora"), 30)
        self.assertIn("after the power cut", rows[0]["body"])

    def test_headers_proxy_lifetime_and_id_outlive_it(self):
        server, daemon = self.laboratory()
        daemon.publish(PRESENTITY, pidf(PRESENTITY, "whole"), expires=3600, id="desk", extra_headers="X-Department: sales\r\n",
                       outbound_proxy=server.uri())
        asked = {"presentity_uri": PRESENTITY, "event_package": "presence", "id": "desk"}
        names = ("id", "body", "content_type", "extra_headers", "outbound_proxy", "etag", "revision", "published_revision")
        before = daemon.call("pua:show", **asked)["result"]
        self.killed_and_restarted(daemon)
        after = daemon.call("pua:show", **asked)["result"]
        self.assertEqual({name: after[name] for name in names}, {name: before[name] for name in names})


class Subscriptions(DurableCase):
    def test_after_kill_9_a_subscription_goes_on_in_its_dialog(self):
        server, daemon = self.laboratory()
        daemon.subscribe(PRESENTITY, WATCHER, expires=-1, wait="final")
        first = server.seen("SUBSCRIBE")[0]
        self.killed_and_restarted(daemon)
        later = until("it is refreshed", lambda: [seen for seen in server.seen("SUBSCRIBE") if int(seen["cseq"]) > int(first["cseq"])], 30)
        self.assertEqual(later[0]["call"], first["call"], "the same dialog")
        until("it is active", lambda: [held for held in daemon.subscriptions() if held["state"] == "active"], 30)
        stream = self.events(daemon, kind="state")
        daemon.publish(PRESENTITY, pidf(PRESENTITY, "seen by who came back"), expires=600)
        stream.wait_state("seen by who came back")

    def test_a_notifier_that_forgot_it_is_subscribed_to_anew(self):
        server, daemon = self.laboratory()
        daemon.subscribe(PRESENTITY, WATCHER, expires=-1, wait="final")
        first = server.seen("SUBSCRIBE")[0]
        daemon.process.kill()
        server.stop()
        server.start(empty=True)
        daemon.start()
        until("it is active", lambda: [held for held in daemon.subscriptions() if held["state"] == "active"], 60)
        self.assertNotEqual(server.seen("SUBSCRIBE")[-1]["call"], first["call"])

    def test_what_was_ended_does_not_come_back(self):
        server, daemon = self.laboratory()
        daemon.subscribe(PRESENTITY, WATCHER, expires=-1, wait="final")
        daemon.call("pua:unsubscribe", presentity_uri=PRESENTITY, watcher_uri=WATCHER, event_package="presence")
        before = len(server.seen("SUBSCRIBE"))
        self.killed_and_restarted(daemon)
        self.assertEqual(daemon.subscriptions(), [])
        stays("nothing is sent", lambda: len(server.seen("SUBSCRIBE")) == before, 2)


class TheFile(DurableCase):
    def test_a_second_daemon_on_the_same_database_is_refused_and_told_why(self):
        _, daemon = self.laboratory()
        config = self.run_dir / "second.toml"
        config.write_text(f'[store]\nurl = "sqlite:{self.database}"\n[sip]\nlisten = ["udp:127.0.0.1:0"]\n[http]\nlisten = ["127.0.0.1:0"]\n'
                          f'[mi.stream]\nlisten = ["unix:{self.run_dir}/second.sock"]\n')
        done = subprocess.run([self.pua, "serve", "--config", config], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, cwd=self.run_dir)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("pua.db", done.stderr)
        self.assertEqual(daemon.publish(PRESENTITY, pidf(PRESENTITY, "unharmed"))["result"]["reply"], "200 OK")

    def test_an_operator_can_read_it_while_the_daemon_runs(self):
        _, daemon = self.laboratory()
        etag = daemon.publish(PRESENTITY, pidf(PRESENTITY, "legible"), expires=-1)["result"]["ETag"]
        tables = {row[0] for row in self.read("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
        self.assertIn("publication", tables)
        text = repr([self.read(f'SELECT * FROM "{name}"') for name in tables])
        for word in (PRESENTITY, "legible", etag):
            self.assertIn(word, text)

    def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(self):
        path = self.run_dir / "letter.db"
        path.write_text("Dear Sir or Madam, " * 400)
        config = self.run_dir / "letter.toml"
        config.write_text(f'[store]\nurl = "sqlite:{path}"\n[sip]\nlisten = ["udp:127.0.0.1:0"]\n[http]\nlisten = ["127.0.0.1:0"]\n'
                          f'[mi.stream]\nlisten = ["unix:{self.run_dir}/letter.sock"]\n')
        done = subprocess.run([self.pua, "serve", "--config", config], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, cwd=self.run_dir)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("letter.db", done.stderr)
        self.assertTrue(path.read_text().startswith("Dear Sir"))


class Stopping(DurableCase):
    def test_sigterm_under_way_answers_everybody_and_loses_nothing(self):
        server, daemon = self.laboratory()
        for number in range(20):
            presentity = f"sip:many{number}@interop.example"
            self.assertEqual(daemon.publish(presentity, pidf(presentity, "one of many"), expires=-1, wait="accepted")["result"], "Accepted")
        daemon.process.send(signal.SIGTERM)
        self.assertEqual(daemon.process.wait_exit(), 0)
        daemon.start()
        self.assertEqual(len(self.held(daemon, limit=100)), 20)
        for number in range(20):
            until("it is at the server", lambda number=number: server.rows(f"many{number}"), 30)


class SmallDisk:
    """A file system of two megabytes, which only a process in its own mount namespace has.

    Root, or a kernel that lets everybody make user namespaces (`kernel.unprivileged_userns_clone`, `user.max_user_namespaces`), is needed for it.
    """

    def __init__(self, run_dir):
        self.at = run_dir / "disk"
        self.at.mkdir()
        mount = f'mount -t tmpfs -o size=2m tmpfs "{self.at}" && echo mounted && exec sleep infinity'
        self.holder = Process("disk", [program("unshare"), "--map-root-user", "--mount", "sh", "-c", mount], run_dir)
        self.holder.wait_ready("a file system of its own (are user and mount namespaces allowed here?)", lambda: "mounted" in self.holder.output())
        pid = self.holder.popen.pid
        self.seen = pathlib.Path(f"/proc/{pid}/root{self.at}")
        self.enter = (program("nsenter"), "--target", pid, "--user", "--mount", "--preserve-credentials")

    def fill(self):
        with open(self.seen / "filler", "ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(512))

    def make_room(self):
        (self.seen / "filler").unlink()


class AFullDisk(LabCase):
    """What the manual says of a disk that is full, on one that is."""

    def publish(self, daemon, number):
        presentity = f"sip:many{number}@interop.example"
        return daemon.publish(presentity, pidf(presentity, "one of many " * 40), expires=-1)

    def test_it_is_told_what_is_held_is_refreshed_and_nothing_acknowledged_is_lost(self):
        server = self.kamailio(max_expires=8)
        disk = SmallDisk(self.run_dir)
        self.addCleanup(disk.holder.kill)
        daemon = self.daemon(server.uri(), store=f"sqlite:{disk.at}/pua.db", under=disk.enter)
        for number in range(5):
            self.assertIn("result", self.publish(daemon, number))
        disk.fill()
        acknowledged = 5
        while "result" in (answer := self.publish(daemon, acknowledged)):
            acknowledged += 1
        self.assertEqual((answer["error"]["code"], answer["error"]["message"]), (503, "Done but not stored"), answer)
        refused = self.publish(daemon, "late")["error"]
        self.assertEqual((refused["code"], refused["message"]), (503, "Store cannot be written"))
        self.assertIn("full", refused["data"])
        self.assertEqual(self.http_status(daemon, "/readyz"), 503)
        before = len(server.seen())
        until("what is held is refreshed", lambda: [seen for seen in server.seen()[before:] if seen["length"] == "0"], 30)
        # Killed while it is full: what was acknowledged is there, once there is room to start in.
        daemon.process.kill()
        disk.make_room()
        daemon.start()
        held = {held["presentity"] for held in daemon.call("pua:list", limit=10000)["result"]["publications"]}
        self.assertEqual({f"sip:many{number}@interop.example" for number in range(acknowledged)} - held, set())
        # Full once more, and room in the same life: it goes on by itself.
        disk.fill()
        while "result" in self.publish(daemon, acknowledged):
            acknowledged += 1
        disk.make_room()
        until("it has recovered by itself", lambda: self.http_status(daemon, "/readyz") == 200, 30)
        self.assertIn("result", self.publish(daemon, "late"))

    def http_status(self, daemon, path):
        try:
            with urllib.request.urlopen(daemon.url + path, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
