"""Which of the sockets that share an address (SO_REUSEPORT) get new connections.

A socket that closes takes what its queue holds with it, and handshakes that have begun: so one that is to go
is passed over first, for longer than a handshake takes, while its worker still accepts. The kernel asks a
program of three instructions for each new connection; it needs no privilege (socket(7), classic BPF).
"""

from __future__ import annotations

import ctypes
import logging
import socket
import struct
from typing import Final

LOG = logging.getLogger("proxy.supervisor")

ATTACH: Final = 51  # SO_ATTACH_REUSEPORT_CBPF, see linux/asm-generic/socket.h
DETACH: Final = 68  # SO_DETACH_REUSEPORT_BPF
RANDOM: Final = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM
LOAD, MODULO, RETURN = 0x20, 0x94, 0x16  # BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_MOD|BPF_K, BPF_RET|BPF_A


def steer(sock: socket.socket, count: int) -> None:
    """Of those that share the address with `sock`, the first `count` get all new connections."""
    steps = ((LOAD, RANDOM), (MODULO, count), (RETURN, 0))
    program = ctypes.create_string_buffer(b"".join(struct.pack("@HBBI", code, 0, 0, k) for code, k in steps))
    _set(sock, ATTACH, struct.pack("@HP", len(steps), ctypes.addressof(program)))


def let_go(sock: socket.socket) -> None:
    """All of them get their share again."""
    _set(sock, DETACH, struct.pack("@i", 0))


def _set(sock: socket.socket, option: int, value: bytes) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, option, value)
    except OSError as error:  # an old kernel; then a handshake may be lost, as with most proxies
        LOG.debug("new connections cannot be steered: %s", error)
