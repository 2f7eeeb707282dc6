"""Payload encryption: what Temporal stores cannot be read, altered or attributed to another key."""

import base64
import dataclasses

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter

from canonical.errors import Malformed, Misconfigured
from canonical.messages import QuoteToCashInput
from tieline.encryption import ENCODING, KEY_ID, AesGcmCodec, KeyRing

OLD, NEW = b"o" * 32, b"n" * 32
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"Globex, net 45"')


async def sealed(codec: AesGcmCodec) -> Payload:
    """The Globex payload, encrypted."""
    [payload] = await codec.encode([PLAIN])
    return payload


async def test_a_payload_survives_the_round_trip_and_is_not_readable_between() -> None:
    """Only the key's id is in the clear."""
    codec = AesGcmCodec(KeyRing({"2026-11": NEW}))

    payload = await sealed(codec)

    assert payload.metadata == {"encoding": ENCODING, KEY_ID: b"2026-11"}
    assert b"Globex" not in payload.SerializeToString()
    assert await codec.decode([payload]) == [PLAIN]


async def test_the_same_payload_never_looks_the_same() -> None:
    """Equal ciphertexts would tell that two customers have equal terms."""
    codec = AesGcmCodec(KeyRing({"2026-11": NEW}))

    assert (await sealed(codec)).data != (await sealed(codec)).data


async def test_after_a_rotation_the_new_key_encrypts_and_the_old_one_still_reads() -> None:
    """Histories outlive keys."""
    before = await sealed(AesGcmCodec(KeyRing({"2026-05": OLD})))
    rotated = AesGcmCodec(KeyRing({"2026-11": NEW, "2026-05": OLD}))

    after = await sealed(rotated)

    assert after.metadata[KEY_ID] == b"2026-11"
    assert await rotated.decode([before, after]) == [PLAIN, PLAIN]


async def test_a_key_that_is_gone_is_named() -> None:
    """The operator learns which key to bring back."""
    before = await sealed(AesGcmCodec(KeyRing({"2026-05": OLD})))

    with pytest.raises(Misconfigured, match="2026-05"):
        await AesGcmCodec(KeyRing({"2026-11": NEW})).decode([before])


@pytest.mark.parametrize("place", [0, 12, -1])
async def test_a_flipped_bit_is_noticed(place: int) -> None:
    """In nonce, ciphertext and tag alike."""
    codec = AesGcmCodec(KeyRing({"2026-11": NEW}))
    payload = await sealed(codec)
    data = bytearray(payload.data)
    data[place] ^= 1
    payload.data = bytes(data)

    with pytest.raises(Malformed, match="tampered"):
        await codec.decode([payload])


async def test_a_claim_that_another_key_made_it_is_noticed() -> None:
    """The id is authenticated with the content, even where two ids have one key."""
    codec = AesGcmCodec(KeyRing({"a": NEW, "b": NEW}))
    payload = await sealed(codec)
    payload.metadata[KEY_ID] = b"b"

    with pytest.raises(Malformed, match="tampered"):
        await codec.decode([payload])


async def test_a_truncated_payload_is_malformed() -> None:
    """Too short to hold a nonce and a tag."""
    codec = AesGcmCodec(KeyRing({"a": NEW}))
    payload = Payload(metadata={"encoding": ENCODING, KEY_ID: b"a"}, data=b"short")

    with pytest.raises(Malformed, match="truncated"):
        await codec.decode([payload])


async def test_payloads_from_before_encryption_are_read_as_they_are() -> None:
    """It can be switched on while processes run."""
    assert await AesGcmCodec(KeyRing({"a": NEW})).decode([PLAIN]) == [PLAIN]


async def test_models_pass_through_the_converter() -> None:
    """Encryption changes nothing for workflows and activities."""
    start = QuoteToCashInput(crm="salesforce", opportunity_id="globex")
    converter = dataclasses.replace(
        pydantic_data_converter, payload_codec=AesGcmCodec(KeyRing({"a": NEW}))
    )

    payloads = await converter.encode([start])

    assert await converter.decode(payloads, [QuoteToCashInput]) == [start]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "not set"),
        ({"KEY": "not base64!"}, "not base64"),
        ({"KEY": base64.b64encode(b"short").decode()}, "has 5 bytes"),
    ],
)
def test_a_wrong_key_is_explained_without_showing_it(
    environment: dict[str, str], words: str
) -> None:
    """The sentence names the key's id or variable, never its value."""
    with pytest.raises(Misconfigured, match=words) as refused:
        KeyRing.from_references(["2026-11:env:KEY"], environment)

    assert "payload_keys" in str(refused.value)
    assert "not base64!" not in str(refused.value)
