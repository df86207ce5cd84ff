"""Where a source may reach, and how: the allow-list, and HTTP that keeps to it.

Nothing is reachable that the source's declaration does not name. A name is not enough to get
inside: whoever runs a public name's DNS may point it at an address of ours, so an address that is
not public must be in the list itself (or the network it is in). What was checked is what is
connected to: the name is not looked up a second time.
"""

from __future__ import annotations

import base64
import email.utils
import ipaddress
import random
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

from harvesters.connectors.base import timed_out, too_large
from harvesters.connectors.documents import read_json
from harvesters.errors import (
    SourceAnswerError,
    SourceConfigurationError,
    SourceConnectionError,
    SourceError,
    SourceRefusedError,
    text,
)
from harvesters.sources import Limits, Source, without_credentials

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Inside, though Python takes them for public: translations into a network's own addresses, and
# what was once for sites, relays and segments (IANA's registry of special-purpose addresses).
_INSIDE = tuple(
    ipaddress.ip_network(each)
    for each in ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10", "5f00::/16",
                 "192.88.99.0/24", "192.0.0.0/24")
)  # fmt: skip
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_CHUNK = 64 * 1024
_FIRST_WAIT = 0.5


def _inner(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address.sixtofour:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _literal(name: str) -> _Address | None:
    """The address that `name` writes, if it is not a name."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


class AllowList:
    """What a source may reach: hosts, addresses, networks, folders.

    :param entries: ``api.example.vn``, ``api.example.vn:8443``, ``10.2.0.5``, ``10.2.0.0/16``,
        ``[2001:db8::1]:443``, ``/srv/drop``, ``package://schemas``
    """

    def __init__(self, source: str, entries: Iterable[str]):
        self._source = source
        self._names: set[tuple[str, int | None]] = set()
        self._networks: list[tuple[_Network, int | None]] = []
        self.folders: list[Path] = []
        self.packages: set[str] = set()
        for entry in entries:
            self._add(entry.strip())

    def _add(self, entry: str) -> None:
        if entry.startswith("package://"):
            self.packages.add(entry.removeprefix("package://").strip("/").replace("/", "."))
            return
        if entry.startswith("/"):
            self.folders.append(Path(entry).resolve())
            return
        try:
            self._networks.append((ipaddress.ip_network(entry, strict=False), None))
            return
        except ValueError:
            pass
        try:
            parts = urlsplit(f"//{entry}")
            host, port = parts.hostname, parts.port
            valid = bool(host) and parts.netloc == entry and "@" not in entry and "*" not in entry
        except ValueError:
            valid, host, port = False, None, None
        if not valid or host is None:
            raise SourceConfigurationError(
                vi="Mục trong danh sách cho phép không hợp lệ.",
                en="An entry of the allow-list is not valid.",
                where=f"{self._source}: allow",
                expected=text(
                    "tên máy chủ, địa chỉ, dải địa chỉ (CIDR) hoặc thư mục tuyệt đối.",
                    "a host, an address, a network (CIDR) or an absolute folder.",
                ),
            )
        try:
            self._networks.append((ipaddress.ip_network(host), port))
        except ValueError:
            self._names.add((host.rstrip("."), port))

    def check(self, host: str, port: int) -> str:
        """The name of `host` in its plain form, if the list has it; nothing is looked up.

        :raises SourceRefusedError: the list does not have it.
        """
        name = host.strip("[]").rstrip(".").lower()
        literal = _literal(name)
        if literal is not None:
            if not self._holds(literal, port):
                raise self._refused(name, port)
        elif not {(name, None), (name, port)} & self._names:
            raise self._refused(name, port)
        return name

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses at which `host` may be reached.

        :raises SourceRefusedError: it may not, or not at one of the addresses that it has.
        :raises SourceConnectionError: there is no such host.
        """
        name = self.check(host, port)
        literal = _literal(name)
        if literal is not None:
            return [str(literal)]
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SourceConnectionError(
                vi="Không phân giải được tên máy chủ.",
                en="The host's name cannot be resolved.",
                where=f"{self._source}: {name}",
                remedy=text(
                    "Kiểm tra địa chỉ nguồn và DNS.", "Check the source's address and the DNS."
                ),
            ) from None
        resolved = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))
        for address in resolved:
            if not self._may_be_at(name, ipaddress.ip_address(address), port):
                raise self._refused(name, port, inside=True)
        return resolved

    def _holds(self, address: _Address, port: int) -> bool:
        candidates = {address, _inner(address)}
        return any(
            candidate in network and allowed in (None, port)
            for candidate in candidates
            if candidate.version
            for network, allowed in self._networks
            if candidate.version == network.version
        )

    def _may_be_at(self, name: str, address: _Address, port: int) -> bool:
        real = _inner(address)
        is_inside = any(real in each for each in _INSIDE if each.version == real.version)
        if real.is_global and not real.is_multicast and not is_inside:
            return True
        return (name == "localhost" and real.is_loopback) or self._holds(address, port)

    def _refused(self, host: str, port: int, inside: bool = False) -> SourceRefusedError:
        if inside:
            return SourceRefusedError(
                vi="Tên máy chủ trỏ tới một địa chỉ nội bộ không có trong danh sách cho phép.",
                en="The host's name leads to an internal address that is not on the allow-list.",
                where=f"{self._source}: {host}:{port}",
                remedy=text(
                    "Nếu đúng là máy chủ nội bộ, thêm địa chỉ hoặc dải địa chỉ của nó vào allow.",
                    "If it really is an internal host, add its address or network to `allow`.",
                ),
            )
        return SourceRefusedError(
            vi="Địa chỉ này không có trong danh sách cho phép của nguồn.",
            en="This address is not on the source's allow-list.",
            where=f"{self._source}: {host}:{port}",
            remedy=text(
                "Thêm máy chủ vào allow trong khai báo nguồn nếu đúng là của nguồn.",
                "Add the host to `allow` in the source's declaration if it is the source's own.",
            ),
        )

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """A TCP connection to `host`, at an address that is allowed.

        :raises SourceError: it is not allowed, or does not answer in `timeout` seconds.
        """
        for address in self.addresses(host, port):
            try:
                return socket.create_connection((address, port), timeout)
            except OSError:
                continue
        raise unreachable(f"{self._source}: {host}:{port}")


def unreachable(where: str) -> SourceConnectionError:
    """The error of a host that does not answer, or breaks off."""
    return SourceConnectionError(
        vi="Không kết nối được tới nguồn hoặc kết nối bị ngắt.",
        en="The source cannot be reached, or the connection broke.",
        where=where,
        remedy=text(
            "Kiểm tra nguồn có đang hoạt động; lượt sau sẽ tự thử lại.",
            "Check that the source is running; the next run tries again by itself.",
        ),
    )


def _guarded(base: type[HTTPConnection], allow: AllowList) -> type[HTTPConnection]:
    """urllib3's connection class `base`, connecting only where `allow` allows."""

    class Guarded(base):  # type: ignore[misc,valid-type]
        def _new_conn(self) -> socket.socket:
            # The name stays the connection's host, so TLS still checks the certificate against it.
            failure: OSError | None = None
            for address in allow.addresses(self.host, self.port):
                try:
                    return create_connection(
                        (address, self.port),
                        self.timeout,
                        source_address=self.source_address,
                        socket_options=self.socket_options,
                    )
                except OSError as error:
                    failure = error
            if isinstance(failure, TimeoutError):
                raise urllib3.exceptions.ConnectTimeoutError(self, "timed out")
            raise urllib3.exceptions.NewConnectionError(self, "no connection")

    return Guarded


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, allow: AllowList):
        self._allow = allow
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)

        class Plain(HTTPConnectionPool):
            ConnectionCls = _guarded(HTTPConnection, self._allow)

        class Secure(HTTPSConnectionPool):
            ConnectionCls: Any = _guarded(HTTPSConnection, self._allow)

        self.poolmanager.pool_classes_by_scheme = {"http": Plain, "https": Secure}


@dataclass(frozen=True)
class Answer:
    """What a service answered: `body` is empty where it went to a file."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class _Retry(Exception):
    """The request is to be made once more, unless there were too many; then `error` stands."""

    def __init__(self, error: SourceError, wait: float | None = None):
        self.error = error
        self.wait = wait


class HttpClient:
    """Requests to one service: allowed hosts only, bounded in time and size, tried again.

    Credentials go to the origin of `address` only, never to a host that it redirects or links to.

    :param source: whose address, allow-list, credentials and CA certificate to use
    :param sleep: how to wait between two attempts
    """

    def __init__(self, source: Source, limits: Limits, sleep: Callable[[float], None] = time.sleep):
        self._source = source
        self._limits = limits
        self._sleep = sleep
        self.address = source.resolved(source.address).rstrip("/")
        self.allow = AllowList(source.name, [source.resolved(entry) for entry in source.allow])
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise SourceConfigurationError(
                vi="Địa chỉ nguồn không phải là địa chỉ HTTP.",
                en="The source's address is not an HTTP address.",
                where=source.name,
                expected=text(
                    "https://máy-chủ/đường-dẫn, không kèm tên và mật khẩu.",
                    "https://host/path, without user and password.",
                ),
            )
        self._origin = origin(self.address)
        self._session = requests.Session()
        # Neither a proxy nor a .netrc of the machine may come between a source and its allow-list.
        self._session.trust_env = False
        self._session.verify = source.resolved(source.tls["ca"]) if source.tls else True
        adapter = _GuardedAdapter(self.allow)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._auth = dict(source.auth)
        self._is_inside = False
        self._token: str | None = None
        self._token_until = 0.0

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()

    def url(self, path: str) -> str:
        """The address of `path` at the service."""
        return self.address + path

    def where(self, url: str) -> str:
        """`url` as an error may show it."""
        return f"{self._source.name}: {without_credentials(url)}"

    def fetch(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        accept: tuple[int, ...] = (200,),
        sink: BinaryIO | None = None,
        max_bytes: int | None = None,
    ) -> Answer:
        """The answer to one request, tried again where that may help.

        :param accept: the statuses that are answers
        :param sink: a seekable file that takes the body instead of memory
        :param max_bytes: the most that the body may have, decoded; else ``max_response_bytes``
        :raises SourceError: no such answer is to be had.
        """
        most = max_bytes or self._limits.max_response_bytes
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self._once(url, params, headers, method, sink, most)
            except _Retry as retry:
                if attempt >= self._limits.attempts:
                    raise retry.error from None
                self._sleep(self._wait(attempt, retry))
                continue
            if answer.status == 401 and self._auth.get("kind") == "oauth2" and not renewed:
                # The token may have been revoked or have run out early: once more with a new one.
                renewed = True
                self._token = None
                attempt -= 1
                continue
            if answer.status in accept:
                return answer
            raise self._not_accepted(answer, url)

    def _wait(self, attempt: int, retry: _Retry) -> float:
        """Seconds until the next attempt: what the service asks for, else doubling, with jitter."""
        most = self._limits.max_wait_seconds
        if retry.wait is not None:
            if retry.wait > most:
                # To come back sooner than asked would only be refused again.
                raise retry.error from None
            return retry.wait
        ceiling = min(_FIRST_WAIT * 2 ** (attempt - 1), most)
        return random.uniform(ceiling / 2, ceiling)

    def _once(
        self,
        url: str,
        params: Mapping[str, str | int] | None,
        headers: Mapping[str, str] | None,
        method: str,
        sink: BinaryIO | None,
        most: int,
    ) -> Answer:
        where = self.where(url)
        for _ in range(_MOST_REDIRECTS + 1):
            self._check_url(url)
            sent = {"Accept-Encoding": "gzip", **(headers or {})}
            if origin(url) == self._origin:
                sent |= self._credentials()
            try:
                with self._session.request(
                    method,
                    url,
                    params=params,
                    headers=sent,
                    stream=True,
                    allow_redirects=False,
                    timeout=(self._limits.connect_seconds, self._limits.timeout_seconds),
                ) as response:
                    if response.status_code in _REDIRECTS and "location" in response.headers:
                        url, params = urljoin(response.url, response.headers["location"]), None
                        continue
                    return self._received(response, where, sink, most)
            except SourceConnectionError as error:
                # The name could not be looked up this time.
                raise _Retry(error) from None
            except requests.exceptions.SSLError:
                raise self._untrusted(where) from None
            except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError):
                raise _Retry(timed_out(where, self._limits.timeout_seconds)) from None
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError):
                raise _Retry(unreachable(where)) from None
            except ValueError:
                # A redirect to what cannot be taken apart; requests looks at it as well.
                raise self._no_address(where) from None
        raise SourceAnswerError(
            vi="Dịch vụ chuyển hướng quá nhiều lần.",
            en="The service redirects too many times.",
            where=where,
        )

    def _received(
        self, response: requests.Response, where: str, sink: BinaryIO | None, most: int
    ) -> Answer:
        if response.status_code in _RETRIED:
            wait = _retry_after(response.headers.get("retry-after"))
            raise _Retry(self._busy(response.status_code, where), wait)
        body = bytearray()
        size = 0
        if sink is not None:
            sink.seek(0)
            sink.truncate()
        # A drip that never stops is silence too: the body as a whole has its time.
        deadline = time.monotonic() + max(self._limits.timeout_seconds * 10, most / 2**20)
        # What has come is taken at once: to wait until a chunk is full has no time limit.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > most:
                limit = "max_response_bytes" if sink is None else "max_file_bytes"
                raise too_large(where, limit, most, "byte", "bytes")
            if time.monotonic() > deadline:
                raise _Retry(timed_out(where, self._limits.timeout_seconds * 10))
            if sink is None:
                body += chunk
            else:
                sink.write(chunk)
        return Answer(
            response.status_code, dict(_lower(response.headers)), bytes(body), response.url
        )

    def _no_address(self, where: str) -> SourceRefusedError:
        return SourceRefusedError(
            vi="Dịch vụ dẫn tới một địa chỉ không phải HTTP.",
            en="The service leads to an address that is not HTTP.",
            where=where,
        )

    def _check_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            _, _, port = origin(url)
        except ValueError:
            raise self._no_address(self._source.name) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise self._no_address(self._source.name)
        if parts.scheme == "http" and self._origin[0] == "https":
            raise SourceRefusedError(
                vi="Dịch vụ chuyển từ HTTPS sang HTTP không mã hóa.",
                en="The service leads from HTTPS to plain HTTP.",
                where=self.where(url),
            )
        # Checked here too, so that a refusal does not depend on a connection being opened anew.
        self.allow.check(parts.hostname, port)

    # Credentials

    def _secret(self, name: str) -> str:
        return self._source.resolved(self._auth[name])

    def _credentials(self) -> dict[str, str]:
        kind = self._auth.get("kind")
        if kind is None:
            return {}
        self._check_confidential()
        if kind == "bearer":
            return {"Authorization": f"Bearer {self._secret('token')}"}
        if kind == "header":
            return {self._auth["header"]: self._secret("value")}
        if kind == "basic":
            pair = f"{self._secret('username')}:{self._secret('password')}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        if kind == "oauth2":
            return {"Authorization": f"Bearer {self._bearer()}"}
        raise SourceConfigurationError(
            vi=f"Kiểu xác thực “{kind}” không dùng được với HTTP.",
            en=f"Credentials of the kind `{kind}` do not go with HTTP.",
            where=self._source.name,
        )

    def _check_confidential(self) -> None:
        """Credentials go over plain HTTP only inside one's own network."""
        scheme, host, port = self._origin
        if scheme == "https" or self._is_inside:
            return
        for address in self.allow.addresses(host, port):
            if _inner(ipaddress.ip_address(address)).is_global:
                raise SourceConfigurationError(
                    vi="Không gửi thông tin xác thực qua HTTP không mã hóa.",
                    en="Credentials are not sent over plain HTTP.",
                    where=self.where(self.address),
                    remedy=text("Dùng địa chỉ https://.", "Use an https:// address."),
                )
        self._is_inside = True

    def _bearer(self) -> str:
        """A token of the service (OAuth 2.0 client credentials, RFC 6749, section 4.4)."""
        if self._token is not None and time.monotonic() < self._token_until:
            return self._token
        where = self.where(self.url(self._auth["token"]))
        form = {"grant_type": "client_credentials"}
        if "scope" in self._auth:
            form["scope"] = self._auth["scope"]
        client = (self._secret("client_id"), self._secret("client_secret"))
        if self._auth.get("style", "basic") == "form":
            form |= {"client_id": client[0], "client_secret": client[1]}
        try:
            with self._session.post(
                self.url(self._auth["token"]),
                data=form,
                auth=None if "client_secret" in form else client,
                stream=True,
                allow_redirects=False,
                timeout=(self._limits.connect_seconds, self._limits.timeout_seconds),
            ) as response:
                answer = self._received(response, where, None, 1024 * 1024)
        except SourceConnectionError as error:
            raise _Retry(error) from None
        except requests.exceptions.SSLError:
            raise self._untrusted(where) from None
        except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError):
            raise _Retry(timed_out(where, self._limits.timeout_seconds)) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError):
            raise _Retry(unreachable(where)) from None
        if answer.status != 200:
            raise SourceRefusedError(
                vi=f"Dịch vụ không cấp mã truy cập (HTTP {answer.status}).",
                en=f"The service does not hand out a token (HTTP {answer.status}).",
                where=where,
                remedy=text(
                    "Kiểm tra client_id, client_secret và quyền được cấp.",
                    "Check client_id, client_secret and the rights granted.",
                ),
            )
        try:
            granted = read_json(answer.body, where, 8)
            token, seconds = granted["access_token"], float(granted.get("expires_in", 300))
            if not isinstance(token, str) or not token.isprintable():
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SourceAnswerError(
                vi="Câu trả lời cấp mã truy cập không đúng OAuth 2.0.",
                en="The answer with the token is not OAuth 2.0.",
                where=where,
            ) from None
        self._token = token
        # Renewed a little early: a request takes time to arrive.
        self._token_until = time.monotonic() + max(seconds - min(30.0, seconds / 5), 0.0)
        return token

    # Errors

    def _busy(self, status: int, where: str) -> SourceConnectionError:
        return SourceConnectionError(
            vi=f"Dịch vụ đang bận hoặc gặp lỗi (HTTP {status}).",
            en=f"The service is busy or failing (HTTP {status}).",
            where=where,
            remedy=text(
                "Lượt sau sẽ tự thử lại; nếu kéo dài, báo đơn vị vận hành nguồn.",
                "The next run tries again by itself; if it lasts, tell those who run the source.",
            ),
        )

    def _untrusted(self, where: str) -> SourceRefusedError:
        return SourceRefusedError(
            vi="Không xác minh được chứng thư TLS của nguồn.",
            en="The source's TLS certificate cannot be verified.",
            where=where,
            remedy=text(
                "Kiểm tra chứng thư; nếu nguồn dùng CA riêng, khai báo tls: {ca: …}.",
                "Check the certificate; if the source has a CA of its own, declare tls: {ca: …}.",
            ),
        )

    def _not_accepted(self, answer: Answer, url: str) -> SourceError:
        where, status = self.where(url), answer.status
        if status in (401, 403):
            return SourceRefusedError(
                vi=f"Dịch vụ từ chối truy cập (HTTP {status}).",
                en=f"The service denies access (HTTP {status}).",
                where=where,
                remedy=text(
                    "Kiểm tra thông tin xác thực và quyền được cấp.",
                    "Check the credentials and the rights granted.",
                ),
            )
        return SourceAnswerError(
            vi=f"Dịch vụ trả lời HTTP {status}.",
            en=f"The service answers HTTP {status}.",
            where=where,
            remedy=text(
                "Kiểm tra đường dẫn và tham số trong khai báo nguồn.",
                "Check the path and the parameters in the source's declaration.",
            ),
        )


def origin(url: str) -> tuple[str, str, int]:
    """The scheme, host and port of `url`, where none is written that of its scheme.

    :raises ValueError: it cannot be taken apart.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").lower(), port


def _lower(headers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((name.lower(), value) for name, value in headers.items())


def _retry_after(value: str | None) -> float | None:
    """The seconds that a ``Retry-After`` header asks for: a number, or until a date (RFC 9110)."""
    if not value:
        return None
    if value.isascii() and value.strip().isdigit():
        return float(value.strip())
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
