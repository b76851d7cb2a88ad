"""Who an app's user is, as the site's server says it: a signed token (JWT, RFC 7519) of an hour.

    header: {"alg": "HS256" | "ES256"}
    claims: {"sub": external id, "aud": site key, "exp": seconds, "iat": seconds}

HS256 is signed with the site's identity secret (its hex text, as it was shown), ES256 with the
private half of the site's identity key. Each key is used with its own algorithm only, whatever a
token says of itself (RFC 8725 section 3.1).
"""

import re
import time
from typing import Any, NoReturn

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from accounts import identity
from accounts.models import Site
from subscribers.incoming import Refused, check_external_id, storable

LIFETIME = 3600  # seconds that a token holds at most
LEEWAY = 60  # seconds that clocks may differ
MAX_TOKEN = 2048
_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


def read(site: Site, token: str) -> str:
    """The external id that a token of this site vouches for.

    Raises `Refused` with 403 and the field "identity": code "identity_expired" when a newer one
    would do, else "identity".
    """
    if len(token) > MAX_TOKEN or not _COMPACT.fullmatch(token):
        _refuse("This is no signed identity: a JWT of at most 2,048 characters.")
    claims = _claims(site, token)
    now = int(time.time())  # as a float it could not be compared with whatever stands in a token
    if claims["exp"] - min(now, claims.get("iat", now)) > LIFETIME + LEEWAY:
        _refuse("A signed identity holds for an hour at most (exp).")
    if not storable(claims["sub"]):
        _refuse("The external id (sub) has characters that cannot be stored.")
    try:
        return check_external_id(claims["sub"])
    except Refused as error:
        _refuse(error.sentence)


def public_key(pem: str) -> EllipticCurvePublicKey:
    """The P-256 key that a site's tokens are checked with; ValueError for any other text."""
    try:
        key = load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm:
        raise ValueError("no key that is known") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError("no P-256 key")
    return key


def _claims(site: Site, token: str) -> dict[str, Any]:
    """What a token says, once its signature, audience and times are right; numbers as integers."""
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
        key: bytes | EllipticCurvePublicKey
        if algorithm == "HS256":
            key = identity.token_secret(site)
        elif algorithm == "ES256" and site.identity_public_key:
            key = public_key(site.identity_public_key)
        else:
            _refuse("A signed identity is signed with HS256, or with ES256 by the site's key.")
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=site.key,
            leeway=LEEWAY,
            options={"require": ["aud", "exp", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        _refuse("The signed identity has expired.", code="identity_expired")
    except jwt.ImmatureSignatureError:
        _refuse("The signed identity is of a later time (iat, nbf): a clock is wrong.")
    except jwt.MissingRequiredClaimError as error:
        _refuse(f"The signed identity lacks “{error.claim}”.")
    except jwt.InvalidAudienceError:
        _refuse("The signed identity is for another site (aud).")
    except (jwt.PyJWTError, ValueError, RecursionError):
        _refuse("The signed identity does not hold.")
    return claims | {name: int(claims[name]) for name in ("exp", "iat") if name in claims}


def _refuse(sentence: str, *, code: str = "identity") -> NoReturn:
    raise Refused(code, sentence, field="identity", status=403) from None
