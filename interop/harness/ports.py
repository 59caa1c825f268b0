"""Ports of the loopback address that nobody else takes meanwhile."""

import pathlib
import random
import socket

from .waiting import until

_RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
_given = set()


def _is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        # As servers do: what is left of connections that are over keeps nobody from the port.
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("127.0.0.1", port))
            tcp.listen(1)
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    """A port that is free for UDP and for TCP, never given before.

    It lies below those that the system gives to sockets that ask for none: so neither a client's socket takes it before it is bound, or while
    its server is away, nor does a connection to it, while nobody listens, meet itself.
    """
    try:
        lowest = int(_RANGE.read_text().split()[0])
    except (OSError, ValueError):
        lowest = 32768
    for _ in range(1000):
        port = random.randrange(10000, lowest if lowest > 11000 else 32768)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise RuntimeError("no port is free for both UDP and TCP")


def until_free(port, seconds=40.0):
    """Waits until a server that was killed has let go of its port."""
    until(f"port {port} is free", lambda: _is_free(port), seconds)
