"""handler.py URL SOCKET FILE: appends what OpenSIPS' Python package is told by E_PUA_NOTIFY on a UNIX socket to FILE, a JSON object a line.

SIGTERM ends it without a loss: the socket takes nothing more in, and what it holds is dealt with. The subscription stays, so that the daemon waits for the next handler.
"""

import array
import fcntl
import json
import pathlib
import signal
import socket
import sys
import termios
import threading

from opensips.event import OpenSIPSEventHandler
from opensips.mi import OpenSIPSMI


def unread(sock):
    """Bytes of the next datagram that waits; 0: none does."""
    size = array.array("i", [0])
    fcntl.ioctl(sock, termios.FIONREAD, size)
    return size[0]


def main():
    url, path, told = sys.argv[1:]
    # For no thread but the one that waits for it: taken by another one it would wake nobody.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pathlib.Path(path).unlink(missing_ok=True)
    out = open(told, "a", buffering=1)

    def take(message):
        if message is not None:
            out.write(json.dumps(message["params"]) + "\n")

    handler = OpenSIPSEventHandler(OpenSIPSMI("http", url=url), "datagram", unix_path=path)
    event = handler.subscribe("E_PUA_NOTIFY", take)
    ending, empty = threading.Event(), threading.Event()
    read = event.socket.read

    def reading():
        # Whoever reads again has dealt with what came before.
        if ending.is_set() and not unread(event.socket.sock):
            empty.set()
        return read()

    event.socket.read = reading

    print("subscribed", flush=True)
    signal.sigwait({signal.SIGTERM})
    event.socket.sock.shutdown(socket.SHUT_RD)
    ending.set()
    empty.wait()
    event.stop()


if __name__ == "__main__":
    main()
