"""Management-interface clients that are not ours: a shell, opensips-cli, the opensips package for Python, curl."""

import json
import signal
import socket
import subprocess

from opensips.mi import OpenSIPSMI, OpenSIPSMIException

from harness import mi
from harness.case import LabCase
from harness.documents import ADMIN_GUIDE, ADMIN_GUIDE_BODY, ADMIN_GUIDE_PRESENTITY, PEERS, pidf
from harness.process import program
from harness.sip import body, header

PRESENTITY = "sip:dave@interop.example"
SPELLINGS = ("pua_publish", "pua_mi:publish", "pua.publish", "pua.send_publish")


def accepts(request, number):
    """A presence server that grants what is asked and gives a new entity-tag each time."""
    return 200, "OK", [f"SIP-ETag: tag-{number}", f"Expires: {header(request, 'Expires')}"]


class ClientCase(LabCase):
    answer = staticmethod(accepts)

    def setUp(self):
        super().setUp()
        self.server = self.scripted_server(self.answer)
        self.pua_daemon = self.daemon(self.server.uri)

    @property
    def last(self):
        return self.server.requests[-1]


class Shell(ClientCase):
    def publish(self, text, name="request"):
        request = self.run_dir / f"{name}.txt"
        request.write_text(text)
        script = self.start(f"sh-{name}", ["sh", PEERS / "publish.sh", self.pua_daemon.fifo, self.pua_daemon.reply_dir, request])
        self.assertEqual(script.wait_exit(40), 0)
        return script.output()

    def test_the_admin_guides_text_is_published_to_the_byte(self):
        self.assertEqual(self.publish(ADMIN_GUIDE), "200 OK\n200 OK\nETag:: tag-0\nExpires:: 3600\n\n")
        self.assertEqual(self.last.split()[1], ADMIN_GUIDE_PRESENTITY)
        self.assertEqual(body(self.last), ADMIN_GUIDE_BODY)
        for name, value in (("Event", "presence"), ("Expires", "3600"), ("Content-Type", "application/pidf+xml"), ("SIP-If-Match", None), ("Contact", None)):
            self.assertEqual(header(self.last, name), value, name)

    def test_a_second_publish_carries_the_entity_tag_and_a_given_one_must_match(self):
        self.publish(ADMIN_GUIDE, "first")
        self.assertTrue(self.publish(ADMIN_GUIDE, "second").startswith("200 OK\n200 OK\nETag:: tag-1\n"))
        self.assertEqual(header(self.last, "SIP-If-Match"), "tag-0")
        self.assertEqual(self.publish(ADMIN_GUIDE.replace("\n.\n.\n", "\ntag-9\n.\n"), "wrong"), "418 Wrong ETag\n\n")
        self.assertTrue(self.publish(ADMIN_GUIDE.replace("\n.\n.\n", "\ntag-1\n.\n"), "right").startswith("200 OK\n200 OK\n"))
        self.assertEqual([header(request, "SIP-If-Match") for request in self.server.requests], [None, "tag-0", "tag-1"])

    def test_quoted_and_unquoted_double_quotes_in_a_body(self):
        document = pidf(ADMIN_GUIDE_PRESENTITY, "said 'yes'")
        quoted = '"' + document.replace('"', '\\"') + '"'
        for name, written in (("quoted", quoted), ("unquoted", document)):
            answer = self.publish(ADMIN_GUIDE.replace(ADMIN_GUIDE_BODY, written), name)
            self.assertTrue(answer.startswith("200 OK\n200 OK\n"), answer)
            self.assertEqual(body(self.last), document)

    def test_extra_headers_are_sent_and_owned_ones_refused(self):
        answer = self.publish(ADMIN_GUIDE.replace("\n.\n.\n", "\n.\nX-One: 1\\r\\nSubject: two\\r\\n\n"), "extra")
        self.assertTrue(answer.startswith("200 OK\n200 OK\n"), answer)
        self.assertEqual((header(self.last, "X-One"), header(self.last, "Subject")), ("1", "two"))
        self.assertEqual(body(self.last), ADMIN_GUIDE_BODY)
        answer = self.publish(ADMIN_GUIDE.replace("\n.\n.\n", "\n.\nContent-Length: 5\\r\\n\n"), "owned")
        self.assertRegex(answer, r"\A400 .*Content-Length.*\n")
        self.assertEqual(len(self.server.requests), 1)

    def test_errors_are_the_known_ones(self):
        guide = ADMIN_GUIDE
        for name, text, answer in (
            ("uri", guide.replace(ADMIN_GUIDE_PRESENTITY, "nobody"), "404 Bad presentity URI\n"),
            ("empty-uri", ":pua_publish:{}\n::\n3600\npresence\n.\n.\n.\n\n", "404 Empty presentity URI\n"),
            ("no-body", guide.replace(ADMIN_GUIDE_BODY + "\n", ""), "400 Body parameter is missing\n"),
            ("too-many", guide.replace(ADMIN_GUIDE_BODY + "\n", ADMIN_GUIDE_BODY + "\nmore\n"), "400 Too many parameters\n"),
            ("unknown", ":nonsense:{}\n\n", "500 command 'nonsense' not available\n"),
        ):
            said = self.publish(text.replace("{}", "fifo_test_reply"), name)
            self.assertTrue(said.startswith(answer), f"{name}: {said!r}")
            self.assertTrue(said.endswith("\n\n"), f"{name}: {said!r}")
        self.assertEqual(self.server.requests, [])

    def test_a_request_without_a_reply_name_is_carried_out(self):
        mi.write_fifo(self.pua_daemon, ADMIN_GUIDE.replace(":fifo_test_reply", ":"))
        self.server.wait_requests(1)
        self.assertEqual(body(self.last), ADMIN_GUIDE_BODY)


class OpensipsCli(ClientCase):
    def options(self, way):
        daemon = self.pua_daemon
        return {
            "fifo": {"communication_type": "fifo", "fifo_file": daemon.fifo, "fifo_file_fallback": daemon.fifo, "fifo_reply_dir": daemon.reply_dir},
            "datagram": {"communication_type": "datagram", "datagram_ip": daemon.udp_mi[0], "datagram_port": daemon.udp_mi[1], "datagram_timeout": 20},
            "unix": {"communication_type": "datagram", "datagram_unix_socket": daemon.datagram_socket, "datagram_timeout": 20},
            "http": {"communication_type": "http", "url": daemon.url + "/mi"},
        }[way]

    def cli(self, way, *words):
        config = self.run_dir / f"opensips-cli-{way}.cfg"
        config.write_text("[default]\n" + "".join(f"{key}: {value}\n" for key, value in self.options(way).items()))
        done = subprocess.run([str(self.in_venv("opensips-cli")), "-f", str(config), "-x", "mi", *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, cwd=self.run_dir, env={"HOME": str(self.run_dir), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        return done.returncode, done.stdout, done.stderr

    def result(self, way, *words):
        code, out, err = self.cli(way, *words)
        self.assertEqual(code, 0, f"{way} {words}: {out}{err}")
        return json.loads(out)

    def named(self, note):
        return [f"presentity_uri={PRESENTITY}", "expires=3600", "event_package=presence", "content_type=application/pidf+xml", f"body={pidf(PRESENTITY, note)}"]

    def publishes_over(self, way):
        listed = self.result(way, "which")
        for spelling in SPELLINGS:
            self.assertIn(spelling, listed)
        first = self.result(way, "pua_publish", *self.named("old name"))
        self.assertEqual(first, {"reply": "200 OK", "ETag": "tag-0", "Expires": 3600})
        self.assertEqual(body(self.last), pidf(PRESENTITY, "old name"))
        second = self.result(way, "pua_mi:publish", *self.named("new name"))
        self.assertEqual(second, {"reply": "200 OK", "ETag": "tag-1", "Expires": 3600})
        self.assertEqual(header(self.last, "SIP-If-Match"), "tag-0")
        third = self.result(way, "pua_mi:publish", PRESENTITY, "3600", "presence", "application/pidf+xml", pidf(PRESENTITY, "by position"))
        self.assertEqual(third["reply"], "200 OK")
        self.assertEqual(body(self.last), pidf(PRESENTITY, "by position"))
        self.assertEqual(self.result(way, "pua_publish", f"presentity_uri={PRESENTITY}", "expires=0", "event_package=presence")["reply"], "200 OK")
        self.assertEqual(header(self.last, "Expires"), "0")

    def test_publishes_over_fifo(self):
        self.publishes_over("fifo")

    def test_publishes_over_udp_datagram(self):
        self.publishes_over("datagram")

    def test_publishes_over_unix_datagram(self):
        self.publishes_over("unix")

    def test_publishes_over_http(self):
        self.publishes_over("http")

    def test_the_commands_that_tools_call_besides(self):
        self.assertIn("Server", self.result("http", "version"))
        self.assertIsInstance(self.result("http", "uptime"), dict)
        self.result("http", "ps")
        statistics = self.result("http", "get_statistics", "all")
        self.assertTrue(statistics)
        code, out, err = self.cli("http", "no_such_command")
        self.assertNotEqual(code, 0)
        self.assertIn("no_such_command", out + err)


class OpensipsPackage(ClientCase):
    def connections(self):
        daemon = self.pua_daemon
        yield "fifo", OpenSIPSMI("fifo", fifo_file=str(daemon.fifo), fifo_file_fallback=str(daemon.fifo), fifo_reply_dir=str(daemon.reply_dir))
        yield "unix", OpenSIPSMI("datagram", datagram_unix_socket=str(daemon.datagram_socket), datagram_timeout=20)
        yield "udp", OpenSIPSMI("datagram", datagram_ip=daemon.udp_mi[0], datagram_port=daemon.udp_mi[1], datagram_timeout=20)
        yield "http", OpenSIPSMI("http", url=daemon.url + "/mi")

    def test_publishes_and_is_told_of_errors_over_each_transport(self):
        for index, (way, connection) in enumerate(self.connections()):
            self.assertEqual(connection.valid(), (True, None), way)
            self.assertIn("pua_publish", connection.execute("which"), way)
            presentity = f"sip:{way}@interop.example"
            params = {"presentity_uri": presentity, "expires": 600, "event_package": "presence", "content_type": "application/pidf+xml",
                      "body": pidf(presentity, "Grüße")}
            self.assertEqual(connection.execute("pua_publish", params), {"reply": "200 OK", "ETag": f"tag-{index}", "Expires": 600}, way)
            self.assertEqual(body(self.last), params["body"], way)
            with self.assertRaisesRegex(OpenSIPSMIException, "Bad presentity URI", msg=way):
                connection.execute("pua_publish", {**params, "presentity_uri": "http://nobody"})
            with self.assertRaisesRegex(OpenSIPSMIException, "Wrong ETag", msg=way):
                connection.execute("pua_publish", {**params, "etag": "other"})
            with self.assertRaisesRegex(OpenSIPSMIException, "Method not found", msg=way):
                connection.execute("nonsense")


class Datagrams(ClientCase):
    def test_batches_and_notifications_and_text(self):
        for kind in ("unix", "udp"):
            client = mi.Datagram(self.pua_daemon, kind)
            self.addCleanup(client.close)
            batch = json.loads(client.ask('[{"jsonrpc":"2.0","id":"a","method":"version"},{"jsonrpc":"2.0","method":"version"},{"jsonrpc":"2.0","id":2,"method":"nonsense"},7]'))
            self.assertEqual(sorted(str(answer["id"]) for answer in batch), ["2", "None", "a"])
            client.send('{"jsonrpc":"2.0","method":"version"}')
            self.assertTrue(client.silent(0.5), "a notification has no answer")
            self.assertEqual(client.ask("{no json").strip(), "400 Parse_error")
            self.assertTrue(client.ask(":version:\n").startswith("200 OK\n"))
            answer = client.ask(ADMIN_GUIDE.replace(":fifo_test_reply", ":").rstrip("\n"))
            self.assertRegex(answer, r"\A200 OK\n200 OK\nETag:: tag-\d\nExpires:: 3600\n")


class Bytes(ClientCase):
    """What ready-made clients do not do, but the contract allows."""

    def publish_params(self, **changed):
        return {"presentity_uri": PRESENTITY, "expires": "60", "event_package": "presence", "content_type": "application/pidf+xml", "body": pidf(PRESENTITY, "x"), **changed}

    def test_json_lines_over_the_stream(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(40)
            client.connect(str(self.pua_daemon.stream_socket))
            client.sendall((mi.request("version", {}, 1) + "\n" + '{"jsonrpc":"2.0","method":"version"}\n' + mi.request("pua_publish", self.publish_params(), "two") + "\n").encode())
            lines = client.makefile("r", encoding="utf-8")
            answers = {answer["id"]: answer for answer in (json.loads(lines.readline()), json.loads(lines.readline()))}
            self.assertIn("Server", answers[1]["result"])
            self.assertEqual(answers["two"]["result"]["reply"], "200 OK")

    def test_several_requests_in_one_write_into_the_fifo(self):
        replies = [mi.FifoReply(self.pua_daemon, f"reply{index}") for index in range(3)]
        mi.write_fifo(self.pua_daemon, f":reply0:{mi.request('version', {}, 'a')}:reply1:{mi.request('which', {}, 'b')}:version:reply2\n\n::{mi.request('version', {}, 'd')}")
        self.assertEqual(json.loads(replies[0].read())["id"], "a")
        self.assertIn("pua_publish", json.loads(replies[1].read())["result"])
        self.assertTrue(replies[2].read().startswith("200 OK\n"))

    def test_kamailios_fifo_convention_names_the_reply_inside(self):
        reply = mi.FifoReply(self.pua_daemon, "kamailio")
        mi.write_fifo(self.pua_daemon, json.dumps({"jsonrpc": "2.0", "method": "pua.publish", "id": 9, "reply_name": "kamailio", "params": [
            PRESENTITY, "600", "presence", "application/pidf+xml", ".", ".", ".", ".", pidf(PRESENTITY, "k")]}) + "\n")
        self.assertEqual(json.loads(reply.read()), {"jsonrpc": "2.0", "id": 9, "result": {"SIP-ETag": "tag-0", "Expires": 600}})

    def test_a_body_beyond_what_a_pipe_writes_at_once(self):
        document = pidf(PRESENTITY, "long " * 3000).replace('"', "'")
        text = f":pua_publish:{{name}}\n{PRESENTITY}\n600\npresence\napplication/pidf+xml\n.\n.\n{document}\n\n"
        self.assertTrue(mi.fifo(self.pua_daemon, "long", text).startswith("200 OK\n200 OK\n"))
        self.assertEqual(body(self.last), document)

    def test_a_reply_name_with_a_path_is_refused_and_what_follows_is_served(self):
        for name in ("../escape", "a/b", "a.b", "a\\b"):
            mi.write_fifo(self.pua_daemon, f":version:{name}\n\n")
        self.assertTrue(mi.fifo(self.pua_daemon, "after", ":version:{name}\n\n").startswith("200 OK\n"))
        self.assertFalse((self.run_dir / "escape").exists())

    def test_an_empty_open_and_close_disturbs_nothing(self):
        for _ in range(20):
            mi.write_fifo(self.pua_daemon, b"")
        self.assertTrue(mi.fifo(self.pua_daemon, "after", ":version:{name}\n\n").startswith("200 OK\n"))

    def test_a_removed_fifo_is_made_again(self):
        self.pua_daemon.fifo.unlink()
        self.pua_daemon.process.send(signal.SIGHUP)
        self.pua_daemon.process.wait_ready("the FIFO is back", self.pua_daemon.fifo.is_fifo)
        self.assertTrue(mi.fifo(self.pua_daemon, "after", ":version:{name}\n\n").startswith("200 OK\n"))

    def test_nothing_is_injected_through_any_parameter(self):
        for changed in ({"presentity_uri": "sip:a@b.example\r\nX-Bad: 1"}, {"presentity_uri": "sip:<x>@b.example"}, {"presentity_uri": "sip:a b@b.example"},
                        {"event_package": "presence\r\nX-Bad: 1"}, {"content_type": "a/b\r\nX-Bad: 1"}, {"etag": "x\r\nX-Bad: 1"},
                        {"extra_headers": "X-Good: 1\r\n\r\nbody"}, {"extra_headers": "X-Good: 1\r\n folded: 2"}, {"extra_headers": "Via: SIP/2.0/UDP x"},
                        {"extra_headers": "l: 5"}, {"expires": "60\r\nX-Bad: 1"}, {"outbound_proxy": "sip:x\r\nX-Bad: 1"}):
            answer = self.pua_daemon.call("pua_publish", **self.publish_params(**changed))
            self.assertIn("error", answer, f"{changed}")
        self.assertEqual(self.server.requests, [])


class Curl(ClientCase):
    def curl(self, path, text, *options):
        done = subprocess.run([program("curl"), "-sS", "--max-time", "40", "-w", "\n%{http_code} %{content_type}", "-H", "Content-Type: application/json",
                               *options, "--data-binary", "@-", self.pua_daemon.url + path], input=text, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        answer, _, trailer = done.stdout.rpartition("\n")
        status, _, kind = trailer.partition(" ")
        return int(status), kind, answer

    def result(self, path, text):
        status, kind, answer = self.curl(path, text)
        self.assertEqual(status, 200, answer)
        self.assertTrue(kind.startswith("application/json"), kind)
        return json.loads(answer)

    def test_opensips_style_on_mi(self):
        answer = self.result("/mi", json.dumps({"jsonrpc": "2.0", "id": "77", "method": "pua_publish", "params": {
            "presentity_uri": PRESENTITY, "expires": "60", "event_package": "presence", "content_type": "application/pidf+xml", "body": pidf(PRESENTITY, "x")}}))
        self.assertEqual(answer, {"jsonrpc": "2.0", "id": "77", "result": {"reply": "200 OK", "ETag": "tag-0", "Expires": 60}})

    def test_kamailio_style_on_rpc(self):
        params = [PRESENTITY, "600", "presence", "application/pidf+xml", "series-1", ".", ".", "X-Who: me", pidf(PRESENTITY, "k")]
        answer = self.result("/RPC", mi.request("pua.publish", params))
        self.assertEqual(answer["result"], {"SIP-ETag": "tag-0", "Expires": 600})
        self.assertEqual(header(self.last, "X-Who"), "me")
        params[4] = "series-2"
        self.assertEqual(self.result("/RPC", mi.request("pua.publish", params))["result"]["SIP-ETag"], "tag-1")
        self.assertEqual(header(self.last, "SIP-If-Match"), None, "another id is another publication")
        params[4] = "series-1"
        self.result("/RPC", mi.request("pua.publish", params))
        self.assertEqual(header(self.last, "SIP-If-Match"), "tag-0")
        answer = self.result("/RPC", mi.request("pua.send_publish", params))
        self.assertNotIn("error", answer)
        self.server.wait_requests(4)

    def test_kamailio_style_outbound_proxy(self):
        other = self.scripted_server(accepts)
        params = [PRESENTITY, "600", "presence", "application/pidf+xml", ".", ".", other.uri, ".", pidf(PRESENTITY, "k")]
        self.assertIn("SIP-ETag", self.result("/RPC", mi.request("pua.publish", params))["result"])
        self.assertEqual((len(self.server.requests), len(other.requests)), (0, 1))
        self.assertEqual(other.requests[0].split()[1], PRESENTITY)

    def test_batches_notifications_and_errors(self):
        for path in ("/mi", "/RPC"):
            answers = self.result(path, '[{"jsonrpc":"2.0","id":1,"method":"version"},{"jsonrpc":"2.0","method":"version"},{"jsonrpc":"2.0","id":2,"method":"nonsense"}]')
            self.assertEqual(sorted(answer["id"] for answer in answers), [1, 2])
            status, _, text = self.curl(path, '{"jsonrpc":"2.0","method":"version"}')
            self.assertEqual((status // 100, text), (2, ""), "a notification has no answer")
            for text, code, identity in (
                ("{no json", -32700, None), ('{"jsonrpc":"1.0","id":4,"method":"version"}', -32600, 4), ("[]", -32600, None),
                ('{"jsonrpc":"2.0","id":5,"method":"nonsense"}', -32601, 5),
                ('{"jsonrpc":"2.0","id":6,"method":"pua_publish","params":{"presentity_uri":"sip:a@b.example"}}', -32602, 6),
                ('{"jsonrpc":"2.0","id":7,"method":"pua_publish","params":{"presentity_uri":"nobody","expires":"60","event_package":"presence","content_type":"a/b","body":"x"}}', 404, 7),
            ):
                answer = self.result(path, text)
                self.assertEqual((answer["error"]["code"], answer["id"]), (code, identity), f"{path} {text}: {answer}")

    def test_a_refusal_by_the_server_is_a_result_with_its_code(self):
        refusing = self.scripted_server(lambda request, number: (489, "Bad Event", ["Allow-Events: dialog"]))
        answer = self.result("/mi", mi.request("pua_publish", {
            "presentity_uri": PRESENTITY, "expires": 60, "event_package": "presence", "content_type": "application/pidf+xml", "body": pidf(PRESENTITY, "x"),
            "outbound_proxy": refusing.uri}))
        self.assertEqual(answer["result"]["reply"], "489 Bad Event", answer)
        self.assertEqual(answer["result"]["next"], "refused", answer)
