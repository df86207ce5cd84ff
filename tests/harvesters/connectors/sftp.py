"""A real SFTP server on this machine that serves a folder."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko

USER = "portal"
PASSWORD = "mat-khau-cua-sftp"


class _Login(paramiko.ServerInterface):
    def __init__(self, keys: list[str]):
        self._keys = keys

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        good = username == USER and key.get_base64() in self._keys
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Folder(paramiko.SFTPServerInterface):
    root: Path

    def _path(self, path: str) -> str:
        return str(self.root) + self.canonicalize(path)

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            names = sorted(os.listdir(self._path(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return [
            paramiko.SFTPAttributes.from_stat(os.lstat(f"{self._path(path)}/{name}"), name)
            for name in names
        ]

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._path(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def open(self, path: str, flags: int, attr: object) -> paramiko.SFTPHandle | int:
        try:
            file = os.fdopen(os.open(self._path(path), os.O_RDONLY), "rb")
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = file  # type: ignore[attr-defined]
        return handle


class Sftp:
    """Where the server is, and the key that it shows."""

    def __init__(self, port: int, key: paramiko.PKey):
        self.port = port
        self.host_key = f"{key.get_name()} {key.get_base64()}"
        self.accepted = 0


@contextmanager
def serving(root: Path, key: paramiko.PKey, keys: list[str]) -> Iterator[Sftp]:
    """A server of `root` that shows `key` and lets in whoever has one of `keys`."""
    folder = type("Folder", (_Folder,), {"root": root})
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.1)
    running = Sftp(listening.getsockname()[1], key)
    stopped = threading.Event()
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        while not stopped.is_set():
            try:
                line, _ = listening.accept()
            except TimeoutError:
                continue
            running.accepted += 1
            transport = paramiko.Transport(line)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, folder)
            transports.append(transport)
            try:
                transport.start_server(server=_Login(keys))
            except (paramiko.SSHException, EOFError):
                continue

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        stopped.set()
        thread.join(5)
        for transport in transports:
            transport.close()
        listening.close()
