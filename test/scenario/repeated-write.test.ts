// Every route that writes, sent twice: under the same key with the same content it answers the same and is done once; under that key with
// other content it is refused. Where sending it again changes nothing by nature, or does all of it again, the document says so.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../../bff/routes/all.ts';
import {
  CreatePromotionRequest,
  PromotionAdminServiceService,
} from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { tokenOf } from '../support/mail-server.ts';
import { openStage, PRODUCT, type StoryStage } from '../support/story-stage.ts';
import { StoryWorkspace } from '../support/story-workspace.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

type Json = Readonly<Record<string, unknown>>;

/** A request that writes. */
interface Write {
  readonly token?: string;
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a write of one operation is made. */
interface Case {
  /** Is what goes first, once for each test; and other content for the same key, where there can be any. */
  readonly prepare: () => Promise<readonly [write: Write, other?: Pick<Write, 'path' | 'body'>]>;
  /** Are fields that only the first answer has, as the document says. */
  readonly once?: readonly string[];
  /** Are fields that go on by themselves after the answer: a repeat is told how they stand. */
  readonly moving?: readonly string[];
  /** Counts what the write makes, where it makes something. */
  readonly count?: (write: Write) => Promise<number>;
}

const DELIVERY_PROGRESS = ['attempts', 'state', 'status', 'failure', 'due_time', 'deliver_time'];

let stage: StoryStage;
let receiver: WebhookReceiver;
let people = 0;

beforeAll(async () => {
  stage = await openStage();
  receiver = await startWebhookReceiver();
  const sysadmin = stage.stack.connect(stage.stack.credentials.sysadmin);
  for (const code of ['TWICE', 'OTHER']) {
    const promotion = { requestId: code, productCode: PRODUCT, code, credit: { microcredits: 1_000n } };
    const by = { actor: 'usr_operator', reason: 'test' };
    await sysadmin.call(
      PromotionAdminServiceService.createPromotion,
      CreatePromotionRequest.fromPartial({ ...promotion, ...by }),
    );
  }
});
afterAll(async () => {
  await receiver.stop();
  await stage.stop();
});

async function send(method: string, { token, path, body, headers }: Write, key?: string) {
  const response = await fetchDocumented(`${stage.stack.bffs.get(PRODUCT)}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json: Json = text === '' ? {} : JSON.parse(text);
  return { status: response.status, body: json };
}

async function ask(method: string, write: Write): Promise<Json> {
  const { status, body } = await send(method, write);
  expect(status, JSON.stringify(body)).toBeLessThan(300);
  return body;
}

interface Person {
  readonly email: string;
  readonly token: string;
}

async function newPerson(): Promise<Person> {
  people += 1;
  const [userId, email] = [`usr_twice_${people}`, `twice-${people}@example.com`];
  return { email, token: await stage.stack.issuer.mint({ productCode: PRODUCT, userId, email }) };
}

/** A workspace of a person's own. */
async function newWorkspace(): Promise<Person & { readonly path: string; readonly id: string }> {
  const person = await newPerson();
  const made = await ask('POST', { token: person.token, path: '/v1/workspaces', body: { display_name: 'Twice' } });
  return { ...person, id: String(made['workspace_id']), path: `/v1/workspaces/${made['workspace_id']}` };
}

async function free(): Promise<{ readonly workspace: StoryWorkspace; readonly token: string }> {
  const workspace = await StoryWorkspace.free(stage);
  return { workspace, token: await workspace.makeAccessToken() };
}

async function withCard(): Promise<{ readonly workspace: StoryWorkspace; readonly token: string }> {
  const made = await free();
  await made.workspace.storeCard();
  return made;
}

async function subscribed(): Promise<{ readonly workspace: StoryWorkspace; readonly token: string }> {
  const made = await withCard();
  await made.workspace.post('/subscription', { plan_code: 'pro' });
  return made;
}

async function mailedTo(email: string, count = 1): Promise<string> {
  const mails = () => stage.mails.taken.filter(({ to }) => to.includes(email));
  await expect.poll(() => mails().length).toBeGreaterThanOrEqual(count);
  return tokenOf(mails().at(-1));
}

const countAt =
  (path: (write: Write) => string, list: string) =>
  async ({ token, ...write }: Write): Promise<number> => {
    const body = await ask('GET', { ...(token !== undefined && { token }), path: path(write) });
    return (body[list] as readonly unknown[]).length;
  };

const billing = (path: string): string => `/v1/billing${path}`;
const ENDPOINTS = billing('/alerts/endpoints');
const RULE = {
  ...{ enabled: true, consent: true, threshold_microcredits: 1_000_000, monthly_limit_cents: 5_000 },
  ...{ amount_cents: 1_000, microcredits: 10_000_000, currency: 'usd' },
};
const PACKAGE = { amount_cents: 1_000, microcredits: 10_000_000, currency: 'usd' };

/** An endpoint of alerts, by the path of what is done to it. */
async function endpointPath(suffix: string): Promise<readonly [token: string, path: string]> {
  const { token } = await free();
  const made = await ask('POST', { token, path: ENDPOINTS, body: { url: receiver.url } });
  return [token, `${ENDPOINTS}/${Object(made['endpoint']).endpoint_id}${suffix}`];
}

async function member(): Promise<readonly [token: string, path: string, email: string]> {
  const { token, path } = await newWorkspace();
  const guest = await newPerson();
  await ask('POST', { token, path: `${path}/invitations`, body: { email: guest.email, tenant_admin: true } });
  const accepted = { token: await mailedTo(guest.email) };
  await ask('POST', { token: guest.token, path: '/v1/invitations/accept', body: accepted });
  const { members } = await ask('GET', { token, path: `${path}/members` });
  const found = (members as { email: string; user_id: string }[]).find(({ email }) => email === guest.email);
  return [token, `${path}/members/${found?.user_id}`, guest.email];
}

async function signup(): Promise<Person & { readonly id: string }> {
  const person = await newPerson();
  const body = { email: person.email, workspace_name: 'Twice' };
  const made = await ask('POST', { path: '/v1/signups', body });
  return { ...person, id: String(made['signup_id']) };
}

const CASES: Readonly<Record<string, Case>> = {
  startTrial: {
    prepare: async () => {
      const { token } = await free();
      const path = billing('/trial');
      return [
        { token, path, body: { plan_code: 'pro' } },
        { path, body: { plan_code: 'plus' } },
      ];
    },
  },
  cancelTrial: {
    prepare: async () => {
      const token = await (await StoryWorkspace.make(stage)).makeAccessToken();
      return [{ token, path: billing('/trial/cancel') }];
    },
  },
  activateSubscription: {
    prepare: async () => {
      const { token } = await withCard();
      const path = billing('/subscription');
      return [
        { token, path, body: { plan_code: 'pro' } },
        { path, body: { plan_code: 'plus' } },
      ];
    },
    count: countAt(() => billing('/payment-history'), 'payments'),
  },
  previewPlanChange: {
    prepare: async () => {
      const { token } = await subscribed();
      return [{ token, path: billing('/subscription/preview'), body: { plan_code: 'plus' } }];
    },
  },
  changePlan: {
    prepare: async () => {
      const { token } = await subscribed();
      const path = billing('/subscription/change-plan');
      return [
        { token, path, body: { plan_code: 'plus' } },
        { path, body: { plan_code: 'pro' } },
      ];
    },
    count: countAt(() => billing('/payment-history'), 'payments'),
  },
  cancelSubscription: {
    prepare: async () => {
      const { token } = await subscribed();
      const path = billing('/subscription/cancel');
      return [
        { token, path, body: {} },
        { path, body: { at_once: true } },
      ];
    },
  },
  resumeSubscription: {
    prepare: async () => {
      const { workspace, token } = await subscribed();
      await workspace.post('/subscription/cancel', {});
      return [{ token, path: billing('/subscription/resume') }];
    },
  },
  convertTrialNow: {
    prepare: async () => {
      const workspace = await StoryWorkspace.make(stage);
      await workspace.storeCard();
      const path = billing('/subscription/convert-trial-now');
      const other = { hosted_page: true, return_path: '/plans' };
      return [
        { token: await workspace.makeAccessToken(), path, body: {} },
        { path, body: other },
      ];
    },
  },
  refreshSubscription: {
    prepare: async () => [{ token: (await subscribed()).token, path: billing('/subscription/refresh') }],
  },
  setUpPaymentMethod: {
    prepare: async () => {
      const path = billing('/payment-methods/setup');
      const body = { hosted_page: true, return_path: '/settings/billing' };
      return [
        { token: (await free()).token, path, body },
        { path, body: { ...body, return_path: '/plans' } },
      ];
    },
  },
  setDefaultPaymentMethod: {
    prepare: async () => {
      const { workspace, token } = await withCard();
      await workspace.storeCard('5555555555554444');
      const path = billing('/payment-methods/default');
      const [first, second] = (await workspace.cards()).map(({ payment_method_id }) => ({ payment_method_id }));
      return [
        { token, path, ...(first && { body: first }) },
        { path, ...(second && { body: second }) },
      ];
    },
  },
  openPortal: {
    prepare: async () => {
      const path = billing('/portal');
      return [{ token: (await withCard()).token, path, body: {} }];
    },
  },
  setAutoTopUp: {
    prepare: async () => {
      const path = billing('/topups/auto');
      const { token } = await subscribed();
      return [
        { token, path, body: RULE },
        { path, body: { ...RULE, monthly_limit_cents: 9_000 } },
      ];
    },
  },
  createTopUp: {
    prepare: async () => {
      const path = billing('/topups/payg/intent');
      const { token } = await subscribed();
      const body = { ...PACKAGE, use_stored_card: true };
      return [
        { token, path, body },
        { path, body: PACKAGE },
      ];
    },
    count: countAt(() => billing('/topups'), 'topups'),
  },
  cancelTopUp: {
    prepare: async () => {
      const { workspace, token } = await subscribed();
      const [first, second] = [
        await workspace.post('/topups/payg/intent', PACKAGE),
        await workspace.post('/topups/payg/intent', PACKAGE),
      ];
      const pathOf = (topUp: Json): string => billing(`/topups/${topUp['topup_id']}/cancel`);
      return [{ token, path: pathOf(first) }, { path: pathOf(second) }];
    },
  },
  applyCode: {
    prepare: async () => {
      const path = billing('/codes/apply');
      return [
        { token: (await free()).token, path, body: { code: 'TWICE' } },
        { path, body: { code: 'OTHER' } },
      ];
    },
  },
  validateDiscount: {
    prepare: async () => [
      { token: (await free()).token, path: billing('/discounts/validate'), body: { code: 'TWICE' } },
    ],
  },
  setThresholds: {
    prepare: async () => {
      const path = billing('/alerts/thresholds');
      const { token } = await free();
      return [
        { token, path, body: { microcredits: [1_000] } },
        { path, body: { microcredits: [2_000] } },
      ];
    },
  },
  createAlertEndpoint: {
    prepare: async () => {
      const { token } = await free();
      const body = { url: receiver.url };
      return [
        { token, path: ENDPOINTS, body },
        { path: ENDPOINTS, body: { url: `${receiver.url}/other` } },
      ];
    },
    once: ['secret'],
    count: countAt(() => ENDPOINTS, 'endpoints'),
  },
  updateAlertEndpoint: {
    prepare: async () => {
      const [token, path] = await endpointPath('');
      const body = { url: receiver.url, enabled: true, description: 'Ours' };
      return [{ token, path, body }];
    },
  },
  rotateAlertEndpointSecret: {
    prepare: async () => {
      const [token, path] = await endpointPath('/rotate-secret');
      return [{ token, path }];
    },
    once: ['secret'],
  },
  deleteAlertEndpoint: {
    prepare: async () => {
      const [token, path] = await endpointPath('');
      return [{ token, path }];
    },
  },
  testAlertEndpoint: {
    prepare: async () => {
      const [token, path] = await endpointPath('/test');
      return [{ token, path }];
    },
    moving: DELIVERY_PROGRESS,
    count: countAt(() => billing('/alerts/deliveries'), 'deliveries'),
  },
  resendAlertDelivery: {
    prepare: async () => {
      const [token, path] = await endpointPath('/test');
      const sent = await ask('POST', { token, path });
      const states = async () => {
        const { deliveries } = await ask('GET', { token, path: billing('/alerts/deliveries') });
        return (deliveries as { state: string }[]).map(({ state }) => state);
      };
      await expect.poll(states).toEqual(['delivered']);
      return [{ token, path: billing(`/alerts/deliveries/${sent['delivery_id']}/resend`) }];
    },
    moving: DELIVERY_PROGRESS,
  },
  createWorkspace: {
    prepare: async () => {
      const path = '/v1/workspaces';
      const { token } = await newPerson();
      return [
        { token, path, body: { display_name: 'Twice' } },
        { path, body: { display_name: 'Other' } },
      ];
    },
    count: countAt(() => '/v1/workspaces', 'workspaces'),
  },
  updateWorkspace: {
    prepare: async () => {
      const { token, path } = await newWorkspace();
      return [
        { token, path, body: { display_name: 'New' } },
        { path, body: { display_name: 'Newer' } },
      ];
    },
  },
  closeWorkspace: {
    prepare: async () => {
      const { token, path } = await newWorkspace();
      return [{ token, path: `${path}/close` }];
    },
  },
  updateMember: {
    prepare: async () => {
      const [token, path] = await member();
      const body = { tenant_admin: true, project_roles: [] };
      return [
        { token, path, body },
        { path, body: { ...body, tenant_admin: false } },
      ];
    },
  },
  removeMember: {
    prepare: async () => {
      const [token, path] = await member();
      return [{ token, path }, { path: `${path.slice(0, path.lastIndexOf('/'))}/usr_somebody_else` }];
    },
  },
  createInvitation: {
    prepare: async () => {
      const { token, path: workspace } = await newWorkspace();
      const path = `${workspace}/invitations`;
      const body = { email: 'one@example.com', tenant_admin: true };
      return [
        { token, path, body },
        { path, body: { ...body, email: 'two@example.com' } },
      ];
    },
    count: countAt(({ path }) => path, 'invitations'),
  },
  revokeInvitation: {
    prepare: async () => {
      const { token, path } = await newWorkspace();
      const body = { email: 'one@example.com', tenant_admin: true };
      const made = await ask('POST', { token, path: `${path}/invitations`, body });
      return [{ token, path: `${path}/invitations/${made['invitation_id']}` }];
    },
  },
  acceptInvitation: {
    prepare: async () => {
      const { token, path } = await newWorkspace();
      const guest = await newPerson();
      await ask('POST', { token, path: `${path}/invitations`, body: { email: guest.email, tenant_admin: true } });
      return [{ token: guest.token, path: '/v1/invitations/accept', body: { token: await mailedTo(guest.email) } }];
    },
    count: countAt(() => '/v1/workspaces', 'workspaces'),
  },
  createProject: {
    prepare: async () => {
      const { token, path: workspace } = await newWorkspace();
      const path = `${workspace}/projects`;
      return [
        { token, path, body: { display_name: 'Twice' } },
        { path, body: { display_name: 'Other' } },
      ];
    },
    count: countAt(({ path }) => path, 'projects'),
  },
  updateProject: {
    prepare: async () => {
      const { token, path: workspace } = await newWorkspace();
      const made = await ask('POST', { token, path: `${workspace}/projects`, body: { display_name: 'Twice' } });
      const path = `${workspace}/projects/${made['project_id']}`;
      return [
        { token, path, body: { display_name: 'New' } },
        { path, body: { archived: true } },
      ];
    },
  },
  createAccessToken: {
    prepare: async () => {
      const { token } = await newWorkspace();
      const body = { display_name: 'Twice', role: 'tenant_admin' };
      return [
        { token, path: '/v1/tokens', body },
        { path: '/v1/tokens', body: { ...body, display_name: 'Other' } },
      ];
    },
    once: ['token'],
    count: countAt(() => '/v1/tokens', 'access_tokens'),
  },
  revokeAccessToken: {
    prepare: async () => {
      const { token } = await newWorkspace();
      const body = { display_name: 'Twice', role: 'tenant_admin' };
      const made = await ask('POST', { token, path: '/v1/tokens', body });
      return [{ token, path: `/v1/tokens/${Object(made['access_token']).access_token_id}` }];
    },
  },
  startSignup: {
    prepare: async () => {
      const { email } = await newPerson();
      const body = { email, workspace_name: 'Twice' };
      return [
        { path: '/v1/signups', body },
        { path: '/v1/signups', body: { ...body, workspace_name: 'Other' } },
      ];
    },
  },
  resendSignup: {
    prepare: async () => [{ path: `/v1/signups/${(await signup()).id}/resend` }],
  },
  confirmSignup: {
    prepare: async () => {
      const { email, token } = await signup();
      return [{ token, path: '/v1/signups/confirm', body: { token: await mailedTo(email) } }];
    },
    count: countAt(() => '/v1/workspaces', 'workspaces'),
  },
};

const WRITES = ROUTES.filter(({ method }) => method !== 'GET');

test('every route that writes has its case', () => {
  expect(Object.keys(CASES).sort()).toEqual(WRITES.map(({ name }) => name).sort());
});

test.each(WRITES)('$name', async ({ name, method, repeat = 'by_key' }) => {
  const { prepare, once = [], moving = [], count } = CASES[name] ?? expect.fail('it has no case');
  const [write, other] = await prepare();
  const key = `twice-${name}`;
  const first = await send(method, write, key);
  expect(first.status, JSON.stringify(first.body)).toBeLessThan(300);
  const made = await count?.(write);
  const hidden = Object.fromEntries(once.map((field) => [field, null]));
  const again = await send(method, write, key);
  const moved = Object.fromEntries(moving.map((field) => [field, again.body[field]]));
  // What is answered as of now is another answer each time.
  if (repeat === 'by_key') expect(again).toEqual({ ...first, body: { ...first.body, ...hidden, ...moved } });
  else expect(again.status).toBe(first.status);
  if (repeat === 'by_nature') expect((await send(method, write, `${key}-other`)).status).toBe(first.status);
  expect(await count?.(write)).toBe(made);
  if (other === undefined) return;
  expect(await send(method, { ...write, ...other }, key)).toMatchObject({
    ...{ status: 409, body: { reason: 'IDEMPOTENCY_KEY_REUSED' } },
  });
  expect(await count?.(write)).toBe(made);
});
