"""The examples that the RFCs print, byte for byte.

RFC 8291 section 5 and Appendix A (encryption of a push), RFC 8188 section 3 (its encoding), RFC
8292 section 2.4 (the application server's signature).
"""

from __future__ import annotations

import json
import os
import re

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

from subscribers.transports.keys import (
    VapidIdentity,
    VapidSigner,
    encode_base64url,
    generate_vapid,
    public_point,
)
from subscribers.transports.webpush import encrypt, sealed

from .receiver import content_keys, decode, decrypt, receive, take_apart, web_push_keys


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decode(text), "big"), ec.SECP256R1())


# RFC 8291 section 5
PLAIN = b"When I grow up, I want to be a watermelon"
SENDER = private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
SENDER_POINT = decode(
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
)
BROWSER = private_key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
BROWSER_POINT = decode(
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
AUTH = decode("BTBZMqHH6r4Tts7J_aSIgg")
SALT = decode("DGv6ra1nlYgDCS1FRnbzlw")
BODY = decode(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

# RFC 8291 Appendix A
ECDH_SECRET = decode("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs")
PRK_KEY = decode("Snr3JMxaHVDXHWJn5wdC52WjpCtd2EIEGBykDcZW32k")
KEY_INFO = decode(
    "V2ViUHVzaDogaW5mbwAEJXGyvs3942BVGq8e0PTNNmwRzr5VX4m8t7GGpTM5FzFo7OLr4BhZe9MEebhuPI-OztV3"
    "ylkYfpJGmQ22ggCLDgT-M_SrDepxkU21WCP3O1SUj0EwbZIHMtu5pZpTKGSCIA5Zent7wmC6HCJ5mFgJkuk5cwAv"
    "MBKiiujwa7t45ewP"
)
IKM = decode("S4lYMb_L0FxCeq0WhDx813KgSYqU26kOyzWUdsXYyrg")
PRK = decode("09_eUZGrsvxChDCGRCdkLiDXrReGOEVeSCdCcPBSJSc")
CEK = decode("oIhVW04MRdy2XN9CiKLxTg")
NONCE = decode("4h_95klXJ5E_qnoN")
HEADER = decode(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
)
CIPHERTEXT = decode(
    "8pfeW0KbunFT06SuDKoJH9Ql87S1QUrdirN6GcG7sFz1y1sqLgVi1VhjVkHsUoEsbI_0LpXMuGvnzQ"
)

# RFC 8292 section 2.4
EXAMPLE = (
    "vapid t=eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9."
    "eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdX"
    "NoQGV4YW1wbGUuY29tIn0."
    "i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA, "
    "k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
)


def verify(header: str) -> tuple[dict[str, object], dict[str, object]]:
    """The JOSE header and the claims of an `Authorization` value (RFC 8292 section 3), verified
    with `cryptography` alone. Raises `InvalidSignature`."""
    found = re.fullmatch(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)", header, re.ASCII)
    assert found is not None
    jose, claims, signature, point = found.groups()
    raw = decode(signature)
    assert len(raw) == 64
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(point))
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(
        utils.encode_dss_signature(*numbers), f"{jose}.{claims}".encode(), ec.ECDSA(SHA256())
    )
    return json.loads(decode(jose)), json.loads(decode(claims))


def test_the_keys_of_the_example_are_pairs() -> None:
    assert public_point(SENDER) == SENDER_POINT
    assert public_point(BROWSER) == BROWSER_POINT


def test_rfc_8291_section_5_is_what_we_send() -> None:
    assert sealed(PLAIN, BROWSER_POINT, AUTH, key=SENDER, salt=SALT) == BODY
    assert BODY == HEADER + CIPHERTEXT
    assert receive(BODY, BROWSER, BROWSER_POINT, AUTH) == PLAIN


def test_rfc_8291_appendix_a() -> None:
    """Each value between, from both ends: the receiver of these tests is right, step by step."""
    keys = web_push_keys(BROWSER, BROWSER_POINT, SENDER_POINT, AUTH)
    assert keys == (ECDH_SECRET, KEY_INFO, PRK_KEY, IKM)
    other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), BROWSER_POINT)
    assert SENDER.exchange(ec.ECDH(), other) == ECDH_SECRET
    assert content_keys(SALT, IKM) == (PRK, CEK, NONCE)
    parts = take_apart(sealed(PLAIN, BROWSER_POINT, AUTH, key=SENDER, salt=SALT))
    assert parts == (SALT, 4096, SENDER_POINT, CIPHERTEXT)


def test_rfc_8188_section_3_1() -> None:
    body = decode("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg")
    assert decrypt(body, decode("yqdlZ-tYemfogSmv7Ws5PQ")) == b"I am the walrus"


def test_rfc_8188_section_3_2() -> None:
    """Two records, with padding and a key's name: what a push may not be."""
    body = decode(
        "uNCkWiNYzKTnBN9ji3-qWAAAABkCYTHOG8chz_gnvgOqdGYovxyjuqRyJFjEDyoF"
        "1Fvkj6hQPdPHI51OEUKEpgz3SsLWIqS_uA"
    )
    assert take_apart(body)[1:3] == (25, b"a1")
    assert decrypt(body, decode("BO3ZVPxUlnLORbVGMpbT1Q")) == b"I am the walrus"
    with pytest.raises(ValueError, match="no key"):
        receive(body, BROWSER, BROWSER_POINT, AUTH)


@pytest.mark.parametrize("size", [1, 16, 340, 2600, 3992, 3993])
def test_a_receiver_by_the_rfcs_reads_what_we_send(size: int) -> None:
    payload = os.urandom(size)
    body = encrypt(payload, BROWSER_POINT, AUTH)
    assert receive(body, BROWSER, BROWSER_POINT, AUTH) == payload
    assert take_apart(body).record_size == 4096


def test_rfc_8292_section_2_4() -> None:
    jose, claims = verify(EXAMPLE)
    assert jose == {"typ": "JWT", "alg": "ES256"}
    assert claims == {
        "aud": "https://push.example.net",
        "exp": 1453523768,
        "sub": "mailto:push@example.com",
    }


def test_a_changed_claim_does_not_verify() -> None:
    with pytest.raises(InvalidSignature):
        verify(EXAMPLE.replace("MjM3Njgs", "MjM3Njks"))


def test_our_header_has_the_shape_of_the_example() -> None:
    private, public = generate_vapid()
    identity = VapidIdentity("one", private, public, "mailto:push@shop.example")
    header = VapidSigner(lambda: 1_453_480_568.7).authorization(
        identity, "https://push.example.net"
    )
    jose, claims = verify(header)
    assert jose == {"typ": "JWT", "alg": "ES256"}
    assert claims == {
        "aud": "https://push.example.net",
        "exp": 1453523768,
        "sub": "mailto:push@shop.example",
    }
    assert header.endswith(f", k={encode_base64url(public)}")
    assert "=" not in header.replace("t=", "").replace("k=", "")
