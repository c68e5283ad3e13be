// A tour of what other scenarios ask of the API only to be refused: each of these operations succeeds over a real kernel, and
// answers as it is documented.

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CreatePromotionRequest,
  PromotionAdminServiceService,
} from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { tokenOf } from '../support/mail-server.ts';
import { openStage, PRODUCT, type StoryStage } from '../support/story-stage.ts';
import { StoryWorkspace } from '../support/story-workspace.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

let stage: StoryStage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.stop());

/** Asks by a credential, and expects a status. Returns what was answered. */
async function ask(
  token: string | undefined,
  [method, path, body]: readonly [method: string, path: string, body?: object],
  status: number,
): Promise<Record<string, unknown>> {
  const response = await fetchDocumented(`${stage.stack.bffs.get(PRODUCT)}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  expect({ path, status: response.status, text }).toMatchObject({ path, status });
  return text === '' ? {} : JSON.parse(text);
}

const signIn = (userId: string, email: string): Promise<string> =>
  stage.stack.issuer.mint({ productCode: PRODUCT, userId, email });

/** The token of the newest mail to an address. */
async function mailedTo(email: string, count = 1): Promise<string> {
  const mails = () => stage.mails.taken.filter(({ to }) => to.includes(email));
  await expect.poll(() => mails().length).toBeGreaterThanOrEqual(count);
  return tokenOf(mails().at(-1));
}

test('people: from a signup to members, invitations, projects and tokens', async () => {
  const email = 'tour@example.com';
  const signup = await ask(undefined, ['POST', '/v1/signups', { email, workspace_name: 'Tour' }], 201);
  await mailedTo(email);
  await ask(undefined, ['POST', `/v1/signups/${signup['signup_id']}/resend`], 200);
  const admin = await signIn('usr_tour', email);
  const opened = await ask(admin, ['POST', '/v1/signups/confirm', { token: await mailedTo(email, 2) }], 201);
  const workspace = `/v1/workspaces/${opened['workspace_id']}`;
  const project = await ask(admin, ['POST', `${workspace}/projects`, { display_name: 'Tour' }], 201);
  await ask(admin, ['PATCH', `${workspace}/projects/${project['project_id']}`, { display_name: 'Other' }], 200);

  const guest = 'tour-guest@example.com';
  const roles = [{ project_id: project['project_id'], role: 'project_viewer' }];
  await ask(admin, ['POST', `${workspace}/invitations`, { email: guest, project_roles: roles }], 201);
  const accepted = { token: await mailedTo(guest) };
  await ask(await signIn('usr_tour_guest', guest), ['POST', '/v1/invitations/accept', accepted], 200);
  const { members } = await ask(admin, ['GET', `${workspace}/members`], 200);
  const member = (members as { email: string; user_id: string }[]).find((each) => each.email === guest)?.user_id;
  const standing = { tenant_admin: false, project_roles: roles };
  await ask(admin, ['PATCH', `${workspace}/members/${member}`, standing], 200);
  await ask(admin, ['DELETE', `${workspace}/members/${member}`], 204);
  const other = await ask(admin, ['POST', `${workspace}/invitations`, { email: 'tour-other@example.com' }], 201);
  await ask(admin, ['DELETE', `${workspace}/invitations/${other['invitation_id']}`], 204);

  const made = await ask(admin, ['POST', '/v1/tokens', { display_name: 'Tour', role: 'tenant_admin' }], 201);
  await ask(admin, ['DELETE', `/v1/tokens/${Object(made['access_token']).access_token_id}`], 204);
});

test('alerts: an endpoint from its making to its end', async () => {
  const token = await (await StoryWorkspace.free(stage)).makeAccessToken();
  const receiver = await startWebhookReceiver();
  try {
    const endpoints = '/v1/billing/alerts/endpoints';
    const made = await ask(token, ['POST', endpoints, { url: receiver.url }], 201);
    const path = `${endpoints}/${Object(made['endpoint']).endpoint_id}`;
    await ask(token, ['GET', endpoints], 200);
    await ask(token, ['PUT', path, { url: receiver.url, enabled: true, description: 'Ours' }], 200);
    await ask(token, ['POST', `${path}/rotate-secret`], 200);
    const delivery = await ask(token, ['POST', `${path}/test`], 202);
    await receiver.waitFor(1);
    const listed = () => ask(token, ['GET', '/v1/billing/alerts/deliveries'], 200);
    await expect.poll(listed).toMatchObject({ deliveries: [{ state: 'delivered' }] });
    await ask(token, ['POST', `/v1/billing/alerts/deliveries/${delivery['delivery_id']}/resend`], 202);
    await ask(token, ['DELETE', path], 204);
  } finally {
    await receiver.stop();
  }
});

test('a code: what it would give, and what it gives', async () => {
  const by = { actor: 'usr_operator', reason: 'test' };
  const promotion = { requestId: 'tour', productCode: PRODUCT, code: 'TOUR', credit: { microcredits: 1n }, ...by };
  const sysadmin = stage.stack.connect(stage.stack.credentials.sysadmin);
  await sysadmin.call(PromotionAdminServiceService.createPromotion, CreatePromotionRequest.fromPartial(promotion));
  const token = await (await StoryWorkspace.free(stage)).makeAccessToken();
  await ask(token, ['POST', '/v1/billing/discounts/validate', { code: 'TOUR' }], 200);
  await ask(token, ['POST', '/v1/billing/codes/apply', { code: 'tour' }], 200);
});

test('the probes', async () => {
  await ask(undefined, ['GET', '/healthz'], 200);
  await ask(undefined, ['GET', '/readyz'], 200);
});

test('payments: a rule of automatic top-ups, the portal, and a trial that is canceled', async () => {
  const workspace = await StoryWorkspace.make(stage);
  const token = await workspace.makeAccessToken();
  await ask(token, ['POST', '/v1/billing/trial/cancel'], 200);
  await workspace.storeCard();
  await ask(token, ['POST', '/v1/billing/portal', {}], 200);
  await ask(token, ['POST', '/v1/billing/subscription/refresh'], 200);
  const price = { amount_cents: 1_000, microcredits: 10_000_000, currency: 'usd' };
  const rule = { enabled: true, consent: true, threshold_microcredits: 1_000_000, monthly_limit_cents: 5_000 };
  await ask(token, ['PUT', '/v1/billing/topups/auto', { ...rule, ...price }], 200);
});
