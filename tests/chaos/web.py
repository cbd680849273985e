"""HTTP on this machine: the servers of the world outside, and the one way to call them."""

import asyncio
import http.client
import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from typing_extensions import override

Service = Callable[[str, Mapping[str, str], dict[str, Any]], Any]
"""Takes the path, the headers and the body of a request; gives the body of the answer."""

CALL_S: Final = 120.0


class Server(ThreadingHTTPServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    request_queue_size = 256  # a refused connection would look like a failed call

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), Window)
        self.service = service

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a caller that was killed before its answer came."""


class Window(BaseHTTPRequestHandler):
    """Where requests come in."""

    def do_POST(self) -> None:
        """Answer one call."""
        assert isinstance(self.server, Server)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.service(self.path, dict(self.headers), body)
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Keep still: the ledgers tell."""


def serve(service: Service, address: Path) -> None:
    """Serve until killed, on a free port that is written to `address` once it listens."""
    with Server(service) as server:
        fresh = address.with_suffix(".new")
        fresh.write_text(f"http://127.0.0.1:{server.server_port}")
        fresh.rename(address)
        server.serve_forever()


async def post(url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Any:
    """Make one call; it is never repeated here."""
    return await asyncio.to_thread(_post, url, headers, body)


def _post(url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> Any:
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=CALL_S)
    try:
        connection.request("POST", parts.path, json.dumps(body).encode(), dict(headers))
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    assert response.status == http.client.OK, f"{url} answered {response.status}"
    return json.loads(content)
