"""The list of certificates whose signers are trusted: read, checked, counted."""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from forensics.errors import InvalidOption

MOST_BYTES = 5_000_000
_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
# DER: a certificate is a SEQUENCE (X.690).
_SEQUENCE = 0x30


@dataclass(frozen=True)
class TrustList:
    """Certificates in PEM; `count` of them, 0 where no list was given."""

    pem: str = ""
    count: int = 0


def read_trust_list(path: str) -> TrustList:
    """Read a PEM file of certificates; "" gives the empty list.

    Raises:
        InvalidOption: it cannot be read, or holds no certificate, or a damaged one.
    """
    if not path:
        return TrustList()
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InvalidOption(f"the trust list {path} cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise InvalidOption(f"the trust list {path} has over {MOST_BYTES // 10**6} MB; check it")
    blocks = _BLOCK.findall(data.decode("latin-1"))
    if not blocks:
        raise InvalidOption(f"the trust list {path} holds no certificate in PEM; check the file")
    if not all(map(_is_certificate, blocks)):
        raise InvalidOption(f"the trust list {path} holds a damaged certificate; fetch it again")
    whole = "".join(
        f"-----BEGIN CERTIFICATE-----{block}-----END CERTIFICATE-----\n" for block in blocks
    )
    return TrustList(whole, len(blocks))


def _is_certificate(block: str) -> bool:
    try:
        der = base64.b64decode("".join(block.split()), validate=True)
    except binascii.Error:
        return False
    return len(der) > 2 and der[0] == _SEQUENCE  # noqa: PLR2004
