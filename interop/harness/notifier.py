"""A notifier that does what the test says, over UDP or TCP: the test takes each request in turn, answers it, and sends NOTIFYs of its own making."""

import queue
import re
import socket
import threading
import time
import uuid

from .ports import free_port
from .sip import body, header


def headers(message, name):
    """The values of all headers of that name, in order; those in one line with commas (outside of quotation marks and brackets) one by one."""
    values = []
    for line in re.findall(rf"^{re.escape(name)}[ \t]*:[ \t]*(.*?)\r?$", message.split("\r\n\r\n")[0], re.IGNORECASE | re.MULTILINE):
        values += [part.strip() for part in re.findall(r'(?:<[^>]*>|"[^"]*"|[^,])+', line)]
    return values


def tag_of(value):
    found = re.search(r";tag=([^;>\s]+)", value)
    return found.group(1) if found else None


class Message:
    """A request or a response, and the way back to where it came from."""

    def __init__(self, text, send, path):
        self.text = text
        self.send = send
        #: The connection or socket that it came in by, and the peer's address.
        self.path = path
        self.start = text.split("\r\n", 1)[0]
        self.method = None if self.start.startswith("SIP/2.0 ") else self.start.split(" ", 1)[0]
        self.code = int(self.start.split(" ")[1]) if self.method is None else None
        self.at = time.monotonic()

    def __getitem__(self, name):
        return header(self.text, name)

    def all(self, name):
        return headers(self.text, name)

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def body(self):
        return body(self.text)

    @property
    def branch(self):
        found = re.search(r"branch=([^;,\s]+)", self["Via"] or "")
        return found.group(1) if found else None

    @property
    def from_tag(self):
        return tag_of(self["From"])

    @property
    def to_tag(self):
        return tag_of(self["To"])


class Notifier:
    """One port of loopback for UDP and TCP. `transport` is what its URIs ask for."""

    def __init__(self, transport="udp"):
        self.transport = transport
        self.port = free_port()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind(("127.0.0.1", self.port))
        self._tcp.listen()
        self._requests = queue.Queue()
        self._responses = queue.Queue()
        self._answered = {}
        self._seen = set()
        self._connections = []
        self._retired = False
        for loop in (self._read_udp, self._accept):
            threading.Thread(target=loop, daemon=True).start()

    @property
    def uri(self):
        return f"sip:127.0.0.1:{self.port}" + (";transport=tcp" if self.transport == "tcp" else "")

    def contact(self, user="notifier"):
        return f"<sip:{user}@{self.uri.removeprefix('sip:')}>"

    def route(self):
        return f"<{self.uri};lr>"

    # -- what comes in ------------------------------------------------------------------------------------------------

    def _arrived(self, text, send, path):
        if not text.strip():
            return
        message = Message(text, send, path)
        if message.method is None:
            self._responses.put(message)
            return
        key = (message.branch, message.method)
        if key in self._seen:
            if key in self._answered:
                send(self._answered[key])
            return
        self._seen.add(key)
        if self._retired:
            self.answer(message, 481)
        else:
            self._requests.put(message)

    def _read_udp(self):
        while True:
            try:
                data, peer = self._udp.recvfrom(65535)
            except OSError:
                return
            self._arrived(data.decode("utf-8", "replace"), lambda bytes_, peer=peer: self._udp.sendto(bytes_, peer), (self._udp, peer))

    def _accept(self):
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            self._attend(connection)

    def _attend(self, connection):
        self._connections.append(connection)
        threading.Thread(target=self._read_tcp, args=(connection,), daemon=True).start()

    def _read_tcp(self, connection):
        buffer = b""
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            buffer += data
            while True:
                buffer = buffer.lstrip(b"\r\n")
                head, found, rest = buffer.partition(b"\r\n\r\n")
                length = int(header(head.decode("utf-8", "replace") + "\r\n\r\n", "Content-Length") or 0) if found else 0
                if not found or len(rest) < length:
                    break
                message, buffer = head + found + rest[:length], rest[length:]
                self._arrived(message.decode("utf-8", "replace"), connection.sendall, (connection, None))

    def receive(self, method="SUBSCRIBE", seconds=40.0):
        """The next request, which must be of that method."""
        try:
            message = self._requests.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no {method} within {seconds:g} s") from None
        assert message.method == method, f"{method} was expected:\n{message.text}"
        return message

    def receive_for(self, user, seconds=40.0):
        """The next request whose URI has that user; others are left for later."""
        deadline, others = time.monotonic() + seconds, []
        try:
            while True:
                try:
                    message = self._requests.get(timeout=max(0.001, deadline - time.monotonic()))
                except queue.Empty:
                    raise AssertionError(f"no request to {user} within {seconds:g} s") from None
                if f"<sip:{user}@" in message["To"]:
                    return message
                others.append(message)
        finally:
            for other in others:
                self._requests.put(other)

    def nothing(self, seconds):
        """Checks that no request comes in that time: of silence there is no event to wait for."""
        try:
            message = self._requests.get(timeout=seconds)
        except queue.Empty:
            return
        raise AssertionError(f"nothing was expected:\n{message.text}")

    # -- what goes out ------------------------------------------------------------------------------------------------

    def answer(self, request, code, *more, reason="Scripted", tag="n"):
        """Answers a request; retransmissions of it get the same answer."""
        to = request["To"] if request.to_tag else f"{request['To']};tag={tag}"
        lines = [f"SIP/2.0 {code} {reason}", f"Via: {request['Via']}", f"From: {request['From']}", f"To: {to}", f"Call-ID: {request['Call-ID']}",
                 f"CSeq: {request['CSeq']}"]
        if code < 300:
            lines.append(f"Contact: {self.contact()}")
        text = ("\r\n".join([*lines, *more, "Content-Length: 0"]) + "\r\n\r\n").encode()
        self._answered[(request.branch, request.method)] = text
        request.send(text)

    def grant(self, request, *more, expires=600, tag="n"):
        self.answer(request, 200, f"Expires: {expires}", *more, reason="OK", tag=tag)

    def connect(self, port):
        """A connection of the notifier's own."""
        connection = socket.create_connection(("127.0.0.1", port), 10)
        connection.settimeout(None)
        self._attend(connection)
        return connection

    def ask(self, text, send, branch, seconds=40.0):
        """Sends a request (UDP: again and again) and gives the final response to it."""
        deadline, pause = time.monotonic() + seconds, 0.5
        while True:
            send(text.encode())
            until = min(time.monotonic() + pause, deadline) if self.transport == "udp" else deadline
            while time.monotonic() < until:
                try:
                    response = self._responses.get(timeout=max(0.001, until - time.monotonic()))
                except queue.Empty:
                    break
                if response.branch == branch and response.code >= 200:
                    return response
            pause *= 2
            assert time.monotonic() < deadline, f"no answer within {seconds:g} s to:\n{text}"

    def responses(self, seconds):
        """All responses that come in that time."""
        deadline, found = time.monotonic() + seconds, []
        while time.monotonic() < deadline:
            try:
                found.append(self._responses.get(timeout=max(0.001, deadline - time.monotonic())))
            except queue.Empty:
                break
        return found

    def retire(self):
        """From now on nobody is known any more, so that a daemon that stops does not wait for answers."""
        self._retired = True
        while not self._requests.empty():
            self.answer(self._requests.get(), 481)

    def close(self):
        for each in (self._udp, self._tcp, *self._connections):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()


class Usage:
    """A dialog usage as the notifier sees it, made from the SUBSCRIBE. `tag` is the notifier's."""

    def __init__(self, notifier, subscribe, tag="n"):
        self.notifier = notifier
        self.subscribe = subscribe
        self.tag = tag
        self.number = 0
        self.package = subscribe["Event"]
        self.contact = notifier.contact()

    def text(self, state, document=None, event=None, content_type="application/pidf+xml", more=(), number=None, branch=None):
        """A NOTIFY; `state` or `event` "" leaves the header out."""
        self.number = self.number + 1 if number is None else number
        branch = branch or f"z9hG4bK{uuid.uuid4().hex}"
        event = self.package if event is None else event
        target = re.search(r"<([^>]*)>", self.subscribe["Contact"]).group(1)
        via = self.notifier.transport.upper()
        payload = document or ""
        lines = [f"NOTIFY {target} SIP/2.0", f"Via: SIP/2.0/{via} 127.0.0.1:{self.notifier.port};branch={branch};rport", "Max-Forwards: 70",
                 f"From: {self.subscribe['To'].split(';tag=')[0]};tag={self.tag}", f"To: {self.subscribe['From']}",
                 f"Call-ID: {self.subscribe['Call-ID']}", f"CSeq: {self.number} NOTIFY", f"Contact: {self.contact}",
                 *([f"Event: {event}"] if event else []), *([f"Subscription-State: {state}"] if state else []), *more,
                 *([f"Content-Type: {content_type}"] if payload else []), f"Content-Length: {len(payload.encode())}"]
        return branch, "\r\n".join(lines) + "\r\n\r\n" + payload

    def way(self, fresh=False):
        """How a NOTIFY goes: to the Contact by UDP, or by the connection that the SUBSCRIBE came in by, or by a `fresh` one."""
        port = int(re.search(r":(\d+)[;>]", self.subscribe["Contact"]).group(1))
        if self.notifier.transport == "udp":
            return lambda data: self.notifier._udp.sendto(data, ("127.0.0.1", port))
        if fresh:
            return self.notifier.connect(port).sendall
        return self.subscribe.path[0].sendall

    def notify(self, state="active;expires=600", document=None, fresh=False, **what):
        """Sends a NOTIFY and gives the answer."""
        branch, text = self.text(state, document, **what)
        return self.notifier.ask(text, self.way(fresh), branch)
