"""A call enters; what the server says of it leaves. For asyncio: the rest of the package waits for this."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

from . import _audio, _carrier, _request
from ._connections import Connections
from ._outcome import (
    AudioRefused,
    Outcome,
    Progress,
    Registered,
    ServerUnavailable,
    TimedOut,
    Unauthorized,
    Verified,
    is_terminal,
    outcome,
    progress,
)

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Unpack

    from ._audio import Audio
    from ._request import Options

_Kind = TypeVar("_Kind", bound=Outcome)
_AUDIO_ENDED = object()
#: A token is renewed so long before it ends.
_EARLY_SECONDS = 60
#: After the audio was refused, the event that says why may still be on its way.
_GRACE_SECONDS = 3.0
_UNAUTHORIZED = ("Unauthorized", "Insufficient scope")


class AsyncClient:
    """Registers and verifies callers; one for an event loop, for any number of calls at a time.

    base_url: scheme and host of the server. client_id, client_secret: of ``peakstream key add --client``. api_key: for a server
    that wants one from who streams audio. tenant: whose calls they are. timeout: seconds that any answer may take. ssl: None for
    the system's certificates.

    Use it in ``async with``, or close it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        client_id: str,
        client_secret: str,
        api_key: str | None = None,
        tenant: str = "default",
        timeout: float = 30.0,
        ssl: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError(f"base_url is {base_url!r}; use something like 'https://voice.example.com'")
        self._socketio = _audio.needed("socketio", "client")
        self._aiohttp = _audio.needed("aiohttp", "client")
        self.base_url, self.client_id = f"{parts.scheme}://{parts.netloc}", client_id
        self.timeout = timeout
        path = "/twilio" if tenant == "default" else f"/twilio/{quote(tenant, safe='')}"
        self._audio_url = self.base_url.replace("http", "ws", 1) + path
        self._audio_headers = {"apikey": api_key} if api_key else {}
        self._form = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        self._ssl: Any = True if ssl is None else ssl
        self._connections: Connections | None = None
        self._token, self._token_ends = "", 0.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, client_id={self.client_id!r})"

    def registration(
        self, call_id: str, audio: Audio = None, **options: Unpack[Options]
    ) -> AsyncSession[Registered]:
        """A registration to be followed: ``async with client.registration(…) as session``, then ``async for progress in session``.

        call_id: of this call, while it lasts. audio: what to send, see :data:`Audio`; with None the carrier sends the call, and may
        begin once the session is entered. options: see :class:`Options`.
        """
        return AsyncSession(self, "register", call_id, audio, options, {})

    def verification(
        self, call_id: str, credential: str, audio: Audio = None, **options: Unpack[Options]
    ) -> AsyncSession[Verified]:
        """A verification to be followed, of the voice of a credential; as :meth:`registration`."""
        return AsyncSession(self, "verify", call_id, audio, options, {"credential": credential})

    async def register(self, call_id: str, audio: Audio = None, **options: Unpack[Options]) -> Registered:
        """Registers the voice of a call and waits for the decision; as :meth:`registration`.

        Raises :class:`ClientError` where there is no decision; one against the caller is an outcome.
        """
        async with self.registration(call_id, audio, **options) as session:
            return await session.result()

    async def verify(self, call_id: str, credential: str, audio: Audio = None, **options: Unpack[Options]) -> Verified:
        """Verifies the voice of a call and waits for the decision; as :meth:`register`."""
        async with self.verification(call_id, credential, audio, **options) as session:
            return await session.result()

    async def close(self) -> None:
        """Ends its connections. Sessions end with their own blocks."""
        if self._connections is not None:
            await self._connections.close()
            self._connections = None

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ---- for its sessions

    def _http(self) -> Any:
        """A session for one purpose; python-engineio closes what it was given with itself."""
        if self._connections is None:
            self._connections = Connections(self._aiohttp, self._ssl)
        return self._connections.session()

    async def _authorization(self) -> dict[str, str]:
        """The header; a token is used until shortly before its end. Two sessions at once may ask for two: both are good."""
        if time.monotonic() >= self._token_ends:
            url = self.base_url + "/socket.io/oauth2/token"
            try:
                limit = self._aiohttp.ClientTimeout(total=self.timeout)
                async with self._http() as http, http.post(url, data=self._form, timeout=limit) as answer:
                    status, said = answer.status, await answer.json(content_type=None)
            except asyncio.TimeoutError:
                raise TimedOut(f"no token from {url} within {self.timeout} s") from None
            except (self._aiohttp.ClientError, OSError, ValueError) as error:
                raise ServerUnavailable(f"no token from {url}: {error}") from None
            if status in (400, 401, 403):
                raise Unauthorized(str(said.get("error_description") or said.get("error")))
            if status != 200:
                raise ServerUnavailable(f"no token from {url}: HTTP {status}")
            self._token = said["access_token"]
            self._token_ends = time.monotonic() + said["expires_in"] - _EARLY_SECONDS
        return {"Authorization": f"Bearer {self._token}"}


class AsyncSession(Generic[_Kind]):
    """One call while it is decided: iterate over its :class:`Progress`, then take its result. Made by :class:`AsyncClient`."""

    def __init__(
        self, client: AsyncClient, kind: str, call_id: str, audio: Any, options: Any, members: dict[str, str]
    ) -> None:
        _request.check(options, carried=audio is None)
        self.call_id = call_id
        """The call's."""
        self._client, self._kind, self._audio, self._members = client, kind, audio, members
        self._options: dict[str, Any] = dict(options)
        self._events: asyncio.Queue[Any] | None = None
        self._source: _audio.Source | None = None
        self._sending: asyncio.Task[None] | None = None
        self._wait: float | None = client.timeout
        self._outcome: Any = None
        self._error: Exception | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._kind}, call_id={self.call_id!r})"

    # ---- what its user does

    async def __aenter__(self) -> AsyncSession[_Kind]:
        # Not before: until Python 3.10 a queue belongs to the event loop in which it was made.
        self._events = asyncio.Queue()
        if self._audio is not None:
            self._source = await _audio.source(self._audio, self._options)
        self._http = self._client._http()
        self._connection = self._client._socketio.AsyncClient(
            reconnection=False, handle_sigint=False, http_session=self._http
        )
        try:
            await self._connect()
            name, data, _ = await self._event()
            if name != "info-consumer-ready":
                outcome(self._kind, name, data, None)
        except BaseException:
            await self._leave()
            raise
        self._wait = None
        if self._source is not None:
            self._sending = asyncio.create_task(self._send(self._source))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    def __aiter__(self) -> AsyncIterator[Progress]:
        return self

    async def __anext__(self) -> Progress:
        """The next progress; the iteration ends with the decision."""
        while self._outcome is None:
            name, data, audio = await self._event()
            if is_terminal(name):
                self._outcome = outcome(self._kind, name, data, audio)
            elif name == "info-vad-status":
                told = progress(data)
                self._options.get("on_progress", _nobody)(told)
                return told
        raise StopAsyncIteration

    async def result(self) -> _Kind:
        """Waits for the decision."""
        async for _ in self:
            pass
        decided: _Kind = self._outcome
        return decided

    # ---- signalling

    async def _connect(self) -> None:
        client, namespace, refusals = self._client, f"/socket.io/{self._kind}", list[Any]()
        self._connection.on("*", self._arrived, namespace=namespace)
        self._connection.on("disconnect", self._gone, namespace=namespace)
        self._connection.on("connect_error", refusals.append, namespace=namespace)
        url, headers = f"{client.base_url}/socket.io", await client._authorization()
        try:
            await self._connection.connect(
                url, headers=headers, namespaces=[namespace], transports=["websocket"], wait_timeout=client.timeout
            )
        except client._socketio.exceptions.ConnectionError as error:
            said: Any = next((refusal for refusal in refusals if refusal), error)
            text = str(said.get("message", said) if hasattr(said, "get") else said)
            if text in _UNAUTHORIZED:
                client._token_ends = 0.0
                raise Unauthorized(text) from None
            raise ServerUnavailable(f"{url}: {text}") from None
        written = self._source.written() if self._source is not None else _request.carried(self._options)
        request = _request.initialize(self._kind, self.call_id, written, self._options, self._members)
        await self._connection.emit("initialize", request, namespace=namespace)

    def _entered(self) -> asyncio.Queue[Any]:
        if self._events is None:
            raise RuntimeError(f"{self!r} has not begun: enter it with `with`")
        return self._events

    async def _arrived(self, name: str, data: Any, audio: bytes | None = None) -> None:
        self._entered().put_nowait((name, data, audio))

    async def _gone(self, *_: Any) -> None:
        self._entered().put_nowait(ServerUnavailable("the server went away before there was a decision"))

    async def _event(self) -> Any:
        """The next event, in the time that it may take. After an error there is none."""
        if self._error is not None:
            raise self._error
        try:
            event = await asyncio.wait_for(self._entered().get(), self._wait)
        except asyncio.TimeoutError:
            event = TimedOut(f"no answer for call {self.call_id!r} within {self._wait} s")
        if event is _AUDIO_ENDED:
            self._wait = self._client.timeout
            return await self._event()
        if isinstance(event, Exception):
            self._error = event
            raise event
        return event

    async def _leave(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
        elif self._source is not None:
            await self._source.messages.aclose()
        await self._connection.disconnect()
        await self._http.close()

    # ---- audio

    async def _send(self, source: _audio.Source) -> None:
        """Carries the audio; what goes wrong is the next event."""
        ended: Any = _AUDIO_ENDED
        try:
            client = self._client
            async with self._http.ws_connect(client._audio_url, headers=client._audio_headers) as channel:
                await _carrier.carry(channel, self.call_id, source, self._options.get("speed", 0.0))
        except AudioRefused as error:
            # The server's own event says more, if there is one.
            await asyncio.sleep(_GRACE_SECONDS)
            ended = error
        except (self._client._aiohttp.ClientError, OSError) as error:
            ended = AudioRefused(f"the audio channel: {error}")
        except Exception as error:
            ended = error
        self._entered().put_nowait(ended)


def _nobody(_: Progress) -> None:
    pass
