"""Where files lie: a folder, a package, a web server, an SFTP server.

A store lists the files that fit a pattern and opens them, one at a time, as seekable binary files.
What comes from elsewhere is held in a temporary file that has no name, so that nothing of it is
left behind whatever happens.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote, unquote, urlsplit

import paramiko

from harvesters.connectors.base import too_large
from harvesters.connectors.network import AllowList, HttpClient, timed_out, unreachable
from harvesters.errors import (
    SourceAnswerError,
    SourceChangedError,
    SourceConfigurationError,
    SourceConnectionError,
    SourceError,
    SourceRefusedError,
    text,
)
from harvesters.sources import Limits, Source, SourceRecord

_SMALL = 8 * 2**20
_CHUNK = 256 * 1024
_PERIOD = r"\d{4}-\d{4}|\d{4}-\d{2}-\d{2}|\d{4}-\d{2}"
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
_MOST_VISITED = 200_000


@dataclass(frozen=True)
class Entry:
    """A file of a store.

    :param name: its path in the store, with ``/``
    :param period: the period that it is of, as the source calls it, if its name says so
    :param stamp: what tells its content's changes, where the listing has it
    """

    name: str
    period: str | None
    size: int
    stamp: str = ""


class Store(Protocol):
    """A place where files lie."""

    def find(self, pattern: Pattern, periods: Iterable[str]) -> list[Entry]:
        """The files that fit `pattern`, by name.

        :param periods: the periods to look for, where a store cannot list its files
        """

    def stamp(self, entry: Entry) -> str:
        """A text that changes when the file's content does; empty where nobody can tell."""

    def open(self, entry: Entry) -> Any:
        """A context manager that gives the file as a seekable binary file."""

    def close(self) -> None:
        """Let go of connections."""


class Pattern:
    """Which files of a store a record type is in: ``thu-vien/{period}/*.xlsx``.

    ``*`` and ``?`` stand for characters of a name, ``**`` for any folders, ``{period}`` for a
    period.

    :param periods: what the source calls its periods, where it calls them otherwise
    """

    def __init__(self, pattern: str, periods: Iterable[str] = ()):
        self.text = pattern
        named = [re.escape(name) for name in periods]
        self._period = "|".join(named) if named else _PERIOD
        self._regex = re.compile(self._translated(pattern))
        self.depth = None if "**" in pattern else pattern.count("/")
        self.has_wildcards = bool(re.search(r"[*?]", pattern))

    def _translated(self, pattern: str) -> str:
        parts = re.split(r"(\*\*/|\*|\?|\{period\})", pattern)
        regex = ""
        known = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
        for part in parts:
            if part == "{period}":
                again = "(?P<period>" in regex
                regex += "(?P=period)" if again else f"(?P<period>{self._period})"
            else:
                regex += known.get(part) or re.escape(part)
        return regex

    def match(self, name: str) -> tuple[bool, str | None]:
        """Whether `name` fits, and the period in it."""
        base = name.rpartition("/")[2]
        if base.startswith((".", "~$")) or base.lower().endswith(_UNFINISHED):
            return False, None
        found = self._regex.fullmatch(name)
        if not found:
            return False, None
        return True, found.groupdict().get("period")

    def named(self, period: str) -> str:
        """The name of the one file of `period`, for a pattern without wildcards."""
        return self.text.replace("{period}", period)


def open_store(source: Source, limits: Limits) -> Store:
    """The store at the address of `source`.

    :raises SourceConfigurationError: the address is of no kind that is known.
    :raises SourceRefusedError: the address is not on the allow-list.
    """
    address = source.resolved(source.address)
    allow = AllowList(source.name, [source.resolved(entry) for entry in source.allow])
    scheme = urlsplit(address).scheme if "://" in address else "file"
    if scheme == "file":
        return LocalStore(source.name, _local_root(source, address, allow), limits)
    if scheme == "package":
        return LocalStore(source.name, _package_root(source, address, allow), limits)
    if scheme in ("http", "https"):
        return HttpStore(source, limits)
    if scheme == "sftp":
        return SftpStore(source, address, allow, limits)
    raise SourceConfigurationError(
        vi=f"Không biết kiểu địa chỉ “{scheme}://”.",
        en=f"Addresses of the kind `{scheme}://` are not known.",
        where=source.name,
        expected=text(
            "thư mục tuyệt đối, package://, https:// hoặc sftp://.",
            "an absolute folder, package://, https:// or sftp://.",
        ),
    )


def _local_root(source: Source, address: str, allow: AllowList) -> Path:
    path = Path(unquote(urlsplit(address).path) if address.startswith("file://") else address)
    if not path.is_absolute():
        raise SourceConfigurationError(
            vi="Thư mục của nguồn phải là đường dẫn tuyệt đối.",
            en="A source's folder is an absolute path.",
            where=source.name,
        )
    root = path.resolve()
    if not any(root.is_relative_to(folder) for folder in allow.folders):
        raise SourceRefusedError(
            vi="Thư mục của nguồn nằm ngoài các thư mục cho phép.",
            en="The source's folder is outside the allowed folders.",
            where=source.name,
            remedy=text("Thêm thư mục vào allow.", "Add the folder to `allow`."),
        )
    return root


def _package_root(source: Source, address: str, allow: AllowList) -> Path:
    parts = address.removeprefix("package://").strip("/").split("/")
    dotted = ".".join(parts)
    if not any(dotted == each or dotted.startswith(f"{each}.") for each in allow.packages):
        raise SourceRefusedError(
            vi="Gói của nguồn không có trong danh sách cho phép.",
            en="The source's package is not on the allow-list.",
            where=source.name,
            remedy=text(f"Thêm package://{parts[0]} vào allow.",
                        f"Add package://{parts[0]} to `allow`."),
        )  # fmt: skip
    try:
        root = resources.files(parts[0]).joinpath(*parts[1:])
    except ModuleNotFoundError:
        root = None
    if not isinstance(root, Path) or ".." in parts:
        raise SourceConfigurationError(
            vi=f"Không có gói “{parts[0]}”.",
            en=f"There is no package `{parts[0]}`.",
            where=source.name,
        )
    return root.resolve()


class LocalStore:
    """A folder of this machine. Nothing outside it is read, by whatever link."""

    def __init__(self, source: str, root: Path, limits: Limits):
        self._source = source
        self._root = root
        self._limits = limits

    def close(self) -> None:
        """Nothing is held open."""

    def find(self, pattern: Pattern, periods: Iterable[str]) -> list[Entry]:
        """The files beneath the folder that fit `pattern`, by name."""
        if not self._root.is_dir():
            raise SourceConnectionError(
                vi="Không có thư mục của nguồn.",
                en="The source's folder is not there.",
                where=self._source,
                remedy=text("Kiểm tra ổ đĩa hoặc thư mục.", "Check the disk or the folder."),
            )
        entries: list[Entry] = []
        visited = 0
        for folder, folders, names in os.walk(self._root):
            relative = PurePosixPath(Path(folder).relative_to(self._root).as_posix())
            for name in folders:
                # A link to a folder is not followed; one that leads out of here is an attempt.
                if (Path(folder) / name).is_symlink():
                    self._inside(Path(folder) / name)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if pattern.depth is not None and len(relative.parts) >= pattern.depth:
                folders.clear()
            visited += len(names)
            for name in names:
                path = str(relative / name)
                fits, period = pattern.match(path)
                if fits:
                    entries.append(self._entry(path, period))
            if len(entries) > self._limits.max_files or visited > _MOST_VISITED:
                limit = self._limits.max_files
                raise too_large(self._source, "max_files", limit, "tệp", "files")
        return sorted(entries, key=lambda entry: entry.name)

    def stamp(self, entry: Entry) -> str:
        """The content's digest of a small file, since a copy of it is no change; the time of
        writing of a large one."""
        with self.open(entry) as file:
            if entry.size > _SMALL:
                return str(os.fstat(file.fileno()).st_mtime_ns)
            return hashlib.sha256(file.read(_SMALL + 1)).hexdigest()

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """The file of `entry`; that it stayed the same while it was read is checked at the end."""
        path = self._inside(self._root / entry.name)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            raise self._unreadable(entry.name) from None
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise self._unreadable(entry.name)
            yield file
            after = os.stat(path) if path.exists() else None
            if after is None or _state(before) != _state(after):
                raise SourceChangedError(
                    vi="Tệp thay đổi trong khi đang đọc.",
                    en="The file changed while it was being read.",
                    where=f"{self._source}: {entry.name}",
                    remedy=text("Lượt sau sẽ tự đọc lại.", "The next run reads it again."),
                )

    def _entry(self, name: str, period: str | None) -> Entry:
        try:
            about = self._inside(self._root / name).stat()
        except OSError:
            raise self._unreadable(name) from None
        if not stat.S_ISREG(about.st_mode):
            raise self._unreadable(name)
        return Entry(name, period, about.st_size)

    def _inside(self, path: Path) -> Path:
        real = path.resolve()
        if not real.is_relative_to(self._root):
            raise SourceRefusedError(
                vi="Liên kết dẫn ra ngoài thư mục của nguồn.",
                en="A link leads out of the source's folder.",
                where=f"{self._source}: {path.name}",
                remedy=text("Chép tệp vào thư mục thay cho liên kết.",
                            "Copy the file into the folder instead."),
            )  # fmt: skip
        return real

    def _unreadable(self, name: str) -> SourceError:
        return SourceConnectionError(
            vi="Không đọc được tệp.",
            en="The file cannot be read.",
            where=f"{self._source}: {name}",
            remedy=text("Kiểm tra quyền đọc của tệp.", "Check the rights to read the file."),
        )


def _state(about: os.stat_result) -> tuple[int, int, int, int]:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns


class HttpStore:
    """Files on a web server, which cannot be listed: a pattern names one file a period."""

    def __init__(self, source: Source, limits: Limits):
        self._client = HttpClient(source, limits)
        self._source = source
        self._limits = limits

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def find(self, pattern: Pattern, periods: Iterable[str]) -> list[Entry]:
        """The file of each of `periods` that is there."""
        if pattern.has_wildcards:
            raise SourceConfigurationError(
                vi="Máy chủ web không liệt kê tệp, nên mẫu tên không được có * hay ?.",
                en="A web server does not list its files: the pattern may not have * or ?.",
                where=self._source.name,
                remedy=text("Ghi tên tệp với {period}.", "Write the file's name with {period}."),
            )
        entries = []
        for period in periods:
            name = pattern.named(period)
            url = self._client.url("/" + quote(name))
            answer = self._client.fetch(url, method="HEAD", accept=(200, 404, 405, 410, 501))
            if answer.status in (404, 410):
                continue
            headers = answer.headers
            stamp = headers.get("etag") or headers.get("last-modified") or ""
            size = headers.get("content-length", "")
            entries.append(Entry(name, period, int(size) if size.isdigit() else 0, stamp))
        return entries

    def stamp(self, entry: Entry) -> str:
        """What the server says of the file's version."""
        return entry.stamp

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """The file of `entry`, downloaded."""
        with tempfile.TemporaryFile() as file:
            most = self._limits.max_file_bytes
            url = self._client.url("/" + quote(entry.name))
            self._client.fetch(url, sink=file, max_bytes=most)
            file.seek(0)
            yield file


class SftpStore:
    """Files on an SFTP server whose host key is declared; no other server is talked to."""

    def __init__(self, source: Source, address: str, allow: AllowList, limits: Limits):
        parts = urlsplit(address)
        self._source = source
        self._limits = limits
        self._allow = allow
        self._host, self._port = parts.hostname or "", parts.port or 22
        self._root = PurePosixPath(unquote(parts.path) or "/")
        self._where = f"{source.name}: sftp://{self._host}:{self._port}"
        self._transport: paramiko.Transport | None = None
        self._client: paramiko.SFTPClient | None = None
        if source.auth.get("kind") != "ssh":
            raise SourceConfigurationError(
                vi="Nguồn SFTP phải khai báo khóa của máy chủ.",
                en="An SFTP source must declare the server's host key.",
                where=source.name,
                remedy=text(
                    "Thêm auth: {kind: ssh, username: …, host_key: ssh-ed25519 AAAA…}.",
                    "Add auth: {kind: ssh, username: …, host_key: ssh-ed25519 AAAA…}.",
                ),
            )

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
        self._transport = self._client = None

    def find(self, pattern: Pattern, periods: Iterable[str]) -> list[Entry]:
        """The files beneath the folder that fit `pattern`, by name."""
        entries: list[Entry] = []
        visited = 0
        with self._errors():
            pending = [PurePosixPath()]
            while pending:
                folder = pending.pop()
                for about in self._sftp().listdir_iter(str(self._root / folder)):
                    visited += 1
                    path = folder / about.filename
                    mode = about.st_mode or 0
                    deeper = pattern.depth is None or len(path.parts) <= pattern.depth
                    if stat.S_ISDIR(mode) and deeper and not about.filename.startswith("."):
                        pending.append(path)
                    # A link may lead anywhere on the server: only plain files are taken.
                    fits, period = pattern.match(str(path))
                    if stat.S_ISREG(mode) and fits:
                        stamp = f"{about.st_size}-{about.st_mtime}"
                        entries.append(Entry(str(path), period, about.st_size or 0, stamp))
                    if len(entries) > self._limits.max_files or visited > _MOST_VISITED:
                        limit = self._limits.max_files
                        raise too_large(self._where, "max_files", limit, "tệp", "files")
        return sorted(entries, key=lambda entry: entry.name)

    def stamp(self, entry: Entry) -> str:
        """What the server says of the file's version."""
        return entry.stamp

    @contextmanager
    def open(self, entry: Entry) -> Iterator[BinaryIO]:
        """The file of `entry`, downloaded."""
        most = self._limits.max_file_bytes
        with tempfile.TemporaryFile() as file:
            with self._errors(), self._sftp().open(str(self._root / entry.name), "rb") as remote:
                remote.prefetch(min(entry.size, most))
                size = 0
                while chunk := remote.read(_CHUNK):
                    size += len(chunk)
                    if size > most:
                        where = f"{self._where}/{entry.name}"
                        raise too_large(where, "max_file_bytes", most, "byte", "bytes")
                    file.write(chunk)
            file.seek(0)
            yield file

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except SourceError:
            raise
        except paramiko.AuthenticationException:
            raise SourceRefusedError(
                vi="Máy chủ SFTP từ chối tài khoản.",
                en="The SFTP server denies the account.",
                where=self._where,
                remedy=text("Kiểm tra người dùng và khóa.", "Check the user and the key."),
            ) from None
        except FileNotFoundError:
            raise SourceAnswerError(
                vi="Máy chủ SFTP không có thư mục hoặc tệp này.",
                en="The SFTP server does not have this folder or file.",
                where=self._where,
            ) from None
        except TimeoutError:
            self.close()
            raise timed_out(self._where, self._limits.timeout_seconds) from None
        except (paramiko.SSHException, OSError, EOFError):
            self.close()
            raise unreachable(self._where) from None

    def _sftp(self) -> paramiko.SFTPClient:
        if self._client is None:
            auth = self._source.auth
            line = self._allow.connect(self._host, self._port, self._limits.connect_seconds)
            self._transport = transport = paramiko.Transport(line)
            transport.banner_timeout = transport.auth_timeout = self._limits.connect_seconds
            wanted = self._source.resolved(auth["host_key"]).split()[:2]
            # Asked for by its kind: a server shows one of its keys, the one that is agreed on.
            transport.get_security_options().key_types = _key_types(wanted[0])
            transport.start_client(timeout=self._limits.connect_seconds)
            shown = transport.get_remote_server_key()
            if [shown.get_name(), shown.get_base64()] != wanted:
                self.close()
                raise SourceRefusedError(
                    vi="Khóa của máy chủ SFTP không phải là khóa đã khai báo.",
                    en="The SFTP server's host key is not the one declared.",
                    where=self._where,
                    remedy=text(
                        "Hỏi đơn vị vận hành máy chủ; chỉ đổi host_key khi họ xác nhận.",
                        "Ask those who run the server; change host_key only if they confirm it.",
                    ),
                )
            user = self._source.resolved(auth["username"])
            if "key_file" in auth:
                transport.auth_publickey(user, self._key(auth))
            else:
                transport.auth_password(user, self._source.resolved(auth.get("password", "")))
            client = paramiko.SFTPClient.from_transport(transport)
            if client is None:
                raise unreachable(self._where)
            channel = client.get_channel()
            if channel is not None:
                channel.settimeout(self._limits.timeout_seconds)
            self._client = client
        return self._client

    def _key(self, auth: Any) -> paramiko.PKey:
        phrase = auth.get("passphrase")
        secret = self._source.resolved(phrase).encode() if phrase else None
        try:
            return paramiko.PKey.from_path(self._source.resolved(auth["key_file"]), secret)
        except (OSError, ValueError, TypeError, paramiko.SSHException):
            raise SourceConfigurationError(
                vi="Không đọc được khóa riêng của nguồn SFTP.",
                en="The private key of the SFTP source cannot be read.",
                where=self._source.name,
                remedy=text("Kiểm tra key_file và passphrase.", "Check key_file and passphrase."),
            ) from None


def _key_types(name: str) -> tuple[str, ...]:
    """The kinds of host key to ask for, so that a server shows the one of the kind `name`."""
    return ("rsa-sha2-512", "rsa-sha2-256") if name == "ssh-rsa" else (name,)


def periods_of(entries: Iterable[Entry], about: SourceRecord) -> list[str]:
    """The periods that `entries` are of, ascending."""
    return sorted({about.own_period(entry.period) for entry in entries if entry.period})
