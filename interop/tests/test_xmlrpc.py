"""XML-RPC as the client in Python's standard library speaks it."""

import xmlrpc.client

from harness.case import LabCase
from harness.documents import pidf
from harness.sip import body, header

PRESENTITY = "sip:erin@interop.example"
WATCHER = "sip:door@interop.example"
TYPE = "application/pidf+xml"


def accepts(request, number):
    """A presence server that grants what is asked; one that forbids what it does not like."""
    if "forbidden" in request.split()[1]:
        return 403, "Forbidden", []
    return 200, "OK", [f"SIP-ETag: tag-{number}", f"Expires: {header(request, 'Expires')}"]


class XmlRpc(LabCase):
    def setUp(self):
        super().setUp()
        self.server = self.scripted_server(accepts)
        self.pua_daemon = self.daemon(self.server.uri)
        self.proxy = xmlrpc.client.ServerProxy(self.pua_daemon.url + "/RPC2")
        self.addCleanup(lambda: self.proxy("close")())

    @property
    def last(self):
        return self.server.requests[-1]

    def test_publishes_by_name_and_by_position(self):
        document = pidf(PRESENTITY, "said \"yes\" & <no>")
        named = {"presentity_uri": PRESENTITY, "expires": 3600, "event_package": "presence", "content_type": TYPE, "body": document}
        self.assertEqual(self.proxy.pua_publish(named), {"reply": "200 OK", "ETag": "tag-0", "Expires": 3600})
        self.assertEqual(body(self.last), document)
        document = pidf(PRESENTITY, "by position")
        answer = self.proxy.pua.publish(PRESENTITY, "600", "presence", TYPE, ".", ".", ".", "X-One: 1\r\nX-Two: 2\r\n", document)
        self.assertEqual(answer, {"SIP-ETag": "tag-1", "Expires": 600})
        self.assertEqual(body(self.last), document)
        self.assertEqual((header(self.last, "X-One"), header(self.last, "X-Two"), header(self.last, "SIP-If-Match")), ("1", "2", "tag-0"))
        self.assertEqual(self.proxy.pua.send_publish(PRESENTITY, 600, "presence", ".", ".", ".", ".", "."), {})
        self.assertEqual(self.proxy.pua_publish({**named, "body": xmlrpc.client.Binary(document.encode())})["reply"], "200 OK")
        self.assertEqual(body(self.last), document)

    def test_what_fails_is_a_fault(self):
        with self.assertRaises(xmlrpc.client.Fault) as refused:
            self.proxy.pua.publish("sip:forbidden@interop.example", "60", "presence", TYPE, ".", ".", ".", ".", pidf(PRESENTITY, ""))
        self.assertEqual((refused.exception.faultCode, refused.exception.faultString), (403, "Forbidden"))
        with self.assertRaises(xmlrpc.client.Fault) as refused:
            self.proxy.pua.subscribe("nobody", WATCHER, "presence", 60)
        self.assertEqual((refused.exception.faultCode, refused.exception.faultString), (400, "Invalid presentity uri 'nobody'"))
        with self.assertRaises(xmlrpc.client.Fault) as refused:
            self.proxy.no.such.method()
        self.assertEqual(refused.exception.faultCode, -32601)

    def test_subscribes(self):
        self.assertEqual(self.proxy.pua.subscribe(PRESENTITY, WATCHER, "presence", 60), {})
        self.assertEqual(self.proxy.pua_subscribe(PRESENTITY, WATCHER, "dialog", "60"), "accepted")
        held = self.proxy.pua_subscriptions({"watcher": WATCHER})["subscriptions"]
        self.assertEqual(sorted(row["package"] for row in held), ["dialog", "presence"])
        self.server.wait_requests(2)
        self.assertEqual({request.split()[0] for request in self.server.requests}, {"SUBSCRIBE"})

    def test_tells_what_there_is(self):
        names = self.proxy.system.listMethods()
        self.assertIn("pua.subscribe", names)
        self.assertEqual(self.proxy.version()["Server"].split("/")[0], "pua")
