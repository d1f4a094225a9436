"""The client for programs without an event loop: one runs on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._async import AsyncClient, AsyncSession
from ._outcome import Outcome, Progress, Registered, Verified

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Unpack

    from ._audio import Audio
    from ._request import Options

_Kind = TypeVar("_Kind", bound=Outcome)
_T = TypeVar("_T")


class Client:
    """:class:`AsyncClient` without asyncio: the same arguments and methods; for any number of threads. Use it in ``with``, or close it."""

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
        self._client = AsyncClient(
            base_url,
            client_id=client_id,
            client_secret=client_secret,
            api_key=api_key,
            tenant=tenant,
            timeout=timeout,
            ssl=ssl,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="peakstream-client", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return repr(self._client).replace("Async", "", 1)

    def registration(self, call_id: str, audio: Audio = None, **options: Unpack[Options]) -> Session[Registered]:
        """As :meth:`AsyncClient.registration`, with ``with`` and ``for``."""
        return Session(self, self._client.registration(call_id, audio, **options))

    def verification(
        self, call_id: str, credential: str, audio: Audio = None, **options: Unpack[Options]
    ) -> Session[Verified]:
        """As :meth:`AsyncClient.verification`, with ``with`` and ``for``."""
        return Session(self, self._client.verification(call_id, credential, audio, **options))

    def register(self, call_id: str, audio: Audio = None, **options: Unpack[Options]) -> Registered:
        """As :meth:`AsyncClient.register`."""
        return self._run(self._client.register(call_id, audio, **options))

    def verify(self, call_id: str, credential: str, audio: Audio = None, **options: Unpack[Options]) -> Verified:
        """As :meth:`AsyncClient.verify`."""
        return self._run(self._client.verify(call_id, credential, audio, **options))

    def close(self) -> None:
        """Ends its connections and its thread."""
        if not self._loop.is_closed():
            self._run(self._client.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except BaseException:
            running.cancel()  # a KeyboardInterrupt ends the call too
            raise


class Session(Generic[_Kind]):
    """:class:`AsyncSession` without asyncio: iterate over its :class:`Progress`, then take its result. Made by :class:`Client`."""

    def __init__(self, client: Client, session: AsyncSession[_Kind]) -> None:
        self._client, self._session = client, session

    def __repr__(self) -> str:
        return repr(self._session).replace("Async", "", 1)

    @property
    def call_id(self) -> str:
        """The call's."""
        return self._session.call_id

    def __enter__(self) -> Session[_Kind]:
        self._client._run(self._session.__aenter__())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client._run(self._session.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        """The next progress; the iteration ends with the decision."""
        try:
            return self._client._run(self._session.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def result(self) -> _Kind:
        """Waits for the decision."""
        return self._client._run(self._session.result())
