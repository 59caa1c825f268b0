"""The client commands of `pua`, their output and their exit codes."""

import json
import os
import subprocess

from harness.case import LabCase
from harness.documents import pidf
from harness.sip import body, header

PRESENTITY = "sip:erin@interop.example"
DONE, INTERNAL, USAGE, CONFIGURATION, UNREACHABLE, REFUSED_HERE, REFUSED_THERE, NO_ANSWER = range(8)


def decides_by_user(request, number):
    user = request.split()[1]
    if "forbidden" in user:
        return 403, "Forbidden", []
    if "silent" in user:
        return None
    return 200, "OK", [f"SIP-ETag: tag-{number}", f"Expires: {header(request, 'Expires')}"]


class CommandLine(LabCase):
    def setUp(self):
        super().setUp()
        self.server = self.scripted_server(decides_by_user)

    def alone(self, *arguments, **environment):
        done = subprocess.run([str(self.pua), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              cwd=self.run_dir, env={**os.environ, **environment})
        return done.returncode, done.stdout, done.stderr

    def test_publish_list_show_refresh_remove_status(self):
        daemon = self.daemon(self.server.uri)
        document = self.run_dir / "document.xml"
        document.write_text(pidf(PRESENTITY, "from a file"))
        code, answer = daemon.cli_json("publish", PRESENTITY, "--event", "presence", "--content-type", "application/pidf+xml", "--body-file", document, "--expires", 600)
        self.assertEqual(code, DONE, answer)
        self.assertIn("tag-0", json.dumps(answer))
        self.assertEqual(body(self.server.requests[0]), document.read_text())
        self.assertEqual(header(self.server.requests[0], "Expires"), "600")

        code, listed = daemon.cli_json("list")
        self.assertEqual(code, DONE)
        self.assertEqual([(p["presentity"], p["package"], p["state"], p["etag"]) for p in listed["publications"]], [(PRESENTITY, "presence", "published", "tag-0")])

        code, shown = daemon.cli_json("show", PRESENTITY)
        self.assertEqual(code, DONE, shown)
        self.assertIn("tag-0", json.dumps(shown))

        code, refreshed = daemon.cli_json("refresh", PRESENTITY)
        self.assertEqual(code, DONE, refreshed)
        self.assertEqual((header(self.server.requests[1], "SIP-If-Match"), header(self.server.requests[1], "Content-Length")), ("tag-0", "0"))

        code, status = daemon.cli_json("status")
        self.assertEqual(code, DONE, status)
        self.assertIsInstance(status, dict)

        code, removed = daemon.cli_json("remove", PRESENTITY)
        self.assertEqual(code, DONE, removed)
        self.assertEqual((header(self.server.requests[2], "SIP-If-Match"), header(self.server.requests[2], "Expires")), ("tag-1", "0"))
        self.assertEqual(daemon.cli_json("list"), (DONE, {"publications": [], "next": None}))

    def test_friendly_words_make_a_presence_document(self):
        daemon = self.daemon(self.server.uri)
        code, out, err = daemon.cli("publish", PRESENTITY, "--closed", "--activity", "away", "--note", "back <soon> & well")
        self.assertEqual(code, DONE, out + err)
        self.assertIn("200 OK", out)
        self.assertNotIn("\x1b", out, "no colour where there is no terminal")
        request = self.server.requests[0]
        self.assertEqual((header(request, "Event"), header(request, "Content-Type")), ("presence", "application/pidf+xml"))
        for part in ("<basic>closed</basic>", "away", "back &lt;soon> &amp; well".replace(">", "&gt;"), f'entity="{PRESENTITY}"'):
            self.assertIn(part, body(request).replace("'", '"'))
        code, out, err = daemon.cli("publish", PRESENTITY, "--open", "--header", "X-Via: cli")
        self.assertEqual(code, DONE, out + err)
        self.assertIn("<basic>open</basic>", body(self.server.requests[1]))
        self.assertEqual((header(self.server.requests[1], "X-Via"), header(self.server.requests[1], "SIP-If-Match")), ("cli", "tag-0"))
        code, out, err = daemon.cli("list")
        self.assertEqual(code, DONE)
        self.assertIn(PRESENTITY, out)

    def test_exit_codes_tell_who_refused(self):
        daemon = self.daemon(self.server.uri)
        words = ["--body", "x", "--content-type", "text/plain", "--event", "presence"]
        code, out, err = daemon.cli("publish", "sip:forbidden@interop.example", *words)
        self.assertEqual(code, REFUSED_THERE, out + err)
        self.assertIn("403", out + err)
        code, out, err = daemon.cli("publish", "nobody", *words)
        self.assertEqual(code, REFUSED_HERE, out + err)
        code, out, err = daemon.cli("publish", "sip:silent@interop.example", *words, "--timeout", "2")
        self.assertEqual(code, NO_ANSWER, out + err)
        code, out, err = daemon.cli("show", "sip:unknown@interop.example")
        self.assertEqual(code, REFUSED_HERE, out + err)
        code, out, err = daemon.cli("publish")
        self.assertEqual(code, USAGE, out + err)
        code, out, err = self.alone("no-such-command")
        self.assertEqual(code, USAGE, out + err)
        code, out, err = self.alone("list", "--connect", f"unix:{self.run_dir}/nobody.sock")
        self.assertEqual(code, UNREACHABLE, out + err)
        code, out, err = self.alone("serve", "--config", "no-such-file.toml")
        self.assertEqual(code, CONFIGURATION, out + err)

    def test_http_serves_the_client_commands_as_well(self):
        daemon = self.daemon(self.server.uri)
        code, out, err = self.alone("list", "--json", "--connect", daemon.url)
        self.assertEqual(code, DONE, out + err)
        self.assertEqual(json.loads(out)["publications"], [])

    def test_config_example_is_valid_and_faults_are_told_all_at_once(self):
        code, example, err = self.alone("config", "example")
        self.assertEqual(code, DONE, err)
        path = self.run_dir / "pua.toml"
        path.write_text(example)
        code, out, err = self.alone("config", "check", "--config", path)
        self.assertEqual(code, DONE, out + err)
        path.write_text('presence_server = "nowhere"\n[sip]\nlisten = ["carrier-pigeon:1"]\nt1_msec = 5\n')
        code, out, err = self.alone("config", "check", "--config", path)
        self.assertEqual(code, CONFIGURATION, out + err)
        for fault in ("presence_server", "carrier-pigeon", "t1_msec"):
            self.assertIn(fault, out + err)
        code, out, err = self.alone("serve", "--config", path)
        self.assertEqual(code, CONFIGURATION, out + err)

    def test_the_environment_overrides_the_file(self):
        path = self.run_dir / "pua.toml"
        path.write_text('[sip]\nlisten = ["udp:127.0.0.1:0"]\n[store]\nurl = "memory:"\n')
        code, out, err = self.alone("config", "check", "--config", path, PUA_SIP__T1_MS="many")
        self.assertEqual(code, CONFIGURATION, out + err)
        code, out, err = self.alone("config", "check", "--config", path, PUA_SIP__T1_MS="250")
        self.assertEqual(code, DONE, out + err)


class Service(LabCase):
    def test_a_stop_is_graceful_and_leaves_nothing_lying_about(self):
        server = self.scripted_server(decides_by_user)
        daemon = self.daemon(server.uri)
        self.assertEqual(daemon.publish(PRESENTITY, pidf(PRESENTITY, "x"))["result"]["reply"], "200 OK")
        self.assertEqual(daemon.stop(), 0, daemon.process.output())
        for path in (daemon.ready_file, daemon.fifo, daemon.datagram_socket, daemon.stream_socket):
            self.assertFalse(path.exists(), path)

    def test_a_stop_with_a_dead_server_is_bounded(self):
        server = self.scripted_server(lambda request, number: decides_by_user(request, number) if number == 0 else None)
        daemon = self.daemon(server.uri)
        self.assertEqual(daemon.publish(PRESENTITY, pidf(PRESENTITY, "x"))["result"]["reply"], "200 OK")
        daemon.process.send(15)
        self.assertEqual(daemon.process.wait_exit(15), 0, daemon.process.output())

    def test_the_log_holds_neither_secrets_nor_documents(self):
        server = self.scripted_server(lambda request, number: (401, "Unauthorized", ['WWW-Authenticate: Digest realm="lab", nonce="n", qop="auth"'])
                                      if "Authorization" not in request else decides_by_user(request, number))
        daemon = self.daemon(server.uri, credentials=[("lab", "lab", "open-sesame")])
        self.assertEqual(daemon.publish(PRESENTITY, pidf(PRESENTITY, "my-private-note"))["result"]["reply"], "200 OK")
        daemon.stop()
        for secret in ("open-sesame", "my-private-note", "erin@"):
            self.assertNotIn(secret, daemon.process.output())
