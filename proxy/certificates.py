"""A certificate with its key: read, checked, and given to whoever shows it.

The rule of this room: the files are read once, by the process that reads the configuration, and whatever is
wrong with them is said there, so that all workers show the same and none needs the files later: a
certificate that is gone, half written or renewed with another key changes nothing for visitors.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as Parsed

DAY: Final = 86400
LARGEST: Final = 1 << 20  # octets of a file; a long chain has ten thousand
SPOKEN: Final = ["http/1.1"]  # what ALPN (RFC 7301) may agree on


class Certificate(NamedTuple):
    """What a listener shows.

    Attributes:
        pem: the chain, the own certificate first, and the key.
        names: it is for, in lower case: DNS names, where `*.example.com` stands for one label, and addresses.
        begins, expires: when it is valid, in seconds since 1970.
        mark: of the certificate's octets; another one has another.
    """

    pem: bytes
    names: tuple[str, ...]
    begins: float
    expires: float
    mark: str

    @property
    def name(self) -> str:
        """For people."""
        return self.names[0] if self.names else self.mark

    def context(self) -> ssl.SSLContext:
        """What shows it; takes a millisecond."""
        context = server_context()
        memory = os.memfd_create("certificate")  # `ssl` reads files alone
        try:
            with open(memory, "wb", closefd=False) as file:
                file.write(self.pem)
            context.load_cert_chain(f"/proc/self/fd/{memory}", password=_nobody_answers)
        finally:
            os.close(memory)
        return context


def server_context() -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with OpenSSL's ciphers, as Python has them: nothing that is known to be broken."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # a client could have us work for nothing (CVE-2011-1473)
    context.set_alpn_protocols(SPOKEN)
    return context


def read(certificate: Path, key: Path) -> Certificate:
    """Both files, and whether they belong together.

    Raises:
        ValueError: what is wrong with which of them.
    """
    # 15 MB of memory that only those need who have certificates.
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )
    from cryptography.x509 import load_pem_x509_certificates

    chain_text, key_text = _octets(certificate), _octets(key)
    try:
        chain = load_pem_x509_certificates(chain_text)
    except ValueError:
        raise ValueError(f"{certificate} is no certificate in PEM (-----BEGIN CERTIFICATE-----)") from None
    try:
        secret: Any = load_pem_private_key(key_text, None)
    except TypeError:
        how = f"openssl pkey -in {key.name} -out open.key"
        raise ValueError(f"{key} is locked with a passphrase; unlock it: {how}") from None
    except ValueError:
        raise ValueError(f"{key} is no private key in PEM (-----BEGIN PRIVATE KEY-----)") from None
    own = chain[0]
    if secret.public_key() != own.public_key():
        raise ValueError(f"{key} is not the key of {certificate}{_first(own, len(chain))}")
    # Written anew: the key's file may hold the chain as well, which would then be shown twice.
    key_pem: bytes = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    found = Certificate(
        b"".join(one.public_bytes(Encoding.PEM) for one in chain) + key_pem, _names(own),
        own.not_valid_before_utc.timestamp(), own.not_valid_after_utc.timestamp(),
        hashlib.sha256(own.public_bytes(Encoding.DER)).hexdigest()[:16])
    try:
        found.context()
    except ssl.SSLError as error:  # OpenSSL finds the key too short, say
        why = (error.reason or str(error)).lower().replace("_", " ")
        raise ValueError(f"{certificate} cannot be used: {why}") from None
    return found


def _octets(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(LARGEST)


def _first(own: Parsed, count: int) -> str:
    """What may be the matter: many put the chain together the wrong way round."""
    return f", whose first certificate is for {own.subject.rfc4514_string()}" if count > 1 else ""


def _names(own: Parsed) -> tuple[str, ...]:
    from cryptography.x509 import DNSName, ExtensionNotFound, IPAddress, SubjectAlternativeName

    try:
        names = own.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return ()  # browsers have not looked at the subject's name since 2017 (RFC 9525 section 6.3)
    addresses = map(str, names.get_values_for_type(IPAddress))
    return (*(name.lower() for name in names.get_values_for_type(DNSName)), *addresses)


def _nobody_answers() -> bytes:
    """OpenSSL would ask for a passphrase on the terminal."""
    return b""


def trouble(begins: float, expires: float, now: float) -> str:
    """What is the matter with a certificate that is valid between these times; empty where nothing is.

    It should have been renewed with a fifth of its life left, or two weeks: authorities and their programs
    renew with a third left.
    """
    if now < begins:
        return f"is not valid before {day(begins)}"
    if now >= expires:
        return f"has expired on {day(expires)}"
    if expires - now < min(14 * DAY, (expires - begins) / 5):
        return f"expires on {day(expires)}, in {(expires - now) / DAY:.1f} days"
    return ""


def day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
