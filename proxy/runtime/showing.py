"""What each listener shows to those who come with TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from functools import partial

from proxy.certificates import Certificate
from proxy.config.schema import Listener
from proxy.config.tls_schema import certificate_of
from proxy.downstream.tls import Certificates
from proxy.runtime.slices import Steps

Loaded = dict[bytes, ssl.SSLContext]  # by the PEM of what it shows


def loading(listeners: Iterable[Listener], before: Loaded | None = None) -> Steps[Loaded]:
    """What shows the certificates of all listeners; those that were there `before` are not loaded again.

    Raises:
        ssl.SSLError: OpenSSL here does not take what it took where the file was read.
    """
    loaded: Loaded = {}
    for certificate in [certificate_of(tls) for listener in listeners for tls in listener.tls]:
        if before is not None and certificate.pem in before:
            loaded[certificate.pem] = before[certificate.pem]
        else:
            yield partial(_load, loaded, certificate)
            _load(loaded, certificate)
    return loaded


def _load(loaded: Loaded, certificate: Certificate) -> None:
    """A millisecond of arithmetic: a thread does it first where somebody would have to wait."""
    if certificate.pem not in loaded:
        loaded[certificate.pem] = certificate.context()


def shown_by(listener: Listener | None, loaded: Loaded) -> Certificates | None:
    """None where it speaks without TLS."""
    if listener is None or not listener.tls:
        return None
    return Certificates([(one, loaded[one.pem]) for one in map(certificate_of, listener.tls)])
