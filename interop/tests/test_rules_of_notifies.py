"""The requirements that are violated most often (list H of the checklist), on the real daemon: what is answered to a NOTIFY, and what becomes of it.

Each test names the items it shows. The suite is the notifier.
"""

import json
import socket
import time
import uuid

from harness.documents import dialog_info, pidf
from harness.notifier import Usage
from harness.rules import PRESENTITY, RulesCase
from harness.waiting import until

BOMB = ('<?xml version="1.0"?><!DOCTYPE presence [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{PRESENTITY}"><note>&c;</note></presence>')


class Notifies:
    """The same over UDP and TCP."""

    def notes(self, presentity=PRESENTITY):
        return [event["summary"]["note"] for event in self.stream.states(presentity=presentity) if event["summary"]]

    def test_h14_r6665_23_the_event_is_compared_as_the_rfc_says(self):
        usage = self.established()
        for event, accepted in (("presence;foo=1", True), ("presence ; version=2", True), ("Presence", False), ("presence.winfo", False),
                                ("presence;id=1", False), ("dialog", False)):
            with self.subTest(event=event):
                note = f"as {event}"
                answer = usage.notify(document=pidf(PRESENTITY, note), event=event)
                if accepted:
                    self.assertEqual(answer.code, 200)
                    self.stream.wait_state(note)
                else:
                    self.assertIn(answer.code, (481, 489))
        self.assertEqual(self.notes(), ["at first", "as presence;foo=1", "as presence ; version=2"])

    def test_h15_r6665_92_a_broken_document_neither_ends_the_subscription_nor_wipes_the_state(self):
        usage = self.established()
        broken = ("<presence", "no XML at all", pidf(PRESENTITY, "cut off")[:-20], BOMB, "<" * 100_000 if self.transport == "tcp" else "<" * 5000,
                  "<a>" * 8000 if self.transport == "tcp" else "<a>" * 4000)
        for number, document in enumerate(broken, 1):
            self.assertEqual(usage.notify(document=document).code, 200, document[:60])
            until("it is told", lambda: len(self.stream.told("unreadable")) == number)
        self.assertEqual(self.notes(), ["at first"])
        state = self.pua_daemon.call("pua:state", presentity_uri=PRESENTITY)["result"]
        self.assertEqual((state["summary"]["note"], self.held()[0]["state"]), ("at first", "active"))
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "whole again")).code, 200)
        self.stream.wait_state("whole again")

    def test_h15_r6665_93_an_empty_body_leaves_the_document_as_it_was(self):
        usage = self.established()
        self.assertEqual(usage.notify("active;expires=500").code, 200)
        self.assertEqual(usage.notify("pending;expires=500").code, 200)
        self.stream.wait_change("pending")
        state = self.pua_daemon.call("pua:state", presentity_uri=PRESENTITY)["result"]
        self.assertEqual(state["summary"]["note"], "at first")

    def test_cpidf_02_a_document_about_somebody_else_is_told_with_a_warning(self):
        usage = self.established()
        self.assertEqual(usage.notify(document=pidf("sip:mallory@interop.example", "not I")).code, 200)
        event = self.stream.wait_state("not I")
        self.assertEqual((event["presentity"], "sip:mallory@interop.example" in event["warning"]), (PRESENTITY, True), event)
        self.assertEqual(usage.notify(document=pidf(PRESENTITY.replace("sip:", "pres:"), "I again")).code, 200)
        self.assertIsNone(self.stream.wait_state("I again")["warning"])

    def test_h15_cdlg_02_versions_that_are_not_newer_are_discarded_and_a_gap_is_asked_after(self):
        usage = self.established(package="dialog")
        dialogs = "application/dialog-info+xml"

        def notify(document):
            self.assertEqual(usage.notify(document=document, content_type=dialogs).code, 200)
        notify(dialog_info(PRESENTITY, "early", 1))
        self.stream.wait_state('"early"')
        notify(dialog_info(PRESENTITY, "terminated", 1))
        notify(dialog_info(PRESENTITY, "confirmed", 2))
        self.stream.wait_state('"confirmed"')
        self.assertEqual([event for event in self.stream.states() if '"terminated"' in json.dumps(event["document"])], [])
        notify(dialog_info(PRESENTITY, "terminated", 9).replace('state="full"', 'state="partial"'))
        refresh = self.notifier.receive()
        self.assertEqual((refresh.to_tag, refresh["Expires"] != "0"), (usage.tag, True), "the whole is asked for again")

    def test_r6665_75_an_older_cseq_is_answered_500_and_not_told(self):
        usage = self.established()
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "seven"), number=7).code, 200)
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "five"), number=5).code, 500)
        usage.number = 7
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "eight")).code, 200)
        self.stream.wait_state("eight")
        self.assertEqual(self.notes(), ["at first", "seven", "eight"])

    def test_r6665_91_a_type_that_was_not_accepted_is_answered_415_with_accept(self):
        usage = self.established()
        answer = usage.notify(document="hello", content_type="text/plain")
        self.assertEqual(answer.code, 415)
        self.assertIn("application/pidf+xml", answer.all("Accept"))
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "and on")).code, 200)
        self.stream.wait_state("and on")

    def test_a_notify_without_its_headers_is_answered_400_or_489(self):
        usage = self.established()
        self.assertEqual(usage.notify("", pidf(PRESENTITY, "no Subscription-State")).code, 400)
        self.assertIn(usage.notify(document=pidf(PRESENTITY, "no Event"), event="").code, (400, 489))
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "complete")).code, 200)
        self.stream.wait_state("complete")
        self.assertEqual(self.notes(), ["at first", "complete"])

    def test_a_notify_of_no_subscription_of_ours_is_answered_481_and_tells_nothing(self):
        usage = self.established()
        stranger = uuid.uuid4().hex
        for name, swap in (("Call-ID", (usage.subscribe["Call-ID"], stranger)), ("our tag", (usage.subscribe.from_tag, stranger[:10])),
                           ("their tag", (";tag=n\r\n", ";tag=m\r\n"))):
            branch, text = usage.text("active;expires=600", pidf(PRESENTITY, "forged"))
            self.assertIn(swap[0], text)
            answer = self.notifier.ask(text.replace(*swap), usage.way(), branch)
            self.assertEqual(answer.code, 481, name)
        branch, text = usage.text("terminated;reason=rejected")
        self.assertEqual(self.notifier.ask(text.replace(";tag=n\r\n", ";tag=m\r\n"), usage.way(), branch).code, 481)
        self.assertEqual((self.notes(), self.held()[0]["state"]), (["at first"], "active"))

    def test_an_unknown_substate_and_bad_parameters_do_no_harm(self):
        """R6665-90."""
        usage = self.established()
        for number, state in enumerate(("active;expires=soon", "active;expires=99999999999999999999", "Active ; Expires = 600", "dormant;mood=calm")):
            note = f"number {number}"
            self.assertEqual(usage.notify(state, pidf(PRESENTITY, note)).code, 200, state)
            self.stream.wait_state(note)
        self.assertEqual(self.held()[0]["state"], "active")

    def test_a_flood_of_notifies_is_told_in_order_and_none_is_lost(self):
        usage = self.established()
        count = 300
        send = usage.way()
        texts = [usage.text("active;expires=600", pidf(PRESENTITY, f"number {number}")) for number in range(count)]
        for start in range(0, count, 20):
            window = dict(texts[start:start + 20])
            for text in window.values():
                send(text.encode())
            deadline = time.monotonic() + 40
            while window and time.monotonic() < deadline:
                for response in self.notifier.responses(0.02):
                    window.pop(response.branch, None)
            self.assertEqual(window, {})
        self.stream.wait_state(f"number {count - 1}")
        told = [note for note in self.notes() if note != "at first"]
        self.assertEqual(told, [f"number {number}" for number in range(count)])


class NotifiesOverUdp(Notifies, RulesCase):
    def test_h16_r3261_087_a_notify_that_comes_again_is_answered_again_and_told_once(self):
        usage = self.established()
        branch, text = usage.text("active;expires=600", pidf(PRESENTITY, "only once"))
        codes = []
        for _ in range(3):
            codes.append(self.notifier.ask(text, usage.way(), branch).code)
        self.assertEqual(codes, [200, 200, 200])
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "the next")).code, 200)
        self.stream.wait_state("the next")
        self.assertEqual(self.notes(), ["at first", "only once", "the next"])
        self.assertEqual(self.held()[0]["notifies"], 3)

    def test_h11_r3581_02_the_answer_goes_to_where_the_notify_came_from(self):
        usage = self.established()
        _, text = usage.text("active;expires=600", pidf(PRESENTITY, "from behind NAT"))
        port = int(usage.subscribe["Contact"].rpartition(":")[2].partition(">")[0].partition(";")[0])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as behind:
            behind.bind(("127.0.0.1", 0))
            behind.settimeout(10)
            local = behind.getsockname()[1]
            behind.sendto(text.encode(), ("127.0.0.1", port))
            answer, source = behind.recvfrom(65535)
        self.assertTrue(answer.startswith(b"SIP/2.0 200 "), answer)
        self.assertEqual(source[1], port, "from the socket that the NOTIFY came to")
        self.assertIn(f"rport={local}", answer.decode())
        self.stream.wait_state("from behind NAT")


class NotifiesOverTcp(Notifies, RulesCase):
    transport = "tcp"

    def test_a_notify_comes_on_the_subscribers_connection_or_on_one_of_its_own(self):
        usage = self.established()
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "by the same")).code, 200)
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "by another"), fresh=True).code, 200)
        self.stream.wait_state("by another")
        self.assertEqual(self.notes(), ["at first", "by the same", "by another"])

    def test_a_connection_that_breaks_is_made_anew_for_the_refresh(self):
        usage = self.established()
        usage.subscribe.path[0].shutdown(socket.SHUT_RDWR)
        refresh = self.refresh()
        self.assertEqual(refresh["Call-ID"], usage.subscribe["Call-ID"])
        self.assertIsNot(refresh.path[0], usage.subscribe.path[0])
        self.notifier.grant(refresh)
        usage.subscribe = refresh
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "reconnected")).code, 200)
        self.stream.wait_state("reconnected")

    def test_many_notifies_in_one_segment_are_all_taken(self):
        usage = self.established()
        texts = [usage.text("active;expires=600", pidf(PRESENTITY, f"glued {number}")) for number in range(20)]
        usage.way()("".join(text for _, text in texts).encode())
        self.stream.wait_state("glued 19")
        self.assertEqual(self.notes()[1:], [f"glued {number}" for number in range(20)])
