"""xero-python, unmodified but for its base addresses, with a gateway's token in place of one of Xero's."""

import pathlib
import sys
import time

from xero_python.accounting import AccountingApi, Contact, Invoice, Invoices, LineItem
from xero_python.api_client import ApiClient
from xero_python.api_client.configuration import Configuration
from xero_python.api_client.oauth2 import OAuth2Token
from xero_python.exceptions import HTTPStatusException
from xero_python.identity import IdentityApi

GATEWAY, TOKEN_FILE, *CONNECTIONS = sys.argv[1:]
ORGANISATION = {"id": "a94c61e7-58d2-4b36-8f17-60de3b7ac002", "name": "Maple Florist Ltd"}


def ok(what):
    print(f"xero-python  {what:44} ok", flush=True)


def check(true, why):
    if not true:
        raise SystemExit(f"xero-python: {why}")


kept = {
    "access_token": pathlib.Path(TOKEN_FILE).read_text().strip(),
    "token_type": "Bearer",
    "expires_in": 1800,
    "expires_at": time.time() + 1800,
    "scope": ["openid"],
}
api_client = ApiClient(Configuration(oauth2_token=OAuth2Token("none", "none")), pool_threads=1)
api_client.oauth2_token_getter(lambda: kept)
api_client.oauth2_token_saver(kept.update)

for name in CONNECTIONS:
    base = f"{GATEWAY}/c/{name}"
    (connection,) = IdentityApi(api_client, base_url=base).get_connections()
    check(connection.tenant_id == ORGANISATION["id"], f"another organisation: {connection.tenant_id}")
    ok(f"{name}: connections by the gateway")

    accounting, tenant = AccountingApi(api_client, base_url=f"{base}/api.xro/2.0"), connection.tenant_id
    (organisation,) = accounting.get_organisations(tenant).organisations
    check(organisation.name == ORGANISATION["name"], f"another name: {organisation.name}")
    ok(f"{name}: organisations")

    contacts = accounting.get_contacts(tenant).contacts
    check(contacts, "there are no contacts")
    ok(f"{name}: contacts")

    line = LineItem(description="Tulips", quantity=2, unit_amount=12.5, account_code="200")
    contact = Contact(contact_id=contacts[0].contact_id)
    invoice = Invoice(type="ACCREC", contact=contact, line_items=[line], status="DRAFT")
    (made,) = accounting.create_invoices(tenant, invoices=Invoices(invoices=[invoice])).invoices
    check(made.contact.contact_id == contact.contact_id, "the invoice is for another contact")
    ok(f"{name}: an invoice is created")

    invoices = accounting.get_invoices(tenant, i_ds=[made.invoice_id]).invoices
    check(made.invoice_id in [one.invoice_id for one in invoices], "the invoice is not there")
    ok(f"{name}: invoices")

    try:
        accounting.get_organisations("00000000-0000-4000-8000-000000000000")
        check(False, "another organisation is let through")
    except HTTPStatusException as refused:
        check(refused.status == 403, f"refused otherwise: {refused.status}")
    ok(f"{name}: another organisation is refused")
