"""Certificates made on the fly: an authority, a server's for the loopback address and a client's, all signed by it."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)


@dataclass(slots=True, frozen=True)
class Certificates:
    """Paths of PEM files. With `asks_for_client` a server takes clients that the authority has signed, and no others."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    asks_for_client: bool = False

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.server_key)
        if self.asks_for_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context

    def grpc(self) -> Any:
        import grpc

        pair = (self.server_key.read_bytes(), self.server.read_bytes())
        authority = self.authority.read_bytes() if self.asks_for_client else None
        return grpc.ssl_server_credentials([pair], authority, self.asks_for_client)


def make_certificates(directory: Path, *, asks_for_client: bool = False) -> Certificates:
    """Make them all, in files of this directory."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", key, issuer=None, issuer_key=key)
    paths = {"authority": directory / "authority.pem"}
    paths["authority"].write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for name in ("server", "client"):
        own = ec.generate_private_key(ec.SECP256R1())
        signed = _certificate(name, own, issuer=authority, issuer_key=key)
        paths[name], paths[f"{name}_key"] = directory / f"{name}.pem", directory / f"{name}-key.pem"
        paths[name].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        paths[f"{name}_key"].write_bytes(_pem(own))
    return Certificates(**paths, asks_for_client=asks_for_client)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    loopback = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(_usage(is_authority=issuer is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(loopback), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    """What the key is for. Python 3.13 trusts no authority that does not say (RFC 5280, 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        **dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
            False,
        ),
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())
