// xero-node, unmodified but for its base addresses, with a gateway's token in place of one of Xero's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// the very modules that xero-node uses
const require = createRequire(import.meta.url);
const axios = require("axios");
const { XeroClient } = require("xero-node");

const [gateway, tokenFile, ...connections] = process.argv.slice(2);
const organisation = { id: "a94c61e7-58d2-4b36-8f17-60de3b7ac002", name: "Maple Florist Ltd" };
let base = gateway;

// The address that is written into xero-node's source. Any other machine is refused.
axios.interceptors.request.use((request) => {
    request.url = request.url.replace(/^https:\/\/api\.xero\.com/, base);
    assert.ok(request.url.startsWith(`${gateway}/`), `the client calls ${new URL(request.url).origin}`);
    return request;
});

async function step(what, work) {
    const result = await work();
    console.log(`xero-node    ${what.padEnd(44)} ok`);
    return result;
}

for (const name of connections) {
    base = `${gateway}/c/${name}`;
    const xero = new XeroClient();
    xero.setTokenSet({ access_token: readFileSync(tokenFile, "utf8").trim(), token_type: "Bearer", expires_in: 1800 });
    xero.accountingApi.basePath = `${base}/api.xro/2.0`;
    const api = xero.accountingApi;

    const { tenantId } = await step(`${name}: connections by the gateway`, async () => {
        const [tenant, ...more] = await xero.updateTenants();
        assert.deepEqual([tenant.tenantId, tenant.tenantName, more.length], [organisation.id, organisation.name, 0]);
        assert.equal(tenant.orgData.name, organisation.name);
        return tenant;
    });
    await step(`${name}: organisations`, async () => {
        const { body } = await api.getOrganisations(tenantId);
        assert.equal(body.organisations[0].organisationID, organisation.id);
    });
    const contact = await step(`${name}: contacts`, async () => {
        const { body } = await api.getContacts(tenantId);
        assert.ok(body.contacts.length > 0);
        return body.contacts[0];
    });
    const made = await step(`${name}: an invoice is created`, async () => {
        const line = { description: "Tulips", quantity: 2, unitAmount: 12.5, accountCode: "200" };
        const { contactID } = contact;
        const invoice = { type: "ACCREC", contact: { contactID }, lineItems: [line], status: "DRAFT" };
        const { body } = await api.createInvoices(tenantId, { invoices: [invoice] });
        assert.equal(body.invoices[0].contact.contactID, contactID);
        return body.invoices[0];
    });
    await step(`${name}: invoices`, async () => {
        const { body } = await api.getInvoices(tenantId, undefined, undefined, undefined, [made.invoiceID]);
        assert.ok(body.invoices.some(({ invoiceID }) => invoiceID === made.invoiceID));
    });
    await step(`${name}: another organisation is refused`, async () => {
        await assert.rejects(api.getOrganisations("00000000-0000-4000-8000-000000000000"), /403|another organisation/);
    });
}
