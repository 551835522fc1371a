// xero-node, unmodified but for its base addresses: a person consents at the mock, and the client uses what it gets.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

// the very modules that xero-node uses
const require = createRequire(import.meta.url);
const axios = require("axios");
const { Issuer } = require("openid-client");
const { XeroClient } = require("xero-node");

const mock = process.argv[2];
const redirectUri = "http://localhost:8743/callback";
const organisation = { id: "a94c61e7-58d2-4b36-8f17-60de3b7ac002", name: "Maple Florist Ltd", shortCode: "!mPl7F" };
const scopes = ["openid", "profile", "email", "offline_access", "accounting.settings.read"];

// The addresses that are written into xero-node's source. Any other machine is refused.
axios.interceptors.request.use((request) => {
    request.url = request.url.replace(/^https:\/\/(api|identity)\.xero\.com/, mock);
    assert.ok(request.url.startsWith(`${mock}/`), `the client calls ${new URL(request.url).origin}`);
    return request;
});

async function step(what, work) {
    const result = await work();
    console.log(`xero-node    ${what.padEnd(44)} ok`);
    return result;
}

const order = async (path, body) => (await axios.post(`${mock}/_mock/${path}`, body)).data;
const journal = async () => (await axios.get(`${mock}/_mock/journal`)).data;

const app = await order("apps", { kind: "web", name: "Interop with node", redirect_uris: [redirectUri] });
const xero = new XeroClient({
    clientId: app.client_id,
    clientSecret: app.client_secret,
    redirectUris: [redirectUri],
    scopes,
    state: "state of this login",
});
const issuer = await step("discovery", () => Issuer.discover(mock));
xero.openIdClient = new issuer.Client({
    client_id: app.client_id,
    client_secret: app.client_secret,
    redirect_uris: [redirectUri],
});
xero.accountingApi.basePath = `${mock}/api.xro/2.0`;

const url = await step("consent URL", () => xero.buildConsentUrl());
const { location } = await step("consent (by the mock's control)", () =>
    order("consent", { url, organisations: [organisation.name] }),
);
assert.ok(location.startsWith(`${redirectUri}?code=`));

const first = await step("code exchange, id token verified", async () => {
    const tokens = await xero.apiCallback(location);
    assert.equal(tokens.claims().email, "ada@example.com");
    assert.equal(tokens.claims().aud, app.client_id);
    assert.ok(tokens.refresh_token && tokens.expires_in > 0);
    const asked = await journal();
    assert.ok(asked.some(({ path }) => path.endsWith("/jwks")), "the id token's key was never asked for");
    return { ...tokens };
});

await step("a changed id token is refused", async () => {
    const [header, , signature] = first.id_token.split(".");
    const claims = Buffer.from(JSON.stringify({ ...xero.readTokenSet().claims(), email: "eve@example.com" }));
    const changed = [header, claims.toString("base64url"), signature].join(".");
    await assert.rejects(xero.openIdClient.validateIdToken(changed, null, "token"), /signature/);
});

await step("refresh", async () => {
    const renewed = await xero.refreshToken();
    assert.notEqual(renewed.access_token, first.access_token);
    assert.notEqual(renewed.refresh_token, first.refresh_token);
    assert.equal(renewed.claims().sub, xero.readTokenSet().claims().sub);
});

const tenant = await step("connections", async () => {
    const tenants = await xero.updateTenants(false);
    assert.deepEqual(tenants.map((one) => [one.tenantId, one.tenantName]), [[organisation.id, organisation.name]]);
    assert.ok(Math.abs(Date.now() - new Date(`${tenants[0].createdDateUtc}Z`)) < 86_400_000);
    return tenants[0];
});

await step("organisation", async () => {
    const { body } = await xero.accountingApi.getOrganisations(tenant.tenantId);
    assert.equal(body.organisations.length, 1);
    assert.equal(body.organisations[0].name, organisation.name);
    assert.equal(body.organisations[0].organisationID, organisation.id);
    assert.equal(body.organisations[0].shortCode, organisation.shortCode);
});

await step("disconnect", async () => {
    await xero.disconnect(tenant.id);
    assert.deepEqual(await xero.updateTenants(false), []);
    await assert.rejects(xero.accountingApi.getOrganisations(tenant.tenantId));
});

await step("revocation", async () => {
    const { refresh_token } = xero.readTokenSet();
    await xero.revokeToken();
    await assert.rejects(xero.openIdClient.refresh(refresh_token), /invalid_grant/);
});
