"""Client of claimcheck, an image classifier behind an HTTP API. One file, Python 3.9 or later, only the standard library.

    from claimcheck import Claimcheck
    ticket = Claimcheck("http://localhost:8787").classify("photo.jpg", top_k=3, timeout=60)
    print(ticket["predictions"][0]["label"])
"""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from email.utils import parsedate_to_datetime
from http.client import HTTPException, HTTPMessage
from socket import gaierror
from typing import Any, BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union
from urllib.error import URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPErrorProcessor, Request, build_opener

__all__ = ["Batch", "Claimcheck", "ClaimcheckError", "ResultPage", "Ticket"]

JSON = Dict[str, Any]
# A path, bytes, an open binary file, or a URL (http:// or https://), which a classifier fetches.
Image = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO]
# URLs, or objects with a URL in a field; or a CSV, TSV, JSON or JSON Lines file, by path, as bytes or opened.
Rows = Union[str, Sequence[Union[str, JSON]], "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO]
Option = Union[str, int, float, bool, None]

# The rules of retries and polls are those of the JavaScript client (src/lib/client).
PASSING = {408, 425, 429, 500, 502, 503, 504}
BASE_WAIT_S, MAX_WAIT_S = 0.2, 10.0
MAX_RETRY_AFTER_S = 120.0
# A try that starts close to the end of a `timeout` still has so long.
LAST_LOOK_S = 5.0
MIN_HINT_S, MAX_HINT_S = 0.01, 60.0
LIST_TRY_TIMEOUT_S = 300.0
PAGE_ROWS = 5_000


class ClaimcheckError(Exception):
    """`code` is the server's problem code (`image_too_large`, `unknown_model`, ...), the code of a failed job (`invalid_image`,
    `canceled`, ...), `http_<status>` for an error response that is not a problem document, or one of the client's: `network`,
    `bad_response`, and `timeout`, after which the job goes on and its ticket can be polled again."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        title: Optional[str] = None,
        status: Optional[int] = None,
        retry_after: Optional[float] = None,
        problem: Optional[JSON] = None,
        ticket: Optional[JSON] = None,
    ) -> None:
        super().__init__(f"{detail} ({code})")
        self.code = code
        self.detail = detail
        self.title = title if title is not None else detail
        # HTTP status, if a response caused the error.
        self.status = status
        # `Retry-After` in seconds.
        self.retry_after = retry_after
        # Body of the error response, if it is a JSON object; of a refused list, `rows` has the first invalid ones.
        self.problem = problem
        # The ticket as last seen.
        self.ticket = ticket

    @property
    def is_transient(self) -> bool:
        """Whether a retry may succeed. If so, the request may have arrived already."""
        return self.code in ("network", "bad_response", "timeout") or self.status in PASSING


class ResultPage(NamedTuple):
    """Rows as text. The header comes with `after=0` only, so that pages can be concatenated."""

    text: str
    # Number of the last row, from 1; `after` if no further row is done.
    next_after: int
    # Whether this was the last page.
    is_complete: bool


class Claimcheck:
    """A client of one edge. Requests are retried until a response is final; every one is safe to repeat."""

    def __init__(self, url: str, key: Optional[str] = None, *, try_timeout: float = 60.0, retries: int = 23) -> None:
        self._connection = _Connection(url, key, try_timeout, retries)

    def submit(
        self,
        image: Image,
        *,
        idempotency_key: Optional[str] = None,
        no_cache: bool = False,
        **options: Option,
    ) -> Ticket:
        """Uploads an image or sends its URL. `options` are those of the API: `operation`, `model`, `top_k`, `quality`, ...
        A retry after a lost response returns the same ticket."""
        return self._submit(image, _forever(), idempotency_key, no_cache, options)

    def classify(
        self,
        image: Image,
        *,
        timeout: Optional[float] = None,
        idempotency_key: Optional[str] = None,
        no_cache: bool = False,
        **options: Option,
    ) -> JSON:
        """Submits an image and waits until its ticket is done. `timeout`, in seconds, includes the upload."""
        until = _until(timeout)
        return self._submit(image, until, idempotency_key, no_cache, options)._result(until)

    def inspect(self, image: Image, **options: Any) -> JSON:
        """Reads format, size, frames and orientation: `image` of the finished ticket. Options as in `classify()`."""
        return self.classify(image, operation="inspect", **options)

    def compress(self, image: Image, **options: Any) -> JSON:
        """Makes a smaller file of an image; pass the finished ticket to `output()`."""
        return self.classify(image, operation="compress", **options)

    def resize(self, image: Image, **options: Any) -> JSON:
        """Resizes an image, to a file or an array of pixels; pass the finished ticket to `output()`."""
        return self.classify(image, operation="resize", **options)

    def embed(self, image: Image, **options: Any) -> JSON:
        """Computes the features of an image; pass the finished ticket to `output()`."""
        return self.classify(image, operation="embed", **options)

    def ticket(self, id: str) -> Ticket:
        """The ticket of an earlier submit. Sends no request."""
        return Ticket(self._connection, id)

    def output(self, ticket: JSON) -> bytes:
        """Downloads the output of a ticket, or of an image in a row of a batch."""
        output = ticket.get("output")
        if not output:
            raise ValueError("Cannot fetch the output: the ticket has none")
        url: str = output["url"]
        # PUBLIC_URL may differ from this client's URL: it is the same edge.
        at = url.find("/v1/outputs/")
        path = url[at:] if at >= 0 else url
        reply = self._connection.request(path, try_timeout=LIST_TRY_TIMEOUT_S, length=output.get("bytes"))
        return reply.body

    def submit_batch(self, rows: Rows, *, idempotency_key: Optional[str] = None, **options: Option) -> Batch:
        """Sends a list of image URLs, or of objects with one; or a CSV, TSV, JSON or JSON Lines file."""
        if isinstance(rows, (list, tuple)):
            content_type, body = "application/json", json.dumps(rows).encode()
        else:
            content_type, body = _file_type(rows), _bytes_of(rows)  # type: ignore[arg-type]
        headers = {"content-type": content_type, "idempotency-key": idempotency_key or uuid.uuid4().hex}
        reply = self._connection.request(
            f"/v1/batches{_query(options)}", "POST", headers, body, is_ticket=True, try_timeout=LIST_TRY_TIMEOUT_S
        )
        return Batch(self._connection, reply.json["id"], reply)

    def batch(self, id: str) -> Batch:
        """The batch of an earlier submit. Sends no request."""
        return Batch(self._connection, id)

    def queue(self) -> JSON:
        """Depth of the queue and its throughput."""
        return self.get("/v1/queue")

    def models(self) -> JSON:
        """The models that classifiers serve."""
        return self.get("/v1/models")

    def get(self, path: str) -> JSON:
        """Any other JSON object of the API, by its path: `/v1/samples`."""
        return self._connection.request(path).json

    def _submit(
        self, image: Image, until: float, idempotency_key: Optional[str], no_cache: bool, options: Dict[str, Option]
    ) -> Ticket:
        if isinstance(image, str) and urlsplit(image).scheme in ("http", "https"):
            content_type, body = "application/json", json.dumps({"image_url": image}).encode()
        else:
            content_type, body = "application/octet-stream", _bytes_of(image)
        headers = {"content-type": content_type, "idempotency-key": idempotency_key or uuid.uuid4().hex}
        if no_cache:
            headers["cache-control"] = "no-cache"
        headers.update(_short_wait(until))
        path = f"/v1/classifications{_query(options)}"
        reply = self._connection.request(path, "POST", headers, body, until=until, is_ticket=True)
        return Ticket(self._connection, reply.json["id"], reply)


class _Polled:
    """What `Ticket` and `Batch` share: polling at the server's hints."""

    _path: str
    _is_conditional: bool

    def __init__(self, connection: _Connection, id: str, first: Optional[_Reply] = None) -> None:
        self.id = id
        # The ticket as last seen.
        self.latest: Optional[JSON] = None
        self._connection = connection
        self._path = f"{self._path}/{quote(id, safe='')}"
        self._etag: Optional[str] = None
        self._due: Optional[float] = None
        if first is not None:
            self._remember(first)

    def refresh(self) -> JSON:
        """Polls once."""
        return self._look(_forever())

    def cancel(self) -> JSON:
        """Cancels what is not done. Raises `already_finished`."""
        return self._remember(self._connection.request(self._path, "DELETE", is_ticket=True))

    def _retry(self, idempotency_key: Optional[str]) -> _Reply:
        headers = {"idempotency-key": idempotency_key or uuid.uuid4().hex}
        return self._connection.request(f"{self._path}/retry", "POST", headers, b"", is_ticket=True)

    def _look(self, until: float) -> JSON:
        headers = _short_wait(until)
        if self._etag is not None:
            headers["if-none-match"] = self._etag
        return self._remember(self._connection.request(self._path, headers=headers, until=until, is_ticket=True))

    def _until_done(self, until: float) -> JSON:
        attempt = 0
        while self.latest is None or not self.latest["done"]:
            # The first poll of a resumed ticket is due at once.
            if self.latest is not None:
                self._wait(attempt, until)
            started = time.monotonic()
            try:
                self._look(until)
            except ClaimcheckError as error:
                error.ticket = error.ticket or self.latest
                raise
            if self.latest is not None and not self.latest["done"] and started >= until:
                detail = f"No answer in time: {self.id} is {self.latest['status']}, goes on, and can be asked for again"
                raise ClaimcheckError("timeout", detail, ticket=self.latest)
            attempt += 1
        return self.latest

    def _wait(self, attempt: int, until: float) -> None:
        if self._due is None:
            wait = _full_jitter(attempt)
        else:
            # Early rather than late, and spread: the edge holds early polls.
            left = min(max(self._due - time.monotonic(), MIN_HINT_S), MAX_HINT_S)
            wait = left * (1 - random.random() * 0.05)
        time.sleep(max(0.0, min(wait, until - time.monotonic())))

    def _remember(self, reply: _Reply) -> JSON:
        hint_ms = reply.headers.get("poll-after-ms")
        hint = float(hint_ms) / 1_000 if hint_ms and hint_ms.isdigit() else _retry_after(reply.headers)
        self._due = None if hint is None else time.monotonic() + min(hint, MAX_HINT_S)
        if reply.status != 304:
            self._etag = reply.headers.get("etag") if self._is_conditional else None
            self.latest = reply.json
            output = self.latest.get("output")
            # The edge names its own outputs by their paths.
            if output and output["url"].startswith("/"):
                output["url"] = self._connection.base + output["url"]
        if self.latest is None:
            raise ClaimcheckError("bad_response", "The response is not a ticket", status=reply.status)
        return self.latest


class Ticket(_Polled):
    """The ticket of one image. To resume after a restart, keep its `id`."""

    _path = "/v1/classifications"
    _is_conditional = True

    def result(self, timeout: Optional[float] = None) -> JSON:
        """Polls until the ticket is done. Raises the job's error if it failed or was canceled, and `timeout`."""
        return self._result(_until(timeout))

    def retry(self, *, idempotency_key: Optional[str] = None) -> Ticket:
        """Submits what has failed or was canceled again, as a new ticket."""
        reply = self._retry(idempotency_key)
        return Ticket(self._connection, reply.json["id"], reply)

    def _result(self, until: float) -> JSON:
        ticket = self._until_done(until)
        if ticket["status"] != "succeeded":
            error = ticket.get("error") or {"code": ticket["status"], "message": f"The ticket is {ticket['status']}"}
            raise ClaimcheckError(error["code"], error["message"], ticket=ticket)
        return ticket


class Batch(_Polled):
    """A batch. To resume after a restart, keep its `id`."""

    _path = "/v1/batches"
    # Its ETag does not cover the rate, the time left and the notice.
    _is_conditional = False

    def wait(self, timeout: Optional[float] = None) -> JSON:
        """Polls until the batch is done, and returns its ticket, also if it failed or was canceled: its rows have the errors."""
        return self._until_done(_until(timeout))

    def retry(self, *, idempotency_key: Optional[str] = None) -> Batch:
        """Submits the rows with an image that failed or was canceled again, as a new batch."""
        reply = self._retry(idempotency_key)
        return Batch(self._connection, reply.json["id"], reply)

    def results(self, *, format: str = "csv", after: int = 0, limit: int = PAGE_ROWS) -> ResultPage:
        """A page of finished rows as `csv`, `tsv` or `jsonl`, up to the first row that is not done."""
        path = f"{self._path}/results?" + urlencode({"format": format, "after": after, "limit": limit})
        reply = self._connection.request(path, try_timeout=LIST_TRY_TIMEOUT_S)
        headers = reply.headers
        next_after = headers.get("next-after") or ""
        if not next_after.isdigit():
            raise ClaimcheckError("bad_response", "The response is not a page of results", status=reply.status)
        return ResultPage(reply.body.decode(), int(next_after), headers.get("results-complete") == "true")

    def rows(self, *, after: int = 0) -> Iterator[JSON]:
        """Yields every row in order, each as soon as it and all before it are done: `row`, `input`, `results`."""
        seen, idle = after, 0
        while True:
            text, next_after, is_complete = self.results(format="jsonl", after=seen)
            # Not splitlines(): a text may hold other line separators.
            for line in text.split("\n"):
                if line:
                    yield json.loads(line)
            if is_complete:
                return
            count, seen = next_after - seen, next_after
            idle = 0 if count > 0 else idle + 1
            if count == PAGE_ROWS:
                continue
            if not self.refresh()["done"] or count == 0:
                self._wait(idle, _forever())


class _Reply(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes
    json: JSON


class _AnyStatus(HTTPErrorProcessor):
    """Hands over every response as it is. No redirect is followed: the key would go along."""

    def http_response(self, request: Request, response: Any) -> Any:
        return response

    https_response = http_response


class _Connection:
    def __init__(self, url: str, key: Optional[str], try_timeout: float, retries: int) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ValueError("Cannot use url: expected http://host or https://host")
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key and key):
            raise ValueError("Cannot use key: an API key has neither white space nor control characters")
        self.base = url.rstrip("/")
        self._key = key
        self._try_timeout = try_timeout
        self._retries = retries
        self._opener = build_opener(_AnyStatus)
        # An edge that restarts refuses connections for a moment: once it has answered, that is retried.
        self._has_answered = False

    def request(
        self,
        path: str,
        method: str = "GET",
        headers: Optional[Dict[str, str]] = None,
        body: Optional[bytes] = None,
        *,
        until: float = float("inf"),
        is_ticket: bool = False,
        try_timeout: Optional[float] = None,
        length: Optional[int] = None,
    ) -> _Reply:
        """The only retry loop. Retries what is lost, cut short or refused for now, with full jitter, obeying `Retry-After`."""
        attempt = 0
        while True:
            started = time.monotonic()
            limit = min(max(self._try_timeout, try_timeout or 0), max(LAST_LOOK_S, until - started))
            is_refused = False
            try:
                return self._try_once(path, method, headers or {}, body, limit, is_ticket, length)
            except ClaimcheckError as caught:
                error = caught
            except (OSError, HTTPException) as cause:
                reason = cause.reason if isinstance(cause, URLError) else cause
                is_refused = isinstance(reason, (ConnectionRefusedError, gaierror))
                error = ClaimcheckError("network", f"Cannot reach {self.base}: {reason}")
                error.__cause__ = cause
            retry_after = error.retry_after or 0.0
            is_final = not error.is_transient or retry_after > MAX_RETRY_AFTER_S or attempt >= self._retries
            if is_final or (is_refused and not self._has_answered) or started >= until:
                raise error
            wait = max(retry_after, _full_jitter(attempt))
            time.sleep(max(0.0, min(wait, until - time.monotonic())))
            attempt += 1

    def _try_once(
        self,
        path: str,
        method: str,
        headers: Dict[str, str],
        body: Optional[bytes],
        limit: float,
        is_ticket: bool,
        length: Optional[int],
    ) -> _Reply:
        is_ours = path.startswith("/")
        all_headers = {"accept": "*/*", **headers}
        # A presigned URL of a bucket is absolute and needs no key.
        if self._key is not None and is_ours:
            all_headers["authorization"] = f"Bearer {self._key}"
        request = Request(self.base + path if is_ours else path, data=body, headers=all_headers, method=method)
        end = time.monotonic() + limit
        with self._opener.open(request, timeout=limit) as response:
            self._has_answered = True
            text = _read(response, end, length)
            status, received = response.status, response.headers
        value = _object(text) if "json" in (received.get("content-type") or "") else None
        if status == 304:
            return _Reply(status, received, b"", {})
        if not 200 <= status < 300:
            raise _refusal(status, received, value)
        if is_ticket and not (value and isinstance(value.get("id"), str) and isinstance(value.get("done"), bool)):
            raise ClaimcheckError("bad_response", "The response is not from a claimcheck edge", status=status)
        return _Reply(status, received, text, value or {})


def _read(response: Any, end: float, length: Optional[int]) -> bytes:
    parts: List[bytes] = []
    while True:
        part = response.read(65_536)
        if not part:
            break
        parts.append(part)
        if time.monotonic() > end:
            raise TimeoutError("the response took too long")
    body = b"".join(parts)
    declared = response.headers.get("content-length")
    expected = length if length is not None and response.status == 200 else declared
    if expected is not None and response.status != 304 and len(body) != int(expected):
        raise ClaimcheckError("bad_response", "The response was cut short", status=response.status)
    return body


def _refusal(status: int, headers: HTTPMessage, problem: Optional[JSON]) -> ClaimcheckError:
    said = problem or {}
    other = f"The response with status {status} is not from a claimcheck edge: check the address and any proxy before it"
    return ClaimcheckError(
        str(said.get("code") or f"http_{status}"),
        str(said.get("detail") or said.get("title") or other),
        title=said.get("title"),
        status=status,
        retry_after=_retry_after(headers),
        problem=problem,
    )


def _object(text: bytes) -> Optional[JSON]:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _retry_after(headers: HTTPMessage) -> Optional[float]:
    """Seconds, from seconds or a date (RFC 9110, 10.2.3)."""
    value = (headers.get("retry-after") or "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _query(options: Dict[str, Option]) -> str:
    given: List[Tuple[str, str]] = []
    for name, value in options.items():
        if value is not None:
            given.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return f"?{urlencode(given)}" if given else ""


def _bytes_of(source: Image) -> bytes:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return file.read()
    body = source.read()
    if not isinstance(body, bytes):
        raise TypeError('Cannot send a file that was opened as text: open it with mode "rb"')
    return body


def _file_type(source: Any) -> str:
    types = {".csv": "text/csv", ".tsv": "text/tab-separated-values", ".json": "application/json", ".jsonl": "application/jsonl"}
    name = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "")
    return types.get(os.path.splitext(str(name))[1].lower(), "application/octet-stream")


def _full_jitter(attempt: int) -> float:
    return random.uniform(0, min(MAX_WAIT_S, BASE_WAIT_S * 2 ** min(attempt, 16)))


def _short_wait(until: float) -> Dict[str, str]:
    """The edge holds a poll that is slightly early; one close to the end must not be held beyond it."""
    return {"prefer": "wait=1"} if until - time.monotonic() >= 1 else {}


def _until(timeout: Optional[float]) -> float:
    return _forever() if timeout is None else time.monotonic() + timeout


def _forever() -> float:
    return float("inf")
