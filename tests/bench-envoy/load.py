"""A small keep-alive client: one request for a check, or load where there is no wrk."""

import selectors
import socket
import sys
import time


def head(path, header):
    lines = [f"GET {path} HTTP/1.1", "host: bench", f"x-forwarded-client-cert: {header}", "", ""]
    return "\r\n".join(lines).encode("ascii")


def ask(port, path, header):
    """The status of one answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head(path, header))
        return int(connection.recv(65536).split(b" ", 2)[1])


def load(port, seconds, connections, path, header):
    """Requests answered with 200 within that time, one under way on each connection."""
    request = head(path, header)
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        connection.sendall(request)
    answered, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        for key, _ in selector.select(1):
            # The answers are small and of one piece.
            if not key.fileobj.recv(65536).startswith(b"HTTP/1.1 200 "):
                raise SystemExit("load: a request was not answered with 200")
            answered += 1
            key.fileobj.sendall(request)
    return answered


if __name__ == "__main__":
    port, seconds, connections, path, header = sys.argv[1:]
    print(load(int(port), int(seconds), int(connections), path, header))
