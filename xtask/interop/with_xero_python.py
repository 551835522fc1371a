"""xero-python, unmodified but for its base addresses: a person consents at the mock, and the client uses what it gets.

xero-python begins with tokens; the consent URL and the code exchange are requests-oauthlib's.
"""

import datetime
import json
import sys
import urllib.request

from requests_oauthlib import OAuth2Session
from xero_python.accounting import AccountingApi
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi
from xero_python.exceptions import HTTPStatusException
from xero_python.identity import IdentityApi

MOCK = sys.argv[1]
REDIRECT_URI = "http://localhost:8743/callback"
ORGANISATION = {"id": "a94c61e7-58d2-4b36-8f17-60de3b7ac002", "name": "Maple Florist Ltd", "short_code": "!mPl7F"}
SCOPES = ["openid", "profile", "email", "offline_access", "accounting.settings.read"]


def order(path, body):
    """Tells the mock what to do; its answer."""
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{MOCK}/_mock/{path}", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def ok(what):
    print(f"xero-python  {what:44} ok", flush=True)


def check(true, why):
    if not true:
        raise SystemExit(f"xero-python: {why}")


app = order("apps", {"kind": "web", "name": "Interop with Python", "redirect_uris": [REDIRECT_URI]})
client_id, client_secret = app["client_id"], app["client_secret"]

# The addresses that are written into xero-python's source.
for name in ["client_credentials_token_url", "refresh_token_url"]:
    setattr(TokenApi, name, f"{MOCK}/connect/token")
TokenApi.revoke_token_url = f"{MOCK}/connect/revocation"

session = OAuth2Session(client_id, redirect_uri=REDIRECT_URI, scope=SCOPES)
url, state = session.authorization_url(f"{MOCK}/identity/connect/authorize")
ok("consent URL")

location = order("consent", {"url": url, "organisations": [ORGANISATION["name"]]})["location"]
check(location.startswith(f"{REDIRECT_URI}?code="), f"the consent ends at {location}")
ok("consent (by the mock's control)")

# In the body: before Basic, requests-oauthlib does not form-encode the secret (RFC 6749 section 2.3.1).
token = session.fetch_token(
    f"{MOCK}/connect/token", authorization_response=location, client_secret=client_secret, include_client_id=True
)
check(token["refresh_token"] and token["expires_in"] > 0, "the exchange gives too little")
check(set(token["scope"]) == set(SCOPES), f"other scopes than asked for: {token['scope']}")
ok("code exchange")

kept = dict(token)
api_client = ApiClient(Configuration(oauth2_token=OAuth2Token(client_id, client_secret)), pool_threads=1)
api_client.oauth2_token_getter(lambda: kept)
api_client.oauth2_token_saver(kept.update)

before = dict(kept)
api_client.refresh_oauth2_token()
check(kept["access_token"] != before["access_token"], "the access token is the old one")
check(kept["refresh_token"] != before["refresh_token"], "the refresh token is the old one")
ok("refresh")

identity = IdentityApi(api_client, base_url=MOCK)
(connection,) = identity.get_connections()
check(connection.tenant_id == ORGANISATION["id"], f"another organisation: {connection.tenant_id}")
check(connection.tenant_name == ORGANISATION["name"], f"another name: {connection.tenant_name}")
now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
check(abs(now - connection.created_date_utc.replace(tzinfo=None)) < datetime.timedelta(days=1), "another date")
ok("connections")

accounting = AccountingApi(api_client, base_url=f"{MOCK}/api.xro/2.0")
(organisation,) = accounting.get_organisations(connection.tenant_id).organisations
check(organisation.name == ORGANISATION["name"], f"another name: {organisation.name}")
check(organisation.organisation_id == ORGANISATION["id"], f"another id: {organisation.organisation_id}")
check(organisation.short_code == ORGANISATION["short_code"], f"another short code: {organisation.short_code}")
ok("organisation")

identity.delete_connection(connection.id)
check(identity.get_connections() == [], "the connection is still there")
ok("disconnect")

spent = dict(kept)
api_client.revoke_oauth2_token()
kept.update(spent)
try:
    api_client.refresh_oauth2_token()
    check(False, "a revoked refresh token is taken")
except HTTPStatusException as refused:
    check("invalid_grant" in str(refused), f"refused otherwise: {refused}")
ok("revocation")
