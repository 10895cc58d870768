"""Certificates for tests: an authority that nobody else believes, and what it signs."""

import ssl
from datetime import UTC, datetime, timedelta

import trustme


class Authority:
    """Issues certificates as files in a folder, as certbot would leave them there."""

    def __init__(self, folder):
        self.folder = folder
        self._ca = trustme.CA()

    def issue(self, *names, file="cert", days=90.0, age=0.0, chain=None, **options):
        """(certificate, key) as paths, valid for so many days, the first of which began `age` days ago."""
        begins = datetime.now(UTC) - timedelta(days=age)
        made = self._ca.issue_cert(
            *names, not_before=begins, not_after=begins + timedelta(days=days), **options)
        certificate, key = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        key.unlink(missing_ok=True)
        made.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        parts = [one.bytes() for one in (*made.cert_chain_pems, self._ca.cert_pem)]
        certificate.write_bytes(b"".join(chain(parts) if chain else parts[:1]))
        return certificate, key

    def tls(self, *names, **options):
        """The same as YAML."""
        certificate, key = self.issue(*names, **options)
        return f"{{certificate: {certificate}, key: {key}}}"

    def client(self):
        """What believes it."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    def file(self):
        """For clients that want to be told by a path."""
        path = self.folder / "authority.pem"
        self._ca.cert_pem.write_to_path(path)
        return path
