"""Just enough SIP to ask a peer whether it is there, and to play a presence server that follows a script."""

import re
import socket
import threading
import uuid

from .waiting import until


def header(message, name):
    """The value of the first header of that name (long form), or None."""
    found = re.search(rf"^{re.escape(name)}\s*:[ \t]*(.*?)\r?$", message.split("\r\n\r\n")[0], re.IGNORECASE | re.MULTILINE)
    return found.group(1) if found else None


def body(message):
    return message.partition("\r\n\r\n")[2]


def answers_options(port, host="127.0.0.1"):
    """Whether a SIP element answers OPTIONS over UDP at that port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        probe.settimeout(0.2)
        local = "%s:%d" % probe.getsockname()
        token = uuid.uuid4().hex
        probe.connect((host, port))
        try:
            probe.send((
                f"OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{token}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:probe@{local}>;tag={token[:8]}\r\nTo: <sip:{host}:{port}>\r\n"
                f"Call-ID: {token}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:probe@{local}>\r\nContent-Length: 0\r\n\r\n").encode())
            return probe.recv(65535).startswith(b"SIP/2.0 ")
        except OSError:
            return False


class ScriptedServer:
    """A presence server over UDP whose answers the test decides: `answer(request, number)` gives (code, reason, extra header lines), or None for silence.

    Retransmissions are counted once: `requests` holds each different (Call-ID, CSeq, branch) in order of arrival.
    """

    def __init__(self, answer):
        self.answer = answer
        self.requests = []
        self.arrivals = 0
        self._seen = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def uri(self):
        return f"sip:127.0.0.1:{self.port}"

    def _serve(self):
        while not self._stopping.is_set():
            try:
                data, peer = self._socket.recvfrom(65535)
            except socket.timeout:
                continue
            except OSError:
                return
            text = data.decode("utf-8", "replace")
            if not text.strip():
                continue
            key = (header(text, "Call-ID"), header(text, "CSeq"), header(text, "Via"))
            self.arrivals += 1
            if key not in self._seen:
                self._seen[key] = self.answer(text, len(self.requests))
                self.requests.append(text)
            decided = self._seen[key]
            if decided is not None:
                self._socket.sendto(self._response(text, *decided), peer)

    @staticmethod
    def _response(request, code, reason, extra=()):
        via = header(request, "Via").replace(";rport", "", 1) if ";rport=" not in header(request, "Via") else header(request, "Via")
        to = header(request, "To")
        lines = [f"SIP/2.0 {code} {reason}", f"Via: {via}", f"From: {header(request, 'From')}",
                 f"To: {to if ';tag=' in to else to + ';tag=scripted'}", f"Call-ID: {header(request, 'Call-ID')}",
                 f"CSeq: {header(request, 'CSeq')}", *extra, "Content-Length: 0"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def wait_requests(self, count, seconds=40.0):
        return until(f"{count} requests at the scripted server", lambda: len(self.requests) >= count and self.requests, seconds)

    def close(self):
        self._stopping.set()
        self._thread.join()
        self._socket.close()
