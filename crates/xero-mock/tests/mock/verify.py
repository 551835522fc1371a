"""Verifies a JSON Web Token with PyJWT and the key that its `kid` names in a JWK set.

Reads {"token", "keys", "audience", "issuer"} on stdin; writes {"header", "claims"} or {"refused"}.
"""

import json
import sys

import jwt

order = json.load(sys.stdin)
try:
    header = jwt.get_unverified_header(order["token"])
    keys = [jwt.PyJWK(key) for key in order["keys"]["keys"] if key["kid"] == header["kid"]]
    claims = jwt.decode(
        order["token"],
        keys[0].key,
        algorithms=["RS256"],
        audience=order["audience"],
        issuer=order["issuer"],
        options={"require": ["exp", "nbf", "iss", "aud"]},
    )
    print(json.dumps({"header": header, "claims": claims}))
except jwt.PyJWTError as error:
    print(json.dumps({"refused": str(error)}))
