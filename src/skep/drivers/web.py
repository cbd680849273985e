"""The one HTTP client of a process: proxies, CA files, time-outs and limits, said in one place.

The providers' own clients come with retries, time-outs of ten minutes and a look into the
process's environment. Here an answer has two clocks instead: one runs until its first byte, and
one anew after each; and it has a length that it may not pass. A request that is cut by its clock
closes its connection, so nothing is left behind.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx2
from typing_extensions import override

from skep.policy.proxies import proxy_for
from skep.ports.web import Patience
from skep.records.errors import AnswerTooLong, ModelNotConfigured

CONNECT_S: Final = 10.0
"""How long a connection to a provider may take to open."""

CONNECTIONS_MAX: Final = 256
"""Connections of a process to providers, all together."""

IDLE_CONNECTIONS_MAX: Final = 32
"""Connections that are kept open for the next request."""


class HttpWeb:
    """The web over HTTP/1.1, by the variables of `environment`."""

    def __init__(self, environment: Mapping[str, str], *, patience: Patience) -> None:
        self._environment = environment
        self._patience = patience
        self._client: httpx2.AsyncClient | None = None

    def client(self) -> httpx2.AsyncClient:
        """Give the client; raises `ModelNotConfigured` for a CA file that cannot be read."""
        if self._client is None:
            wire = _Wire(self._environment, patience=self._patience)
            timeout = httpx2.Timeout(self._patience.first_byte_s, connect=CONNECT_S)
            self._client = httpx2.AsyncClient(transport=wire, timeout=timeout, trust_env=False)
        return self._client

    async def aclose(self) -> None:
        """Close its connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class _Wire(httpx2.AsyncBaseTransport):
    """Sends a request directly or through its proxy, and holds the answer to its limits."""

    def __init__(self, environment: Mapping[str, str], *, patience: Patience) -> None:
        self._environment = environment
        self._patience = patience
        self._trusted = _trusted(environment)
        self._ways: dict[str | None, httpx2.AsyncHTTPTransport] = {}

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        first_byte_s = self._patience.first_byte_s
        # Reading has clocks of its own here; the client of a provider would set ten minutes.
        clocks = {"connect": CONNECT_S, "pool": first_byte_s, "write": first_byte_s, "read": None}
        request.extensions = {**request.extensions, "timeout": clocks}
        async with _clock(first_byte_s, request, "before its answer began"):
            response = await self._way(request.url).handle_async_request(request)
        response.stream = _Held(response.stream, request, patience=self._patience)
        return response

    def _way(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport:
        proxy = proxy_for(url.scheme, url.host, self._environment)
        if proxy not in self._ways:
            limits = httpx2.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=IDLE_CONNECTIONS_MAX
            )
            self._ways[proxy] = httpx2.AsyncHTTPTransport(
                verify=self._trusted, proxy=proxy, limits=limits, trust_env=False, retries=0
            )
        return self._ways[proxy]

    @override
    async def aclose(self) -> None:
        for way in self._ways.values():
            await way.aclose()


class _Held(httpx2.AsyncByteStream):
    """The bytes of one answer, held to its clocks and its length."""

    def __init__(self, stream: object, request: httpx2.Request, *, patience: Patience) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)
        self._stream = stream
        self._request = request
        self._patience = patience

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks, received = aiter(self._stream), 0
        wait_s, when = self._patience.first_byte_s, "before its first byte"
        while True:
            async with _clock(wait_s, self._request, when):
                chunk = await anext(chunks, None)
            if chunk is None:
                return
            received += len(chunk)
            if received > self._patience.answer_bytes_max:
                raise AnswerTooLong(allowed=self._patience.answer_bytes_max)
            yield chunk
            wait_s, when = self._patience.between_bytes_s, "in the middle of its answer"

    @override
    async def aclose(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def _clock(seconds: float, request: httpx2.Request, when: str) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        message = f"the provider was silent for {seconds:g} s {when}"
        raise httpx2.ReadTimeout(message, request=request) from error


def _trusted(environment: Mapping[str, str]) -> ssl.SSLContext | bool:
    """Trust who `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else whom the client trusts."""
    file, folder = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if not file and not folder:
        return True
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except OSError as error:
        raise ModelNotConfigured(
            f"The CA file {file} cannot be read: {error.strerror or error}.",
            hint="SSL_CERT_FILE names a file of certificates in PEM; mend or unset it.",
        ) from error
