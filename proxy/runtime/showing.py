"""What each listener shows to those who come with TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from functools import partial

from proxy.certificates import Certificate
from proxy.config.address import Address
from proxy.config.schema import Listener
from proxy.config.tls_schema import certificate_of
from proxy.downstream.tls import Certificates
from proxy.runtime.slices import Steps

Shown = dict[Address, Certificates]
NOTHING: Shown = {}


def showing(listeners: Iterable[Listener], before: Shown = NOTHING) -> Steps[Shown]:
    """By the address of the listener; those that are the same as `before` are not loaded again.

    Raises:
        ssl.SSLError: OpenSSL here does not take what it took where the file was read.
    """
    contexts = {pem: context for shown in before.values() for pem, context in shown.contexts.items()}
    result: Shown = {}
    for listener in listeners:
        certificates = [certificate_of(tls) for tls in listener.tls]
        for certificate in certificates:
            if certificate.pem not in contexts:
                yield partial(_load, contexts, certificate)
                _load(contexts, certificate)
        if certificates:
            result[listener.address] = Certificates([(one, contexts[one.pem]) for one in certificates])
    return result


def _load(contexts: dict[bytes, ssl.SSLContext], certificate: Certificate) -> None:
    """A millisecond of arithmetic: a thread does it first where somebody would have to wait."""
    if certificate.pem not in contexts:
        contexts[certificate.pem] = certificate.context()
