"""Encrypts what Temporal stores: AES-256-GCM over whole payloads, with a ring of named keys.

The key's id travels in the payload's metadata and is authenticated with it, so that neither the
ciphertext nor the claim of which key made it can be changed unnoticed.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from canonical.errors import Malformed, Misconfigured

ENCODING = b"binary/encrypted"
KEY_ID = "encryption-key-id"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16


class KeyRing:
    """Keys by id; the first one encrypts, all of them decrypt."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise Misconfigured(
                "payload_keys: a key ring needs a key; add one", about="payload_keys"
            )
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise Misconfigured(
                    f"payload_keys: key {key_id} has {len(key)} bytes; give it {KEY_BYTES}",
                    about="payload_keys",
                )
        self.active = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    @classmethod
    def from_references(
        cls, references: Sequence[str], environment: Mapping[str, str]
    ) -> "KeyRing":
        """The keys that `ID:env:NAME` references name; raises Misconfigured for one that is not
        there or is not base64."""
        keys: dict[str, bytes] = {}
        for reference in references:
            key_id, _, variable = reference.split(":", 2)
            keys[key_id] = _decoded(key_id, variable, environment)
        return cls(keys)

    def encrypt(self, plain: bytes) -> bytes:
        """Nonce, ciphertext and tag under the active key."""
        nonce = os.urandom(NONCE_BYTES)
        cipher = self._ciphers[self.active]
        return nonce + cipher.encrypt(nonce, plain, _authenticated(self.active))

    def decrypt(self, key_id: str, sealed: bytes) -> bytes:
        """The plain bytes; raises Misconfigured for a key that is gone, Malformed when tampered."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Misconfigured(
                f"payload_keys: key {key_id!r} is not there; add it to read older histories",
                about="payload_keys",
            )
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise Malformed("an encrypted payload is truncated", about="payload")
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, ciphertext, _authenticated(key_id))
        except InvalidTag:
            raise Malformed("an encrypted payload was tampered with", about="payload") from None


def _authenticated(key_id: str) -> bytes:
    return b"tieline/payload/" + key_id.encode()


def _decoded(key_id: str, variable: str, environment: Mapping[str, str]) -> bytes:
    value = environment.get(variable)
    if not value:
        raise Misconfigured(
            f"payload_keys: key {key_id} is to be in {variable}, which is not set; set it",
            about="payload_keys",
        )
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Misconfigured(
            f"payload_keys: {variable} is not base64; put {KEY_BYTES} bytes there in base64",
            about="payload_keys",
        ) from None


class AesGcmCodec(PayloadCodec):
    """Encrypts every payload; reads foreign ones unchanged, so that it can be switched on late."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt under the active key."""
        return [self._sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what this codec encrypted; raises Malformed or Misconfigured."""
        return [self._opened(payload) for payload in payloads]

    def _sealed(self, payload: Payload) -> Payload:
        metadata = {"encoding": ENCODING, KEY_ID: self._ring.active.encode()}
        return Payload(metadata=metadata, data=self._ring.encrypt(payload.SerializeToString()))

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        key_id = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
        return Payload.FromString(self._ring.decrypt(key_id, payload.data))
