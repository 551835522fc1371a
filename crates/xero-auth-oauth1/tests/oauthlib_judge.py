"""Judges signed requests with oauthlib. JSON in: {"public_key": PEM, "requests": [...]}; JSON out: one verdict a request."""

import json
import sys
from urllib.parse import urlsplit

from oauthlib.oauth1 import RequestValidator, SignatureOnlyEndpoint
from oauthlib.oauth1.rfc5849 import signature


class Validator(RequestValidator):
    enforce_ssl = False
    nonce_length = 1, 64
    client_key_length = 1, 64
    allowed_signature_methods = ("RSA-SHA1",)
    timestamp_lifetime = 10**12
    dummy_client = "dummy"

    def __init__(self, public_key):
        super().__init__()
        self.public_key = public_key

    def check_nonce(self, nonce):
        return bool(nonce)

    def check_client_key(self, client_key):
        return bool(client_key)

    def validate_client_key(self, client_key, request):
        return True

    def validate_timestamp_and_nonce(self, *args, **kwargs):
        return True

    def get_rsa_key(self, client_key, request):
        return self.public_key


def verdict(endpoint, request):
    headers = dict(request["headers"])
    uri, method, body = request["uri"], request["method"], request["body"]
    valid, _ = endpoint.validate_request(uri, method, body, headers)
    parameters = signature.collect_parameters(
        uri_query=urlsplit(uri).query,
        body=body if "Content-Type" in headers else [],
        headers=headers,
        exclude_oauth_signature=True,
    )
    base_string = signature.signature_base_string(
        method, signature.base_string_uri(uri), signature.normalize_parameters(parameters)
    )
    return {"valid": valid, "base_string": base_string}


def main():
    work = json.load(sys.stdin)
    endpoint = SignatureOnlyEndpoint(Validator(work["public_key"]))
    json.dump([verdict(endpoint, request) for request in work["requests"]], sys.stdout)


main()
