"""receiver.py PORT FILE: takes JSON lines over TCP, and writes the cursor of each back once the line is in FILE."""

import json
import socket
import sys


def main():
    port, told = sys.argv[1:]
    with socket.create_server(("127.0.0.1", int(port))) as server, open(told, "ab", buffering=0) as out:
        print("listening", flush=True)
        while True:
            connection, _ = server.accept()
            try:
                with connection, connection.makefile("rb") as lines:
                    for line in lines:
                        if not line.endswith(b"\n"):
                            break
                        params = json.loads(line)["params"]
                        out.write((json.dumps(params) + "\n").encode())
                        if "cursor" in params:
                            connection.sendall((params["cursor"] + "\n").encode())
            except OSError:
                pass


if __name__ == "__main__":
    main()
