// Who may do what over REST, with real tokens of a real issuer through the BFFs of two products to a real kernel: every route
// with every kind of caller, and what each is told.

import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTES as API_ROUTES } from '../../bff/routes/all.ts';
import type { Need } from '../../bff/routes/route.ts';
import { DebitRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const PRODUCT = 'agentruntime';
const OTHER_PRODUCT = 'otherproduct';
const AUDIENCE = `wheelhouse:${PRODUCT}`;

type Role = 'viewer' | 'contributor' | 'admin';

/** What a route asks of who calls it. */
interface RouteCase {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `{w}` stands for the workspace, ids that are not there for everything else. */
  readonly path: string;
  readonly body?: object;
  /** The least role; `member`: whoever is in the workspace; `person`: whoever is signed in; `nobody`: also who is not. */
  readonly needs: Role | 'member' | 'person' | 'nobody';
  /** What whoever may call it is told: the status, and the reason where what it names is not there. */
  readonly gives: readonly [status: number, reason?: string];
  /** Says that the workspace has to be named: whoever names none is somebody who chooses a plan for the first one. */
  readonly names?: true;
  /** Says that an access token may not call it. */
  readonly personally?: true;
}

const NAME = { display_name: 'Another' };
const PLAN = { plan_code: 'pro' };
const CODE = { code: 'NO-SUCH-CODE' };
const STANDING = { tenant_admin: false, project_roles: [] };
/** A token that is in no mail. */
const MAILED = { token: 'x'.repeat(43) };
/** Credentials that do not count. */
const BAD_CREDENTIALS = ['expired', 'wrongAudience', 'wrongKey', 'unknownKey', 'unsigned', 'revokedPat'] as const;

const ROUTES: readonly RouteCase[] = [
  { method: 'GET', path: '/v1/me', needs: 'person', gives: [200] },
  { method: 'GET', path: '/v1/workspaces', needs: 'person', gives: [200] },
  { method: 'GET', path: '/v1/billing/plans', needs: 'contributor', names: true, gives: [200] },
  { method: 'GET', path: '/v1/billing/usage', needs: 'contributor', gives: [200] },
  { method: 'GET', path: '/v1/billing/usage-history', needs: 'contributor', gives: [200] },
  { method: 'GET', path: '/v1/billing/action-pricing', needs: 'contributor', gives: [200] },
  { method: 'GET', path: '/v1/billing/trial', needs: 'contributor', gives: [200] },
  { method: 'POST', path: '/v1/billing/trial', body: {}, needs: 'admin', gives: [409, 'TRIAL_NOT_OFFERED'] },
  { method: 'POST', path: '/v1/billing/trial/cancel', needs: 'admin', gives: [409, 'TRIAL_NOT_ACTIVE'] },
  // The stack of this test runs without Stripe: whoever is let in is told so.
  { method: 'GET', path: '/v1/billing/subscription', needs: 'contributor', gives: [200] },
  { method: 'POST', path: '/v1/billing/subscription', body: PLAN, needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  { method: 'POST', path: '/v1/billing/subscription/preview', body: PLAN, needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  {
    method: 'POST',
    path: '/v1/billing/subscription/change-plan',
    body: PLAN,
    needs: 'admin',
    gives: [409, 'STRIPE_OFF'],
  },
  { method: 'POST', path: '/v1/billing/subscription/cancel', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  { method: 'POST', path: '/v1/billing/subscription/resume', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  { method: 'POST', path: '/v1/billing/subscription/convert-trial-now', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  { method: 'POST', path: '/v1/billing/subscription/refresh', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  { method: 'GET', path: '/v1/billing/payment-methods', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  { method: 'POST', path: '/v1/billing/payment-methods/setup', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  {
    method: 'PUT',
    path: '/v1/billing/payment-methods/default',
    body: { payment_method_id: 'pm_x' },
    needs: 'admin',
    gives: [409, 'STRIPE_OFF'],
  },
  { method: 'POST', path: '/v1/billing/portal', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  {
    ...{ method: 'POST', path: '/v1/billing/codes/apply', body: CODE, needs: 'admin' },
    gives: [404, 'PROMOTION_NOT_FOUND'],
  },
  {
    ...{ method: 'POST', path: '/v1/billing/discounts/validate', body: CODE, needs: 'admin' },
    gives: [404, 'PROMOTION_NOT_FOUND'],
  },
  { method: 'GET', path: '/v1/billing/alerts/thresholds', needs: 'admin', gives: [200] },
  {
    ...{ method: 'PUT', path: '/v1/billing/alerts/thresholds', needs: 'admin' },
    body: { microcredits: [1_000_000] },
    gives: [200],
  },
  { method: 'GET', path: '/v1/billing/alerts/events', needs: 'admin', gives: [200] },
  { method: 'GET', path: '/v1/billing/alerts/endpoints', needs: 'admin', gives: [200] },
  {
    ...{ method: 'POST', path: '/v1/billing/alerts/endpoints', needs: 'admin' },
    body: { url: 'https://10.0.0.1/' },
    gives: [409, 'ALERT_TARGET_FORBIDDEN'],
  },
  {
    ...{ method: 'PUT', path: '/v1/billing/alerts/endpoints/whe_x', needs: 'admin' },
    body: { url: 'https://8.8.8.8/', enabled: true },
    gives: [404, 'ALERT_ENDPOINT_NOT_FOUND'],
  },
  ...(['rotate-secret', 'test'] as const).map(
    (act): RouteCase => ({
      ...{ method: 'POST', path: `/v1/billing/alerts/endpoints/whe_x/${act}`, needs: 'admin' },
      gives: [404, 'ALERT_ENDPOINT_NOT_FOUND'],
    }),
  ),
  {
    ...{ method: 'DELETE', path: '/v1/billing/alerts/endpoints/whe_x', needs: 'admin' },
    gives: [404, 'ALERT_ENDPOINT_NOT_FOUND'],
  },
  { method: 'GET', path: '/v1/billing/alerts/deliveries', needs: 'admin', gives: [200] },
  {
    ...{ method: 'POST', path: '/v1/billing/alerts/deliveries/whd_x/resend', needs: 'admin' },
    gives: [404, 'ALERT_DELIVERY_NOT_FOUND'],
  },
  { method: 'GET', path: '/v1/billing/payment-history', needs: 'admin', gives: [200] },
  { method: 'GET', path: '/v1/billing/topups/packages', needs: 'contributor', gives: [200] },
  {
    ...{ method: 'POST', path: '/v1/billing/topups/payg/intent', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
    body: { amount_cents: 1_000, microcredits: 10_000_000, currency: 'usd' },
  },
  { method: 'GET', path: '/v1/billing/topups', needs: 'admin', gives: [200] },
  { method: 'GET', path: '/v1/billing/topups/auto', needs: 'admin', gives: [200] },
  {
    ...{ method: 'PUT', path: '/v1/billing/topups/auto', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
    body: {
      ...{ enabled: true, consent: true, threshold_microcredits: 1, amount_cents: 1_000, currency: 'usd' },
      ...{ microcredits: 10_000_000, monthly_limit_cents: 1_000 },
    },
  },
  { method: 'GET', path: '/v1/billing/topups/pay_x', needs: 'admin', gives: [404, 'TOPUP_NOT_FOUND'] },
  { method: 'POST', path: '/v1/billing/topups/pay_x/cancel', needs: 'admin', gives: [409, 'STRIPE_OFF'] },
  { method: 'GET', path: '/v1/workspaces/{w}', needs: 'member', gives: [200] },
  { method: 'PATCH', path: '/v1/workspaces/{w}', body: NAME, needs: 'admin', gives: [200] },
  { method: 'GET', path: '/v1/workspaces/{w}/members', needs: 'contributor', gives: [200] },
  {
    ...{ method: 'PATCH', path: '/v1/workspaces/{w}/members/usr_x', body: STANDING, needs: 'admin' },
    gives: [404, 'MEMBER_NOT_FOUND'],
  },
  {
    ...{ method: 'DELETE', path: '/v1/workspaces/{w}/members/usr_x', needs: 'admin' },
    gives: [404, 'MEMBER_NOT_FOUND'],
  },
  { method: 'GET', path: '/v1/workspaces/{w}/invitations', needs: 'admin', gives: [200] },
  {
    ...{ method: 'POST', path: '/v1/workspaces/{w}/invitations', needs: 'admin' },
    body: { email: 'somebody@example.com', ...STANDING },
    gives: [201],
  },
  {
    ...{ method: 'DELETE', path: '/v1/workspaces/{w}/invitations/inv_x', needs: 'admin' },
    gives: [404, 'INVITATION_NOT_FOUND'],
  },
  { method: 'GET', path: '/v1/workspaces/{w}/projects', needs: 'member', gives: [200] },
  { method: 'POST', path: '/v1/workspaces/{w}/projects', body: NAME, needs: 'admin', gives: [201] },
  {
    ...{ method: 'PATCH', path: '/v1/workspaces/{w}/projects/prj_x', body: NAME, needs: 'admin' },
    gives: [404, 'PROJECT_NOT_FOUND'],
  },
  { method: 'GET', path: '/v1/workspaces/{w}/audit-log', needs: 'admin', gives: [200] },
  { method: 'GET', path: '/v1/tokens', needs: 'viewer', personally: true, gives: [200] },
  {
    ...{ method: 'POST', path: '/v1/tokens', needs: 'viewer', personally: true },
    body: { display_name: 'A token', role: 'project_viewer' },
    gives: [201],
  },
  {
    ...{ method: 'DELETE', path: '/v1/tokens/pat_x', needs: 'viewer', personally: true },
    gives: [404, 'ACCESS_TOKEN_NOT_FOUND'],
  },
  {
    ...{ method: 'POST', path: '/v1/invitations/accept', body: MAILED, needs: 'person', personally: true },
    gives: [404, 'INVITATION_NOT_FOUND'],
  },
  {
    ...{ method: 'POST', path: '/v1/signups/confirm', body: MAILED, needs: 'person', personally: true },
    gives: [404, 'SIGNUP_NOT_FOUND'],
  },
  {
    ...{ method: 'POST', path: '/v1/signups', needs: 'nobody' },
    body: { email: 'newcomer@example.com', workspace_name: 'Another' },
    gives: [201],
  },
  { method: 'POST', path: '/v1/signups/sgn_x/resend', needs: 'nobody', gives: [404, 'SIGNUP_NOT_FOUND'] },
  // From here on everybody who asks has several workspaces, and the one that all is about is closed.
  { method: 'POST', path: '/v1/workspaces', body: NAME, needs: 'person', personally: true, gives: [201] },
  { method: 'POST', path: '/v1/workspaces/{w}/close', needs: 'admin', gives: [200] },
];
const OPEN_ROUTES = ROUTES.filter(({ needs }) => needs === 'nobody');
const CLOSED_ROUTES = ROUTES.filter(({ needs }) => needs !== 'nobody');

/** Are the words of the document. */
const TOLD_NEEDS: Readonly<Record<RouteCase['needs'], Need>> = {
  admin: 'tenant_admin',
  contributor: 'project_contributor',
  viewer: 'project_viewer',
  member: 'membership',
  person: 'sign_in',
  nobody: 'nothing',
};

const RANK: Readonly<Record<Role, number>> = { viewer: 1, contributor: 2, admin: 3 };

interface Answer {
  readonly status: number;
  readonly reason: string | undefined;
  readonly detail: string | undefined;
}

let stack: TestStack;
let workspace: string;
let second: string;
let foreign: string;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  stack = await startStack({ mongodbUri: freshDatabaseUri() });
  workspace = await stack.createTenant(PRODUCT, 'pro');
  second = await stack.createTenant(PRODUCT, 'pro');
  foreign = await stack.createTenant(OTHER_PRODUCT, 'pro');
  tokens['admin'] = await stack.mint(PRODUCT, 'tenant_admin', workspace);
  tokens['contributor'] = await stack.mint(PRODUCT, 'project_contributor', workspace);
  tokens['viewer'] = await stack.mint(PRODUCT, 'project_viewer', workspace);
  tokens['elsewhere'] = await stack.mint(PRODUCT, 'tenant_admin', second);
  tokens['foreign'] = await stack.mint(OTHER_PRODUCT, 'tenant_admin', foreign);
  tokens['newcomer'] = await stack.issuer.mint({ productCode: PRODUCT, userId: 'usr_new', email: 'new@example.com' });
  tokens['wrongAudience'] = await stack.mint(OTHER_PRODUCT, 'tenant_admin', foreign);
  const person = { productCode: PRODUCT, userId: 'usr_new', email: 'new@example.com' };
  tokens['expired'] = await stack.issuer.mint({ ...person, lifetimeSeconds: -600 });
  const published = await loadPublishedKey();
  tokens['wrongKey'] = await signByAnotherKey(published.alg, published.kid);
  tokens['unknownKey'] = await signByAnotherKey(published.alg, 'not-of-the-issuer');
  tokens['unsigned'] = new UnsecuredJWT({ sub: 'usr_new' })
    .setIssuer(stack.issuer.url)
    .setAudience(AUDIENCE)
    .setExpirationTime('1h')
    .encode();
  tokens['pat'] = await makeAccessToken(tokens['admin'] ?? '', 'tenant_admin');
  tokens['viewerPat'] = await makeAccessToken(tokens['admin'] ?? '', 'project_viewer');
  tokens['patElsewhere'] = await makeAccessToken(tokens['elsewhere'] ?? '', 'tenant_admin');
  tokens['revokedPat'] = await makeRevokedToken(tokens['admin'] ?? '');
});
afterAll(() => stack.stop());

/** How the issuer names its key, and what the key is for. */
async function loadPublishedKey(): Promise<{ readonly alg: string; readonly kid: string }> {
  const answer = await fetch(`${stack.issuer.url}/.well-known/jwks.json`);
  const { keys } = (await answer.json()) as {
    readonly keys: readonly { readonly alg: string; readonly kid: string }[];
  };
  const [published] = keys;
  if (published === undefined) throw new Error('the issuer publishes no key');
  return published;
}

async function signByAnotherKey(alg: string, kid: string): Promise<string> {
  const { privateKey } = await generateKeyPair(alg);
  return await new SignJWT({})
    .setProtectedHeader({ alg, kid })
    .setIssuer(stack.issuer.url)
    .setAudience(AUDIENCE)
    .setSubject('usr_new')
    .setExpirationTime('1h')
    .sign(privateKey);
}

async function makeAccessToken(token: string, role: string): Promise<string> {
  return String((await makeToken(token, role))['token']);
}

async function makeToken(token: string, role: string): Promise<Record<string, unknown>> {
  const response = await send({ method: 'POST', path: '/v1/tokens', body: { display_name: 'CI', role } }, token);
  const made = (await response.json()) as Record<string, unknown>;
  expect({ status: response.status, made }).toMatchObject({
    status: 201,
    made: { token: expect.stringMatching(/^whp_/) },
  });
  return made;
}

async function makeRevokedToken(token: string): Promise<string> {
  const made = await makeToken(token, 'tenant_admin');
  const { access_token_id: id } = made['access_token'] as { readonly access_token_id: string };
  const path = `/v1/tokens/${id}`;
  expect((await send({ method: 'DELETE', path }, token)).status).toBeLessThan(300);
  return String(made['token']);
}

interface Sent extends Pick<RouteCase, 'method' | 'path' | 'body'> {
  readonly headers?: Readonly<Record<string, string>>;
  readonly productCode?: string;
}

function send({ method, path, body, headers = {}, productCode = PRODUCT }: Sent, token?: string): Promise<Response> {
  return fetchDocumented(`${stack.bffs.get(productCode)}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function ask(
  route: Omit<RouteCase, 'gives'>,
  who: string | undefined,
  sent: Partial<Sent> = {},
): Promise<Answer> {
  const { method, body } = route;
  const path = (sent.path ?? route.path).replace('{w}', workspace);
  const token = who === undefined ? undefined : tokens[who];
  const headers = route.names === true ? { 'x-workspace-id': workspace } : {};
  const request = { method, headers, ...(body === undefined ? {} : { body }), ...sent, path };
  const response = await send(request, token);
  const text = await response.text();
  const answer: Record<string, unknown> = text === '' ? {} : JSON.parse(text);
  const textOf = (name: string) => (typeof answer[name] === 'string' ? answer[name] : undefined);
  return { status: response.status, reason: textOf('reason'), detail: textOf('detail') };
}

const shapeOf = ({ method, path }: Pick<RouteCase, 'path'> & { readonly method: string }): string =>
  `${method} ${path.replaceAll(/:\w+|\{w\}|\b(usr|inv|prj|pat|sgn|whe|whd|pay)_x\b/g, '*')}`;

test('every route of the API is in the table', () => {
  expect(ROUTES.map(shapeOf).sort()).toEqual(API_ROUTES.map(shapeOf).sort());
});

test('the document tells of every route what the table proves: whom it is for', () => {
  const told = API_ROUTES.map((route) => [shapeOf(route), route.needs, route.isPersonal === true] as const);
  const proved = ROUTES.map((route) => [shapeOf(route), TOLD_NEEDS[route.needs], route.personally === true] as const);
  expect(told.map(String).sort()).toEqual(proved.map(String).sort());
});

describe.each(OPEN_ROUTES)('$method $path, which is open,', (route) => {
  test.each([undefined, ...BAD_CREDENTIALS, 'viewer', 'pat', 'foreign'])(
    'tells %s what it tells everybody',
    async (who) => {
      const { body } = route;
      const own = body === undefined ? {} : { body: { ...body, email: `${who ?? 'nobody'}@example.com` } };
      const [status, reason] = route.gives;
      expect(await ask(route, who, own)).toMatchObject({ status, reason });
    },
  );
});

describe.each(CLOSED_ROUTES)('$method $path', (route) => {
  const { needs } = route;
  const [status, reason] = route.gives;
  const given = { status, reason };
  const isFor = (who: Role): boolean => !(needs in RANK) || RANK[who] >= RANK[needs as Role];
  const refused = { status: 403, reason: 'ROLE_REQUIRED' };

  test.each([undefined, ...BAD_CREDENTIALS])('by %s: 401', async (who) => {
    expect(await ask(route, who)).toMatchObject({ status: 401, reason: 'CREDENTIAL_INVALID' });
  });

  test('by a personal access token for viewing, and by one of an admin', async () => {
    const [viewer, admin] = [await ask(route, 'viewerPat'), await ask(route, 'pat')];
    if (route.personally === true) {
      const personal = { status: 403, reason: 'SCOPE_DENIED' };
      expect([viewer, admin]).toMatchObject([personal, personal]);
      return;
    }
    expect(viewer).toMatchObject(isFor('viewer') ? given : refused);
    expect(admin).toMatchObject(given);
  });

  test.each(['viewer', 'contributor', 'admin'] as const)('by a person who is %s', async (who) => {
    expect(await ask(route, who)).toMatchObject(isFor(who) ? given : refused);
  });

  test('about a workspace that is somebody else’s, of another product, or nowhere: the same words', async () => {
    if (needs === 'person') return;
    const about = async (tenantId: string, who: string) => {
      const inPath = route.path.includes('{w}');
      const sent = inPath ? { path: route.path.replace('{w}', tenantId) } : { headers: { 'x-workspace-id': tenantId } };
      const { detail, ...answer } = await ask(route, who, sent);
      return { ...answer, detail: detail?.replaceAll(tenantId, '…') };
    };
    const nowhere = await about('ten_01890000-0000-7000-8000-00000000dead', 'admin');
    expect(nowhere).toMatchObject({ status: 404, reason: 'TENANT_NOT_FOUND' });
    expect(await about(second, 'admin')).toEqual(nowhere);
    expect(await about(foreign, 'admin')).toEqual(nowhere);
    expect(await about(workspace, 'elsewhere')).toEqual(nowhere);
    expect(await about(workspace, 'newcomer')).toEqual(nowhere);
    if (route.personally !== true) expect(await about(workspace, 'patElsewhere')).toEqual(nowhere);
  });

  test('by an admin of the other product at this one’s BFF, and at their own about this workspace', async () => {
    expect(await ask(route, 'foreign')).toMatchObject({ status: 401, reason: 'CREDENTIAL_INVALID' });
    if (needs === 'person') return;
    const headers = route.path.includes('{w}') ? {} : { 'x-workspace-id': workspace };
    expect(await ask(route, 'foreign', { headers, productCode: OTHER_PRODUCT })).toMatchObject({
      status: 404,
      reason: 'TENANT_NOT_FOUND',
    });
  });
});

describe('one person on both products', () => {
  const person = { userId: 'usr_both', email: 'both@example.com' };

  async function readTrialRemaining(productCode: string, token: string): Promise<number> {
    const usage = await send({ method: 'GET', path: '/v1/billing/usage', productCode }, token);
    return ((await usage.json()) as { readonly trial_remaining: number }).trial_remaining;
  }

  test('has two workspaces and two balances, and each switcher shows its own', async () => {
    const made = new Map<string, string>();
    for (const productCode of [PRODUCT, OTHER_PRODUCT]) {
      const token = await stack.issuer.mint({ productCode, ...person });
      const sent = { method: 'POST', path: '/v1/workspaces', body: { display_name: 'Both' }, productCode } as const;
      const response = await send(sent, token);
      expect(response.status).toBe(201);
      const { workspace_id: id } = (await response.json()) as { readonly workspace_id: string };
      made.set(productCode, id);
    }
    expect(new Set(made.values()).size).toBe(2);
    for (const [productCode, tenantId] of made) {
      const token = await stack.issuer.mint({ productCode, ...person });
      const list = await send({ method: 'GET', path: '/v1/workspaces', productCode }, token);
      const { workspaces } = (await list.json()) as {
        readonly workspaces: readonly { readonly workspace_id: string }[];
      };
      expect(workspaces.map(({ workspace_id: id }) => id)).toEqual([tenantId]);
      // What a trial gives is each product's own.
      expect(await readTrialRemaining(productCode, token)).toBe(productCode === PRODUCT ? 5_000_000 : 2_000_000);
    }
    // What is charged to one is not charged to the other.
    const internal = stack.connect(stack.credentials.internal);
    const work = {
      requestId: 'both',
      tenantId: made.get(PRODUCT) ?? '',
      action: 'memory_index_file_mb',
      quantity: '1',
    };
    await internal.call(LedgerServiceService.debit, DebitRequest.fromPartial(work));
    for (const [productCode, left] of [
      [PRODUCT, 4_000_000],
      [OTHER_PRODUCT, 2_000_000],
    ] as const) {
      expect(await readTrialRemaining(productCode, await stack.issuer.mint({ productCode, ...person }))).toBe(left);
    }
  });
});

describe('what nobody may set', () => {
  test.each([
    ['product_code', { product_code: OTHER_PRODUCT }],
    ['balance', { balance: 1_000_000 }],
    ['role', { role: 'tenant_admin' }],
    ['owner', { owner_user_id: 'usr_x' }],
    ['$set', { $set: { product_code: OTHER_PRODUCT } }],
  ])('%s in a new workspace is refused by its name', async (field, extra) => {
    const answer = await ask(
      { method: 'POST', path: '/v1/workspaces', body: { ...NAME, ...extra }, needs: 'person' },
      'newcomer',
    );
    expect(answer).toMatchObject({ status: 400, reason: 'INVALID_FIELD' });
    expect(answer.detail).toContain(field === 'owner' ? 'owner_user_id' : field);
  });

  test('__proto__ in a new workspace is refused by its name', async () => {
    const response = await fetchDocumented(`${stack.bffs.get(PRODUCT)}/v1/workspaces`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens['newcomer']}`, 'content-type': 'application/json' },
      body: '{"display_name":"x","__proto__":{"tenant_admin":true}}',
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('__proto__');
  });
});
