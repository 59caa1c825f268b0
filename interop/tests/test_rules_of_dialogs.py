"""The requirements of RFC 6665 that are violated most often (list H of the checklist), on the real daemon: dialogs and their ends.

Each test names the items it shows. The suite is the notifier.
"""

import threading
import time

from harness.documents import pidf
from harness.notifier import Usage
from harness.rules import PRESENTITY, WATCHER, RulesCase
from harness.waiting import until


class Dialogs:
    """The same over UDP and TCP."""

    def test_h01_r6665_22_the_route_set_is_the_notifys_in_the_order_received(self):
        first, second = self.another(), self.another()
        request = self.subscribe()
        self.notifier.grant(request, "Record-Route: <sip:127.0.0.1:9;lr>")
        usage = Usage(self.notifier, request)
        answer = usage.notify(document=pidf(PRESENTITY, "routed"), more=[f"Record-Route: {first.route()}, {second.route()}"])
        self.assertEqual(answer.code, 200)
        self.assertEqual(answer.all("Record-Route"), [first.route(), second.route()])
        refresh = self.refresh(at=first)
        self.assertEqual(refresh.all("Route"), [first.route(), second.route()])
        self.assertEqual(refresh.uri, usage.contact.strip("<>"))

    def test_h01_r6665_67_an_empty_route_set_goes_to_the_contact_and_past_the_presence_server(self):
        elsewhere = self.another()
        request = self.subscribe()
        self.notifier.grant(request)
        usage = Usage(self.notifier, request)
        usage.contact = elsewhere.contact("moved")
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "elsewhere")).code, 200)
        refresh = self.refresh(at=elsewhere)
        self.assertEqual((refresh.uri, refresh.all("Route")), (elsewhere.contact("moved").strip("<>"), []))
        self.notifier.nothing(0.3)

    def test_h02_r6665_20_21_a_notify_before_the_200_makes_the_dialog(self):
        request = self.subscribe()
        usage = Usage(self.notifier, request, tag="of-the-notify")
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "too early for some")).code, 200)
        self.stream.wait_state("too early for some")
        self.notifier.grant(request, tag="of-the-200")
        refresh = self.refresh()
        self.assertEqual((refresh.to_tag, refresh["Call-ID"], refresh.from_tag), ("of-the-notify", request["Call-ID"], request.from_tag))
        self.assertGreater(int(refresh["CSeq"].split()[0]), int(request["CSeq"].split()[0]))
        self.assertEqual(len(self.held()), 1)

    def test_h02_r6665_30_a_second_fork_is_answered_481(self):
        request = self.subscribe()
        self.notifier.grant(request, tag="a")
        one, other = Usage(self.notifier, request, tag="a"), Usage(self.notifier, request, tag="b")
        self.assertEqual(one.notify(document=pidf(PRESENTITY, "of the first")).code, 200)
        self.assertEqual(other.notify(document=pidf(PRESENTITY, "of the second")).code, 481)
        self.assertEqual(one.notify(document=pidf(PRESENTITY, "still the first")).code, 200)
        self.stream.wait_state("still the first")
        self.assertEqual([event["summary"]["note"] for event in self.stream.states()], ["of the first", "still the first"])

    def test_h02_r6665_30_a_second_fork_before_the_200_is_answered_481_too(self):
        request = self.subscribe()
        one, other = Usage(self.notifier, request, tag="a"), Usage(self.notifier, request, tag="b")
        self.assertEqual(one.notify(document=pidf(PRESENTITY, "of the first")).code, 200)
        self.assertEqual(other.notify(document=pidf(PRESENTITY, "of the second")).code, 481)
        self.notifier.grant(request, tag="b")
        self.assertEqual(self.refresh().to_tag, "a")
        self.stream.wait_state("of the first")
        self.assertEqual([event["summary"]["note"] for event in self.stream.states()], ["of the first"])

    def test_h05_r6665_07_51_a_481_to_a_refresh_makes_a_wholly_new_subscription(self):
        usage = self.established()
        refresh = self.refresh()
        self.notifier.answer(refresh, 481)
        again = self.notifier.receive()
        self.assertNotEqual(again["Call-ID"], refresh["Call-ID"])
        self.assertNotEqual(again.from_tag, refresh.from_tag)
        self.assertEqual((again.to_tag, again.all("Route"), again.uri), (None, [], PRESENTITY))
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "from the dead")).code, 481)
        self.notifier.grant(again)
        self.assertEqual(Usage(self.notifier, again).notify(document=pidf(PRESENTITY, "anew")).code, 200)
        self.stream.wait_state("anew")
        self.assertEqual(self.stream.changes(), ["active", "terminated", "active"])

    def test_h05_r6665_51_each_fatal_answer_to_a_refresh_ends_the_subscription(self):
        for code in (404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604):
            with self.subTest(code=code):
                presentity = f"sip:fatal{code}@interop.example"
                usage = self.established(presentity)
                self.notifier.answer(self.refresh(presentity), code)
                self.stream.wait("its end", lambda event: event["type"] == "subscription" and event["presentity"] == presentity
                                 and event["change"] in ("terminated", "retrying", "refused"))
                self.assertEqual(usage.notify(document=pidf(presentity, "late")).code, 481)

    def test_h05_r6665_52_other_answers_to_a_refresh_leave_it_in_force(self):
        for code in (403, 408, 500, 503, 606):
            with self.subTest(code=code):
                presentity = f"sip:other{code}@interop.example"
                usage = self.established(presentity)
                self.notifier.answer(self.refresh(presentity), code)
                self.assertEqual(usage.notify(document=pidf(presentity, f"despite {code}")).code, 200)
                self.stream.wait_state(f"despite {code}", presentity=presentity)
                self.assertEqual(self.held(presentity)[0]["state"], "active")

    def test_h09_retry_after_of_a_refused_first_subscribe_is_kept(self):
        request = self.subscribe()
        self.notifier.answer(request, 503, "Retry-After: 2")
        told = self.stream.wait_change("retrying")
        self.assertEqual((told["code"], told["next"]), (503, "retry"))
        again = self.notifier.receive()
        self.assertGreaterEqual(again.at - request.at, 2.0)
        self.assertNotEqual(again.branch, request.branch)

    def test_h08_r6665_423_is_asked_again_with_what_the_notifier_wants(self):
        request = self.subscribe(expires=60)
        self.notifier.answer(request, 423, "Min-Expires: 1800")
        self.assertEqual(self.notifier.receive()["Expires"], "1800")

    def test_h08_the_granted_time_counts_and_a_tiny_one_makes_no_busy_loop(self):
        usage = self.established(expires=4)
        times = []
        for _ in range(3):
            refresh = self.notifier.receive()
            self.assertEqual(refresh.to_tag, usage.tag)
            self.notifier.grant(refresh, expires=4)
            self.assertEqual(usage.notify("active;expires=4", pidf(PRESENTITY, "refreshed")).code, 200)
            times.append(refresh.at)
        self.assertGreater(times[-1] - times[0], 2.0, "two refreshes in less than half of what was granted for each")

    def test_h12_r3261_digest_of_a_refresh_counts_on_and_takes_a_stale_nonce(self):
        """R7616-01, -02: quoting, nc; `stale` is answered once with the new nonce."""
        request = self.subscribe()
        challenge = 'WWW-Authenticate: Digest realm="lab", nonce="{}", qop="auth", algorithm=MD5{}'
        self.notifier.answer(request, 401, challenge.format("one", ""))
        second = self.notifier.receive()
        self.assertRegex(second["Authorization"], r'nonce="one".*[ ,]qop=auth,.*nc=00000001|nc=00000001.*nonce="one"')
        self.assertEqual((second["Call-ID"], second.from_tag), (request["Call-ID"], request.from_tag))
        self.notifier.grant(second)
        self.assertEqual(Usage(self.notifier, second).notify(document=pidf(PRESENTITY, "let in")).code, 200)
        refresh = self.refresh()
        self.assertRegex(refresh["Authorization"], r"nc=00000002")
        self.notifier.answer(refresh, 401, challenge.format("two", ", stale=true"))
        again = self.notifier.receive()
        self.assertRegex(again["Authorization"], r'nonce="two"')
        self.assertRegex(again["Authorization"], r"nc=00000001")

    def test_h14_r6665_05_a_subscriber_offers_no_events_of_its_own(self):
        request = self.subscribe()
        self.assertEqual((request["Allow-Events"], request["Event"], request["Supported"]), (None, "presence", "eventlist"))
        self.assertIn("application/pidf+xml", request.all("Accept"))
        self.assertTrue(request["From"].startswith(f"<{WATCHER}>;tag="))
        self.assertNotIn("door", request["Contact"], "the watcher stands in From only")


class DialogsOverUdp(Dialogs, RulesCase):
    pass


class DialogsOverTcp(Dialogs, RulesCase):
    transport = "tcp"


class Silence(RulesCase):
    """With T1 of 40 ms, so that Timer N (64 of it) is 2.56 s."""

    t1_ms = 40
    timer_n = 2.56

    def test_h03_r6665_24_a_200_without_a_notify_is_given_up_at_timer_n(self):
        began = time.monotonic()
        request = self.subscribe()
        self.notifier.grant(request)
        told = self.stream.wait_change("retrying")
        self.assertEqual(told["next"], "retry")
        self.assertNotEqual(self.held()[0]["state"], "active")
        self.assertGreaterEqual(time.monotonic() - began, self.timer_n)
        late = Usage(self.notifier, request).notify(document=pidf(PRESENTITY, "much too late"))
        self.assertEqual(late.code, 481)

    def test_h03_r6665_53_a_refresh_without_a_notify_ends_the_subscription(self):
        usage = self.established()
        began = time.monotonic()
        refresh = self.refresh()
        self.notifier.grant(refresh)
        self.stream.wait("its end", lambda event: event["type"] == "subscription" and event["change"] in ("terminated", "retrying"))
        self.assertGreaterEqual(time.monotonic() - began, self.timer_n)
        self.assertEqual(usage.notify(document=pidf(PRESENTITY, "late")).code, 481)

    def test_h03_a_fetch_without_a_notify_ends_too(self):
        answer = {}
        asking = threading.Thread(target=lambda: answer.update(self.pua_daemon.call(
            "pua:fetch", presentity_uri=PRESENTITY, watcher_uri=WATCHER, event_package="presence")))
        asking.start()
        request = self.notifier.receive()
        self.assertEqual(request["Expires"], "0")
        self.notifier.grant(request, expires=0)
        asking.join(40)
        self.assertFalse(asking.is_alive())
        self.assertNotEqual(answer["result"]["reply"], "200 OK", answer)
        self.assertEqual(self.held(), [])


class Reasons(RulesCase):
    """R6665-82 to -89: why a subscription is over decides what comes next."""

    def ended(self, name, reason, **options):
        presentity = f"sip:{name}@interop.example"
        usage = self.established(presentity, **options)
        self.assertEqual(usage.notify(f"terminated{reason}", pidf(presentity, "the last word")).code, 200, name)
        told = self.stream.wait_change("terminated", presentity=presentity)
        self.stream.wait_state("the last word", presentity=presentity)
        return usage, told

    def test_h04_r6665_82_85_deactivated_and_timeout_are_subscribed_to_at_once(self):
        for reason in ("deactivated", "timeout"):
            before = time.monotonic()
            usage, told = self.ended(reason, f";reason={reason};retry-after=300")
            self.assertEqual((told["reason"], told["next"]), (reason, "retry"))
            again = self.notifier.receive_for(reason)
            self.assertLess(again.at - before, 30.0, "retry-after does not count here")
            self.assertNotEqual(again["Call-ID"], usage.subscribe["Call-ID"])
            self.assertEqual((again.to_tag, again.all("Route")), (None, []))

    def test_h04_r6665_83_86_89_probation_giveup_and_others_wait_as_long_as_told(self):
        waiting = {}
        for name, reason in (("probation", ";reason=probation;retry-after=3"), ("giveup", ";reason=GiveUp;retry-after=3"),
                             ("unknown", ";reason=fell-asleep;retry-after=3"), ("silent", ";retry-after=3")):
            at = time.monotonic()
            _, told = self.ended(name, reason)
            self.assertEqual(told["next"], "retry", name)
            waiting[name] = at
        for name, at in waiting.items():
            self.assertGreaterEqual(self.notifier.receive_for(name).at - at, 3.0, name)

    def test_h04_r6665_83_without_retry_after_there_is_a_delay_all_the_same(self):
        before = time.monotonic()
        _, told = self.ended("plain", "")
        self.assertEqual(told["next"], "retry")
        self.assertGreaterEqual(self.notifier.receive_for("plain").at - before, 2.0)
        for reason in ("probation", "giveup"):
            _, told = self.ended(reason, f";reason={reason}")
            self.assertEqual(told["next"], "retry", reason)
        self.notifier.nothing(1.0)

    def test_h04_r6665_84_87_88_rejected_noresource_and_invariant_are_left_alone(self):
        for reason in ("rejected", "noresource", "invariant"):
            _, told = self.ended(reason, f";reason={reason};retry-after=1")
            self.assertIn(told["next"], ("ended", "refused"), reason)
        self.notifier.nothing(2.0)
        state = self.pua_daemon.call("pua:state", presentity_uri="sip:invariant@interop.example")["result"]
        self.assertEqual(state["summary"]["note"], "the last word", "what will never change stays valid")

    def test_h04_r6665_85_neither_a_fetch_nor_the_unsubscribed_comes_back_after_timeout(self):
        usage = self.established()
        self.pua_daemon.call("pua_subscribe", presentity_uri=PRESENTITY, watcher_uri=WATCHER, event_package="presence", expires=0)
        request = self.notifier.receive()
        self.assertEqual((request["Expires"], request.to_tag), ("0", usage.tag))
        self.notifier.grant(request, expires=0)
        self.assertEqual(usage.notify("terminated;reason=timeout", pidf(PRESENTITY, "goodbye")).code, 200)
        told = self.stream.wait_change("terminated")
        self.assertEqual(told["next"], "ended")
        self.notifier.nothing(1.0)
        until("nothing is held", lambda: not self.held())

    def test_h04_a_notifier_that_always_says_deactivated_is_not_asked_in_a_loop(self):
        usage = self.established()
        self.assertEqual(usage.notify("terminated;reason=deactivated").code, 200)
        deadline, count = time.monotonic() + 3, 0
        while time.monotonic() < deadline:
            try:
                request = self.notifier.receive(seconds=max(0.01, deadline - time.monotonic()))
            except AssertionError:
                break
            self.notifier.grant(request)
            self.assertEqual(Usage(self.notifier, request).notify("terminated;reason=deactivated").code, 200)
            count += 1
        self.assertIn(count, range(1, 21))

    def test_r6665_80_pending_is_told_and_then_active(self):
        request = self.subscribe()
        self.notifier.grant(request)
        usage = Usage(self.notifier, request)
        self.assertEqual(usage.notify("pending;expires=600;reason=x;retry-after=1").code, 200)
        self.stream.wait_change("pending")
        self.assertEqual(usage.notify("ACTIVE;EXPIRES=600", pidf(PRESENTITY, "allowed")).code, 200)
        self.stream.wait_change("active")
        self.assertEqual(self.stream.changes(), ["pending", "active"])
        self.stream.wait_state("allowed")
