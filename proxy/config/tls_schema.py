"""The model of a certificate that a listener shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PrivateAttr, model_validator

from proxy.certificates import Certificate, read
from proxy.config.file_rules import ReadableFile
from proxy.config.model import Model
from proxy.config.rules import wrong


class TlsConfig(Model):
    """A certificate and its key, both as PEM (what certbot calls fullchain.pem and privkey.pem).

    Both are read with the configuration: a reload reads them again.
    """

    certificate: Annotated[Path, ReadableFile()] = Field(
        description="The certificate, and behind it those that lead to the authority's: fullchain.pem.")
    key: Annotated[Path, ReadableFile()] = Field(
        description="Its private key, without a passphrase; nobody else should be able to read it.")
    _read: Certificate = PrivateAttr()

    @model_validator(mode="after")
    def _read_both(self) -> Self:
        try:
            self._read = read(self.certificate, self.key)
        except (ValueError, OSError) as error:
            raise wrong(str(error)) from error
        return self


def certificate_of(tls: TlsConfig) -> Certificate:
    """What its files held when they were read."""
    return tls._read
