"""An authority of the tests' own, and the signing of files with its leaf certificates."""

from __future__ import annotations

import datetime
import io
from dataclasses import dataclass
from functools import cache
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .carriers import encoded

Manifest = dict[str, Any]

MIMES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIC": "image/heic",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
}
SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
EMPTY = "http://c2pa.org/digitalsourcetype/empty"
TRAINED = SOURCES + "trainedAlgorithmicMedia"
COMPOSITE = SOURCES + "compositeWithTrainedAlgorithmicMedia"
CAPTURE = SOURCES + "digitalCapture"
OFFLINE: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "core": {"allowed_network_hosts": []},
    "builder": {"thumbnail": {"enabled": False}},
}
_START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2064, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its certificate as PEM text, and how to sign with a leaf of it."""

    pem: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def signer(self, end: datetime.datetime = _END, name: str = "Test signer") -> c2pa.Signer:
        """Return a signer whose certificate ends at the given time."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name("Example Generators Ltd", name)
        builder = _certificate(subject, self.certificate.subject, key.public_key(), end)
        usage = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
        leaf = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        info = c2pa.C2paSignerInfo(
            alg=c2pa.C2paSigningAlg.ES256,
            sign_cert=leaf.public_bytes(pem) + self.pem.encode(),
            private_key=key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
            ta_url=None,
        )
        return c2pa.Signer.from_info(info)


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _usage(*, signature: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signature,
        crl_sign=not signature,
        encipher_only=False,
        decipher_only=False,
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, end: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_START)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _new_authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name("Example Authority", name)
    certificate = (
        _certificate(subject, subject, key.public_key(), _END)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signature=False), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Authority(pem, certificate, key)


@cache
def authority() -> Authority:
    """Return the authority that a reader may take as an anchor."""
    return _new_authority("Test root")


@cache
def other_authority() -> Authority:
    """Return an authority that no reader knows."""
    return _new_authority("Another root")


def action(source: str | None, name: str = "c2pa.created", **more: Any) -> dict[str, Any]:
    """Return one action of a manifest."""
    named = {} if source is None else {"digitalSourceType": source}
    return {"action": name, **named, **more}


def manifest(
    *actions: dict[str, Any],
    label: str = "c2pa.actions.v2",
    assertions: tuple[dict[str, Any], ...] = (),
    generator: str = "Test generator",
) -> Manifest:
    """Return the definition of a manifest with the actions and further assertions."""
    return {
        "claim_generator_info": [{"name": generator, "version": "1.0"}],
        "assertions": [{"label": label, "data": {"actions": list(actions)}}, *assertions],
    }


def sign(
    definition: Manifest,
    kind: str = "JPEG",
    source: bytes = b"",
    signer: c2pa.Signer | None = None,
    ingredients: tuple[tuple[str, str, bytes], ...] = (),
    remote: str = "",
) -> bytes:
    """Return a signed file; an ingredient is a label, a relationship and a JPEG file."""
    builder = c2pa.Builder(definition, c2pa.Context.from_dict(OFFLINE))
    for label, relationship, content in ingredients:
        about = {"title": f"{label}.jpg", "relationship": relationship, "label": label}
        builder.add_ingredient(about, "image/jpeg", io.BytesIO(content))
    if remote:
        builder.set_no_embed()
        builder.set_remote_url(remote)
    signed = io.BytesIO()
    builder.sign(
        signer or authority().signer(),
        MIMES[kind],
        io.BytesIO(source or encoded(kind)),
        signed,
    )
    return signed.getvalue()
