"""One slow or dead client, server or reply FIFO does not keep another from its answer."""

import concurrent.futures
import os
import socket
import time

from harness import mi
from harness.case import LabCase
from harness.documents import pidf
from harness.sip import header

#: An answer that does not depend on anybody slow comes in a small part of this, even on a busy machine.
PROMPT = 5.0


def accepts(request, number):
    return 200, "OK", [f"SIP-ETag: e{number}", "Expires: 3600"]


class Isolation(LabCase):
    def prompt_publish(self, daemon, presentity):
        began = time.monotonic()
        answer = daemon.publish(presentity, pidf(presentity, "prompt"))
        self.assertEqual(answer["result"]["reply"], "200 OK", answer)
        self.assertLess(time.monotonic() - began, PROMPT)

    def test_many_clients_at_once_are_each_answered_once(self):
        daemon = self.daemon(server=True)
        target = f"sip:127.0.0.1:{daemon.server_port}"
        publisher = self.second_daemon(target)

        def by_fifo(index):
            presentity = f"sip:fifo{index}@interop.example"
            text = f":pua_publish:{{name}}\n{presentity}\n600\npresence\napplication/pidf+xml\n.\n.\n{pidf(presentity, 'x')}\n\n".replace('"', "'")
            return mi.fifo(publisher, f"reply{index}", text).startswith("200 OK\n200 OK\nETag:: ")

        def by_datagram(index):
            presentity = f"sip:dgram{index}@interop.example"
            client = mi.Datagram(publisher, "unix" if index % 2 else "udp")
            try:
                answer = client.ask(mi.request("pua_publish", [presentity, "600", "presence", "application/pidf+xml", pidf(presentity, "x")], index))
                return '"200 OK"' in answer and f'"id":{index}' in answer.replace(" ", "") and client.silent(0.05)
            finally:
                client.close()

        def by_http(index):
            presentity = f"sip:http{index}@interop.example"
            return publisher.publish(presentity, pidf(presentity, "x"))["result"]["reply"] == "200 OK"

        with concurrent.futures.ThreadPoolExecutor(48) as pool:
            answers = [pool.submit(way, index) for index in range(32) for way in (by_fifo, by_datagram, by_http)]
            self.assertEqual([answer.result(60) for answer in answers], [True] * len(answers))
        listed = publisher.call("pua:list", limit=1000)["result"]["publications"]
        self.assertEqual(len(listed), 96)
        self.assertEqual({entry["state"] for entry in listed}, {"published"})

    def second_daemon(self, presence_server):
        from harness.daemon import Daemon
        directory = self.run_dir / "publisher"
        directory.mkdir()
        daemon = Daemon(self.pua, directory, presence_server)
        self.addCleanup(daemon.stop)
        return daemon.start()

    def test_a_reply_fifo_that_nobody_reads_blocks_nobody(self):
        server = self.scripted_server(accepts)
        daemon = self.daemon(server.uri)
        os.mkfifo(daemon.reply_dir / "dead", 0o666)
        for name in ("dead", "absent"):
            for _ in range(5):
                mi.write_fifo(daemon, f":which:{name}\n\n")
        self.assertIn("pua_publish", mi.fifo(daemon, "alive", ":which:{name}\n\n", PROMPT))
        self.prompt_publish(daemon, "sip:alive@interop.example")

    def test_a_half_written_request_blocks_no_other_transport(self):
        server = self.scripted_server(accepts)
        daemon = self.daemon(server.uri)
        descriptor = os.open(daemon.fifo, os.O_WRONLY)
        self.addCleanup(os.close, descriptor)
        os.write(descriptor, b":pua_publish:half\nsip:half@interop.example\n")
        self.prompt_publish(daemon, "sip:whole@interop.example")

    def test_stalled_http_clients_block_nobody(self):
        server = self.scripted_server(accepts)
        daemon = self.daemon(server.uri)
        for start in (b"", b"POST /mi HT", b"POST /mi HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"jsonrpc\""):
            for _ in range(10):
                stalled = socket.create_connection(daemon.http)
                self.addCleanup(stalled.close)
                stalled.sendall(start)
        self.prompt_publish(daemon, "sip:other@interop.example")

    def test_a_stalled_stream_client_blocks_nobody(self):
        server = self.scripted_server(accepts)
        daemon = self.daemon(server.uri)
        for _ in range(10):
            stalled = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.addCleanup(stalled.close)
            stalled.connect(str(daemon.stream_socket))
            stalled.sendall(b'{"jsonrpc":"2.0","id":1,"method":"which"')
        code, listed = daemon.cli_json("list")
        self.assertEqual((code, listed["publications"]), (0, []))
        self.prompt_publish(daemon, "sip:other@interop.example")

    def test_silence_about_one_presentity_delays_no_other(self):
        server = self.scripted_server(lambda request, number: None if "mute" in request.split()[1] else accepts(request, number))
        daemon = self.daemon(server.uri)
        client = mi.Datagram(daemon, "unix")
        self.addCleanup(client.close)
        for index in range(8):
            presentity = f"sip:mute{index}@interop.example"
            client.send(mi.request("pua_publish", {"presentity_uri": presentity, "expires": 600, "event_package": "presence",
                                                   "content_type": "application/pidf+xml", "body": pidf(presentity, "?")}, index))
        server.wait_requests(8)
        self.prompt_publish(daemon, "sip:heard@interop.example")
        self.assertEqual(sorted(header(request, "CSeq").split()[1] for request in server.requests), ["PUBLISH"] * 9)
