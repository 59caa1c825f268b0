"""What the daemon answers to SIP requests that others send it."""

import pathlib
import re
import socket
import uuid

from harness.case import LabCase
from harness.sip import header

TORTURE = pathlib.Path(__file__).resolve().parents[2] / "crates" / "sip-wire" / "tests" / "torture"
NOTHING = 0

#: For each message of RFC 4475 (and the extra one of its archive) the answers that are right over TCP; NOTHING: dropped, or the connection closed.
EXPECTED = {
    "wsinv": {405}, "intmeth": {405, 501}, "esc01": {405}, "escnull": {405}, "esc02": {405, 501}, "lwsdisp": {200, 404}, "longreq": {405}, "dblreq": {405},
    "semiuri": {200, 404}, "transports": {200, 404}, "mpart01": {405}, "unreason": {NOTHING}, "noreason": {NOTHING}, "badinv01": {400}, "clerr": {NOTHING, 400},
    "ncl": {400, NOTHING}, "scalar02": {400}, "scalarlg": {NOTHING}, "quotbal": {400}, "ltgtruri": {400}, "lwsruri": {400}, "lwsstart": {400, 405},
    "trws": {400, 200, 404}, "escruri": {400, 405}, "baddate": {405}, "regbadct": {400, 405}, "badaspec": {400}, "baddn": {400, 200, 404, 405}, "badvers": {505},
    "mismatch01": {400}, "mismatch02": {501, 400}, "bigcode": {NOTHING}, "badbranch": {200, 404, 400}, "insuf": {400, NOTHING}, "unkscm": {416}, "novelsc": {416},
    "unksm2": {405}, "bext01": {420}, "invut": {405}, "regaut01": {405}, "multi01": {400}, "mcl01": {400, NOTHING}, "bcast": {NOTHING}, "zeromf": {200, 404},
    "cparam01": {405}, "cparam02": {405}, "regescrt": {405}, "sdp01": {405}, "inv2543": {405}, "test": {NOTHING, 400},
}


def request(method, port, transport="UDP", host="127.0.0.1", local=("127.0.0.1", 5060), extra=(), uri=None, length=True, via=""):
    token = uuid.uuid4().hex
    lines = [f"{method} {uri or f'sip:{host}:{port}'} SIP/2.0", f"Via: SIP/2.0/{transport} {local[0]}:{local[1]};branch=z9hG4bK{token}{via}",
             "Max-Forwards: 70", f"From: <sip:probe@{local[0]}>;tag={token[:8]}", f"To: <sip:{host}:{port}>", f"Call-ID: {token}", f"CSeq: 7 {method}",
             f"Contact: <sip:probe@{local[0]}:{local[1]}>", *extra]
    if length:
        lines.append("Content-Length: 0")
    return "\r\n".join(lines) + "\r\n\r\n"


class Answers(LabCase):
    def setUp(self):
        super().setUp()
        self.pua_daemon = self.daemon()
        self.port = self.pua_daemon.sip_port

    def by_udp(self, text):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.settimeout(10)
            built = text(client.getsockname()) if callable(text) else text
            client.sendto(built.encode(), ("127.0.0.1", self.port))
            return built, client.recv(65535).decode()

    def connect(self, seconds=10):
        client = socket.create_connection(("127.0.0.1", self.port))
        client.settimeout(seconds)
        self.addCleanup(client.close)
        return client

    @staticmethod
    def read_head(client):
        """Everything up to the first empty line, or what came before the end."""
        taken = b""
        try:
            while b"\r\n\r\n" not in taken:
                more = client.recv(65535)
                if not more:
                    break
                taken += more
        except (socket.timeout, ConnectionResetError):
            pass
        return taken.decode("utf-8", "replace")

    def test_options_is_answered_with_what_the_daemon_can(self):
        sent, answer = self.by_udp(lambda local: request("OPTIONS", self.port, local=local))
        self.assertTrue(answer.startswith("SIP/2.0 200 "), answer)
        for name in ("Allow", "Accept", "Supported"):
            self.assertIsNotNone(header(answer, name), f"{name}\n{answer}")
        for name in ("From", "Call-ID", "CSeq"):
            self.assertEqual(header(answer, name), header(sent, name))
        self.assertIn(";tag=", header(answer, "To"))

    def test_rport_and_received_are_filled_in(self):
        sent, answer = self.by_udp(lambda local: request("OPTIONS", self.port, local=("192.0.2.9", 5999), via=";rport;x=y"))
        via = header(answer, "Via")
        self.assertRegex(via, r";rport=\d+")
        self.assertIn("received=127.0.0.1", via)
        self.assertIn("x=y", via)

    def test_a_repeated_request_gets_the_same_answer(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.settimeout(10)
            text = request("OPTIONS", self.port, local=client.getsockname()).encode()
            answers = []
            for _ in range(3):
                client.sendto(text, ("127.0.0.1", self.port))
                answers.append(client.recv(65535))
            self.assertEqual(len(set(answers)), 1)

    def test_what_is_not_for_a_publisher_is_refused(self):
        for method, codes in (("INVITE", ("405",)), ("REGISTER", ("405",)), ("MESSAGE", ("405",)), ("PUBLISH", ("405",)), ("FROBNICATE", ("405", "501")), ("BYE", ("405", "481"))):
            _, answer = self.by_udp(lambda local: request(method, self.port, local=local))
            code = answer.split()[1]
            self.assertIn(code, codes, f"{method}: {answer}")
            if code == "405":
                self.assertIn("OPTIONS", header(answer, "Allow"))
        _, answer = self.by_udp(lambda local: request("OPTIONS", self.port, local=local, extra=["Require: one, two"]))
        self.assertEqual((answer.split()[1], header(answer, "Unsupported").replace(" ", "")), ("420", "one,two"))
        _, answer = self.by_udp(lambda local: request("OPTIONS", self.port, local=local, uri="foo:bar"))
        self.assertEqual(answer.split()[1], "416")

    def test_one_port_for_udp_and_tcp_and_several_requests_on_a_connection(self):
        client = self.connect()
        for _ in range(3):
            client.sendall(request("OPTIONS", self.port, "TCP", local=client.getsockname()).encode())
            self.assertTrue(self.read_head(client).startswith("SIP/2.0 200 "))

    def test_a_ping_between_messages_is_answered(self):
        client = self.connect()
        client.sendall(b"\r\n\r\n")
        self.assertEqual(client.recv(100), b"\r\n")
        client.sendall(request("OPTIONS", self.port, "TCP", local=client.getsockname()).encode())
        self.assertTrue(self.read_head(client).startswith("SIP/2.0 200 "))

    def test_a_message_survives_any_segmentation(self):
        client = self.connect()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        text = request("OPTIONS", self.port, "TCP", local=client.getsockname()).encode()
        for at in range(len(text)):
            client.sendall(text[at:at + 1])
        self.assertTrue(self.read_head(client).startswith("SIP/2.0 200 "))

    def test_a_stream_message_without_content_length_is_refused_and_the_connection_closed(self):
        client = self.connect()
        client.sendall(request("OPTIONS", self.port, "TCP", local=client.getsockname(), length=False).encode())
        answer = self.read_head(client)
        self.assertTrue(answer.startswith("SIP/2.0 400 "), answer)
        self.assertEqual(client.recv(100), b"")

    def test_a_peer_that_ends_its_side_still_gets_its_answer(self):
        client = self.connect()
        client.sendall(request("OPTIONS", self.port, "TCP", local=client.getsockname()).encode())
        client.shutdown(socket.SHUT_WR)
        self.assertTrue(self.read_head(client).startswith("SIP/2.0 200 "))
        self.assertEqual(client.recv(100), b"", "and then the connection is closed")

    def test_rubbish_behind_a_message_does_not_cost_its_answer(self):
        client = self.connect()
        client.sendall(request("OPTIONS", self.port, "TCP", local=client.getsockname()).encode() + b"rubbish\r\n\r\n")
        self.assertTrue(self.read_head(client).startswith("SIP/2.0 200 "))

    def test_torture_messages_get_their_answers(self):
        self.assertEqual(set(EXPECTED), {path.stem for path in TORTURE.glob("*.dat")})
        wrong = []
        for name, codes in EXPECTED.items():
            message = (TORTURE / f"{name}.dat").read_bytes()
            head = message.split(b"\r\n\r\n")[0]
            if not re.search(rb"(?im)^(content-length|l)[ \t]*:", head):
                codes = codes | {400}
            if b"\r\n\r\n" not in message:
                codes = codes | {NOTHING}  # on a stream it is not complete
            client = self.connect(0.5 if NOTHING in codes else 10)
            client.sendall(message)
            answer = self.read_head(client)
            code = int(answer.split()[1]) if answer.startswith("SIP/2.0 ") else NOTHING
            if code not in codes:
                wrong.append(f"{name}: {code or 'nothing'} instead of {sorted(codes)}: {answer.splitlines()[:1]}")
            client.close()
        self.assertEqual(wrong, [])
        self.assertTrue(self.by_udp(lambda local: request("OPTIONS", self.port, local=local))[1].startswith("SIP/2.0 200 "))

    def test_noise_gets_no_answer_and_does_no_harm(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.settimeout(0.5)
            answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 PUBLISH\r\nContent-Length: 0\r\n\r\n"
            ack = request("ACK", self.port, local=client.getsockname())
            for noise in (b"", b"\0", b"\r\n\r\n", b"\xff" * 2000, b"GET / HTTP/1.1\r\n\r\n", answer.encode(), ack.encode(), b"SIP/2.0 " * 500):
                client.sendto(noise, ("127.0.0.1", self.port))
            with self.assertRaises(socket.timeout):
                client.recv(65535)
        self.assertTrue(self.by_udp(lambda local: request("OPTIONS", self.port, local=local))[1].startswith("SIP/2.0 200 "))
