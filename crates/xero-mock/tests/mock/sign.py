"""Signs requests with requests-oauthlib the way pyxero does, and prints what would go over the wire.

Reads lines {"key": PEM, "requests": [...]} on stdin until its end; writes for each a line with a list, one object
for each request.
"""

import base64
import json
import sys

import requests
from requests_oauthlib import OAuth1


def signed(request, key):
    method = request.get("signature_method", "RSA-SHA1")
    auth = OAuth1(
        request["consumer_key"],
        client_secret="unused",
        resource_owner_key=request.get("token"),
        rsa_key=key if method.startswith("RSA") else None,
        signature_method=method,
        signature_type="query" if request.get("in_query") else "auth_header",
        nonce=request.get("nonce"),
        timestamp=request.get("timestamp"),
    )
    body = request.get("body")
    prepared = requests.Request(
        request["method"],
        request["url"],
        params=request.get("query"),
        headers=request.get("headers"),
        data=request.get("form") or (body.encode() if body else None),
        auth=auth,
    ).prepare()
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    body = prepared.body or b""
    return {
        "method": prepared.method,
        "url": text(prepared.url),
        "headers": {text(name): text(value) for name, value in prepared.headers.items()},
        "body": base64.b64encode(body if isinstance(body, bytes) else body.encode()).decode(),
    }


for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps([signed(request, order["key"]) for request in order["requests"]]), flush=True)
