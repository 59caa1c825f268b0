"""Subscriptions at Kamailio's presence server: what it notifies is read by curl from the stream of events."""

import json
import time

from harness import mi
from harness.case import LabCase
from harness.documents import dialog_info, pidf
from harness.waiting import punctual, stays, until

PRESENTITY = "sip:alice@interop.example"
WATCHER = "sip:door@interop.example"
PACKAGES = ("presence", "dialog", "message-summary")
CONTENT_TYPES = dict(zip(PACKAGES, ("application/pidf+xml", "application/dialog-info+xml", "application/simple-message-summary")))


def messages(new, old):
    return f"Messages-Waiting: {'yes' if new else 'no'}\r\nVoice-Message: {new}/{old}\r\n"


class NotifierCase(LabCase):
    digest = False
    transport = "udp"
    def laboratory(self, **options):
        server = self.kamailio(digest=self.digest, **options)
        credentials = [("lab", "lab", "secret")] if self.digest else []
        daemon = self.daemon(server.uri(self.transport), credentials=credentials)
        return server, daemon, self.events(daemon)

    def publish(self, daemon, body, package="presence", presentity=PRESENTITY):
        answer = daemon.publish(presentity, body, package=package, content_type=CONTENT_TYPES[package])
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)

    def told(self, daemon, stream, body, text, package="presence", presentity=PRESENTITY):
        """Publishes, and takes the event in which a reader sees it."""
        self.publish(daemon, body, package, presentity)
        return stream.wait_state(text, package=package)


class Life:
    """Tests that are the same for each transport, with digest and without."""

    def test_three_packages_subscribed_by_fifo_datagram_and_http_tell_each_change_within_a_second(self):
        server, daemon, stream = self.laboratory()
        accepted = mi.fifo(daemon, "subscribe", f":pua_subscribe:{{name}}\n{PRESENTITY}\n{WATCHER}\npresence\n600\n\n")
        self.assertEqual(accepted, "202 accepted\n\n")
        client = mi.Datagram(daemon, "unix")
        self.addCleanup(client.close)
        answer = json.loads(client.ask(mi.request("pua_subscribe", [PRESENTITY, WATCHER, "dialog", 600])))
        self.assertEqual(answer["result"], "accepted")
        self.assertEqual(daemon.subscribe(PRESENTITY, WATCHER, "message-summary")["result"], "accepted")
        for package in PACKAGES:
            stream.wait_change("active", package=package)

        taken = []

        def told(*what):
            before = time.monotonic()
            event = self.told(daemon, stream, *what)
            taken.append(time.monotonic() - before)
            return event
        for note in ("in a meeting", "at lunch", "back again"):
            event = told(pidf(PRESENTITY, note), note)
            self.assertEqual((event["presentity"], event["watcher"], event["changed"]), (PRESENTITY, WATCHER, True))
            self.assertEqual((event["summary"]["availability"], event["summary"]["note"]), ("open", note))
        for version, state in enumerate(("early", "confirmed", "terminated")):
            event = told(dialog_info(PRESENTITY, state, version), f'"{state}"', "dialog")
            self.assertEqual(event["content_type"], "application/dialog-info+xml")
        for new, old in ((3, 1), (4, 1), (0, 5)):
            event = told(messages(new, old), f'"new": {new}', "message-summary")
            self.assertEqual((event["summary"]["messages_waiting"]["new"], event["summary"]["messages_waiting"]["old"]), (new, old))

        punctual("from publishing to the reader", taken, 1.0)
        self.assertEqual([event["summary"]["note"] for event in stream.states(package="presence", changed=True)][-3:],
                         ["in a meeting", "at lunch", "back again"], "in order, each once")
        self.assertEqual({seen["transport"] for seen in server.seen("SUBSCRIBE")}, {self.transport})
        numbers = [event["seq"] for event in stream.all() if "cursor" in event]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))), "no number is missing")

    def test_who_unsubscribes_is_told_nothing_more(self):
        server, daemon, stream = self.laboratory()
        daemon.subscribe(PRESENTITY, WATCHER)
        stream.wait_change("active")
        self.told(daemon, stream, pidf(PRESENTITY, "before"), "before")
        ended = daemon.call("pua:unsubscribe", presentity_uri=PRESENTITY, watcher_uri=WATCHER, event_package="presence")["result"]
        self.assertEqual((ended["reply"], ended["state"]), ("200 OK", "terminated"), ended)
        stream.wait_change("terminated")
        self.assertEqual(server.seen("SUBSCRIBE")[-1]["expires"], "0")
        self.assertEqual(daemon.subscriptions(), [])
        self.publish(daemon, pidf(PRESENTITY, "after"))
        stays("no state after the end", lambda: not [event for event in stream.states() if "after" in json.dumps(event)], 1.0)

    def test_a_fetch_brings_the_document_and_leaves_nothing_behind(self):
        server, daemon, stream = self.laboratory()
        self.publish(daemon, pidf(PRESENTITY, "for those who ask"))
        fetched = daemon.call("pua:fetch", presentity_uri=PRESENTITY, watcher_uri=WATCHER, event_package="presence", raw=True)["result"]
        self.assertEqual((fetched["reply"], fetched["state"], fetched["summary"]["note"]), ("200 OK", "terminated", "for those who ask"), fetched)
        self.assertIn("for those who ask", fetched["body"])
        self.assertEqual({seen["expires"] for seen in server.seen("SUBSCRIBE")}, {"0"})
        self.assertEqual(daemon.subscriptions(), [])

    def test_a_server_that_forgot_everything_is_subscribed_to_again(self):
        server, daemon, stream = self.laboratory(max_expires=5)
        daemon.subscribe(PRESENTITY, WATCHER)
        stream.wait_change("active")
        first = server.seen("SUBSCRIBE")[0]
        server.forget()

        def made_anew():
            fresh = [seen for seen in server.seen("SUBSCRIBE") if seen["call"] != first["call"]]
            return fresh and fresh[0]
        again = until("a subscription that is made anew", made_anew, 40)
        self.assertNotEqual(again["tag"], first["tag"], "R6665-07: a new From tag")
        until("it is active", lambda: [held for held in daemon.subscriptions() if held["state"] == "active"], 40)
        self.told(daemon, stream, pidf(PRESENTITY, "after the restart"), "after the restart")

    def test_a_short_grant_is_refreshed_in_the_same_dialog(self):
        server, daemon, stream = self.laboratory(max_expires=5)
        daemon.subscribe(PRESENTITY, WATCHER, expires=-1)
        stream.wait_change("active")
        # With digest the first one was sent twice: without credentials and with.
        seen = until("three refreshes", lambda: len(server.seen("SUBSCRIBE")) > (4 if self.digest else 3) and server.seen("SUBSCRIBE"), 40)
        self.assertEqual(len({request["call"] for request in seen}), 1)
        numbers = [int(request["cseq"]) for request in seen]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
        if self.digest:
            self.assertEqual({request["user"] for request in seen[1:]}, {"lab"}, "credentials are sent without being asked again")
        self.assertEqual(set(stream.changes()) & {"terminated", "retrying", "refused"}, set())
        self.told(daemon, stream, pidf(PRESENTITY, "still told"), "still told")


class OverUdp(Life, NotifierCase):
    pass


class OverTcp(Life, NotifierCase):
    transport = "tcp"


class OverUdpWithDigest(Life, NotifierCase):
    digest = True


class OverTcpWithDigest(Life, NotifierCase):
    transport = "tcp"
    digest = True


class WhoWatches:
    def test_watcher_information_tells_who_comes_and_goes(self):
        server, daemon, stream = self.laboratory()
        daemon.subscribe(PRESENTITY, PRESENTITY, "presence.winfo")
        stream.wait_change("active", package="presence.winfo")
        daemon.subscribe(PRESENTITY, WATCHER)
        event = stream.wait_state(WATCHER, package="presence.winfo")
        self.assertEqual(event["content_type"], "application/watcherinfo+xml")
        watchers = [watcher for watcher_list in event["document"]["watcher_lists"] for watcher in watcher_list["watchers"]]
        self.assertEqual([(watcher["uri"], watcher["status"]) for watcher in watchers], [(WATCHER, "active")])
        daemon.call("pua:unsubscribe", presentity_uri=PRESENTITY, watcher_uri=WATCHER, event_package="presence")

        def gone():
            last = stream.states(package="presence.winfo")[-1]["document"]
            return [] == [watcher for watcher_list in last["watcher_lists"] for watcher in watcher_list["watchers"] if watcher["status"] == "active"]
        until("the watcher is gone", gone)
        self.assertEqual({seen["transport"] for seen in server.seen("SUBSCRIBE")}, {self.transport})


class WhoWatchesOverUdp(WhoWatches, NotifierCase):
    pass


class WhoWatchesOverTcp(WhoWatches, NotifierCase):
    transport = "tcp"


class Lists:
    """RFC 4662: one SUBSCRIBE, and what becomes of each member."""

    LIST = "sip:colleagues@interop.example"
    MEMBERS = [f"sip:{name}@interop.example" for name in ("anna", "bert", "cora")]

    def test_one_subscription_to_a_list_tells_the_state_of_each_member(self):
        server, daemon, stream = self.laboratory(lists={(WATCHER, self.LIST): self.MEMBERS})
        self.publish(daemon, pidf(self.MEMBERS[0], "here before"), presentity=self.MEMBERS[0])
        self.assertEqual(daemon.subscribe(self.LIST, WATCHER)["result"], "accepted")
        stream.wait_change("active", presentity=self.LIST)
        event = stream.wait_state("here before", presentity=self.MEMBERS[0])
        self.assertEqual((event["list"], event["member"]["state"]), (self.LIST, "active"))
        for member, note in zip(self.MEMBERS, ("first", "second", "third")):
            self.publish(daemon, pidf(member, note), presentity=member)
            event = stream.wait_state(note, presentity=member)
            self.assertEqual((event["list"], event["summary"]["note"]), (self.LIST, note))
        ours = [seen for seen in server.seen("SUBSCRIBE") if "colleagues" in seen["uri"]]
        self.assertEqual([seen["transport"] for seen in ours], [self.transport], "one request for all")
        state = daemon.call("pua:state", presentity_uri=self.MEMBERS[1])["result"]
        self.assertEqual((state["summary"]["note"], state["states"][0]["list"]), ("second", self.LIST), state)


class ListsOverUdp(Lists, NotifierCase):
    pass


class ListsOverTcp(Lists, NotifierCase):
    transport = "tcp"
