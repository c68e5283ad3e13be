// Where the links of mails lead: what people are shown, that only our own form does anything, and that the token of a mail is
// told to nobody on the way.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status as GrpcStatus } from '@grpc/grpc-js';
import type { Browser as Chromium, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { Browser, locationOf } from '../../dev/issuer/browser.ts';
import { AcceptInvitationResponse } from '../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { ConfirmSignupResponse } from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { TenantStatus } from '../../gen/wheelhouse/tenant/v1/tenant.ts';
import { startBrowser } from '../support/browser.ts';
import { BrowserStage } from './support/browser-stage.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { refusal } from './support/kernel-peer.ts';
import { PRODUCT_CODE } from './support/stage.ts';

const TOKEN = 'secret-of.the-mail_1';
const PATHS = ['/confirm-signup', '/accept-invitation'] as const;
type Path = (typeof PATHS)[number];

let stage: BrowserStage;
beforeAll(async () => {
  stage = await BrowserStage.set();
});
afterAll(() => stage.clear());
beforeEach(() => {
  stage.reset();
  const tenant = {
    ...{ tenantId: TENANT_ID, productCode: PRODUCT_CODE, displayName: 'Ada <& Co>', planCode: 'free' },
    ...{ status: TenantStatus.ACTIVE, createTime: new Date(0), slug: 'ada-co', ownerUserId: 'usr_1' },
  };
  const workspace = { tenant, role: Role.TENANT_ADMIN };
  stage.kernel.answers.confirmSignup = () => ConfirmSignupResponse.fromPartial({ workspace });
  stage.kernel.answers.acceptInvitation = () => AcceptInvitationResponse.fromPartial({ workspace });
});

const methods = () => stage.kernel.calls.map(({ method }) => method);

/** Reads the CSRF token out of a page's form. */
async function readFormToken(browser: Browser, path: Path): Promise<string> {
  const text = await (await browser.send(`${stage.url}${path}`)).text();
  const [, token] = /name="csrf_token" value="([\w-]+)"/.exec(text) ?? [];
  if (token === undefined) throw new Error(`the page has no form: ${text}`);
  return token;
}

async function submit(browser: Browser, path: Path, fields: Record<string, string>, headers = {}): Promise<Response> {
  const form = { csrf_token: await readFormToken(browser, path), token: TOKEN, ...fields };
  return browser.send(`${stage.url}${path}`, { method: 'POST', body: new URLSearchParams(form), headers });
}

describe.each(PATHS)('%s', (path) => {
  test('asks whoever is not signed in to do that first, and to come back', async () => {
    const answer = await new Browser().send(`${stage.url}${path}`);
    const text = await answer.text();

    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).toContain(`href="/auth/login?return_to=${encodeURIComponent(path)}"`);
    expect(text).not.toContain('<form');
    const { answer: back } = await stage.signIn('ada@example.com', `?return_to=${encodeURIComponent(path)}`);
    expect(back.headers.get('location')).toBe(path);
  });

  test('says what will happen and as whom, and does nothing however it is looked at', async () => {
    const { browser } = await stage.signIn();
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const answer = await browser.send(`${stage.url}${path}?token=${TOKEN}`, { method });
      const text = await answer.text();
      if (method === 'GET') expect(text).toContain('You are signed in as <strong>ada@example.com</strong>');
      expect(text).not.toContain(TOKEN);
    }
    expect(methods()).toEqual([]);
  });

  test('loads nothing, can be framed by nobody, and tells no other site where one comes from', async () => {
    const { headers } = await new Browser().send(`${stage.url}${path}`);
    const policy = headers.get('content-security-policy') ?? '';

    expect(policy.split('; ').map((directive) => directive.replace(/'sha256-[\w+/=]{44}'/, 'HASH'))).toEqual([
      ...["default-src 'none'", 'style-src HASH', 'script-src HASH'],
      ...["form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"],
    ]);
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  test('does it by its form, and tells the result', async () => {
    const { browser } = await stage.signIn();
    const answer = await submit(browser, path, {}, { origin: stage.url, 'sec-fetch-site': 'same-origin' });

    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('“Ada &lt;&amp; Co&gt;”');
    expect(stage.kernel.calls).toMatchObject([
      {
        method: path === '/confirm-signup' ? 'confirmSignup' : 'acceptInvitation',
        request: { token: TOKEN },
        metadata: { 'x-email': 'ada%40example.com', 'x-remote-address': '127.0.0.1', 'x-product-code': PRODUCT_CODE },
      },
    ]);
    expect(stage.logLines.join('')).not.toContain(TOKEN);
  });

  test('leads into the workspace where the deployment has the Console, under its name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bundle-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await mkdir(join(folder, 'assets'));
    await Promise.all(['index.html', 'icon.svg'].map((name) => writeFile(join(folder, name), '')));
    const { http } = await stage.startBff({ console: { folder, productName: 'Agents & Co' } });
    const { browser } = await stage.signIn();
    const shown = await (await browser.send(`http://${http}${path}`)).text();
    const [, csrf = ''] = /name="csrf_token" value="([\w-]+)"/.exec(shown) ?? [];
    const answer = await browser.send(`http://${http}${path}`, {
      method: 'POST',
      body: new URLSearchParams({ csrf_token: csrf, token: TOKEN }),
    });

    expect(shown).toContain('<strong>Agents &amp; Co</strong>');
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `/settings/billing?arrived=${TENANT_ID}`]);
  });

  test('takes the whole link of the mail too', async () => {
    const { browser } = await stage.signIn();
    await submit(browser, path, { token: ` https://console.example.com${path}#token=${TOKEN}\n` });

    expect(stage.kernel.calls.map(({ request }) => request)).toEqual([{ token: TOKEN }]);
  });

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ['without the token of the session', { csrf_token: '' }, {}],
    ['with that of another session', { csrf_token: 'x'.repeat(43) }, {}],
    ['of another site, by what the browser says', {}, { 'sec-fetch-site': 'cross-site' }],
    ['of another origin', {}, { origin: 'https://evil.example.com' }],
    ['of an origin that hides', {}, { origin: 'null' }],
  ])('refuses a form %s', async (_, fields, headers) => {
    const { browser } = await stage.signIn();
    const answer = await submit(browser, path, fields, headers);

    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('Not from this site')]);
    expect(methods()).toEqual([]);
  });

  test('refuses whoever has no session any more, in words and with the way to sign in', async () => {
    const answer = await new Browser().submit(`${stage.url}${path}`, { token: TOKEN });
    const text = await answer.text();

    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="billing"']);
    expect(text).toContain('sign in again');
    expect(text).toContain('/auth/login?return_to=');
    expect(text).not.toContain(TOKEN);
    const { browser } = await stage.signIn();
    for (const [name] of browser.cookies('127.0.0.1')) browser.cookies('127.0.0.1').set(name, 'ended');
    const page = await browser.send(`${stage.url}${path}`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('First sign in')]);
  });

  test.each([
    ['no link', ''],
    ['blanks in it', 'a b'],
    ['one without an end', 'x'.repeat(513)],
  ])('says that the link is not whole: %s', async (_, token) => {
    const { browser } = await stage.signIn();
    const answer = await submit(browser, path, { token });

    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('The link is missing, or not')]);
    expect(methods()).toEqual([]);
  });

  test('refuses another body than a form', async () => {
    const { browser } = await stage.signIn();
    const body = JSON.stringify({ token: TOKEN, csrf_token: await readFormToken(browser, path) });
    const headers = { 'content-type': 'application/json' };
    const answer = await browser.send(`${stage.url}${path}`, { method: 'POST', body, headers });

    expect(answer.status).toBe(415);
    expect(methods()).toEqual([]);
  });

  test('tells a refusal of the kernel in words, with a way on', async () => {
    const refuse = () => {
      throw refusal({ code: GrpcStatus.PERMISSION_DENIED, reason: 'EMAIL_MISMATCH', message: 'told to <programs>' });
    };
    Object.assign(stage.kernel.answers, { confirmSignup: refuse, acceptInvitation: refuse });
    const { browser } = await stage.signIn();
    const answer = await submit(browser, path, {});
    const text = await answer.text();

    expect([answer.status, answer.headers.get('content-type')]).toEqual([403, 'text/html; charset=utf-8']);
    expect(text).toContain('This is for another email address than yours; sign in with that one.');
    expect(text).toContain(`/auth/login?return_to=${encodeURIComponent(path)}&amp;prompt=login`);
    expect(stage.logLines.join('')).toContain('"reason":"EMAIL_MISMATCH"');
  });
});

test('whoever wants to be somebody else is asked by the issuer', async () => {
  const answer = await new Browser().send(`${stage.url}/auth/login?return_to=/confirm-signup&prompt=login`);

  expect(locationOf(answer).searchParams.get('prompt')).toBe('login');
  expect((await new Browser().send(`${stage.url}/auth/login?prompt=none`)).status).toBe(400);
});

describe('in a browser', () => {
  let chromium: Chromium | undefined;
  beforeAll(async () => {
    chromium = await startBrowser(process.env);
  });
  afterAll(() => chromium?.close());

  async function openPage(context: TestContext, options = {}): Promise<Page> {
    if (chromium === undefined) return context.skip('needs Chromium: on PATH, or named by CHROMIUM');
    const page = await chromium.newPage(options);
    onTestFinished(() => page.close());
    return page;
  }

  test('the link of a mail leads past the issuer to its end, and its token shows nowhere', async (context) => {
    const page = await openPage(context);
    const told: string[] = [];
    page.on('request', (request) => told.push(`${request.url()} ${JSON.stringify(request.headers())}`));
    await page.goto(`${stage.url}/confirm-signup#token=${TOKEN}`);
    expect(page.url()).toBe(`${stage.url}/confirm-signup`);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel('Any other address').fill('grace@example.com');
    await page.getByRole('button', { name: 'Sign in' }).click();

    await page.getByText('You are signed in as grace@example.com').waitFor();
    expect(await page.getByLabel('Link in the mail').isVisible()).toBe(false);
    expect(methods()).toEqual([]);
    await page.getByRole('button', { name: 'Open the workspace' }).click();
    await page.getByText('“Ada <& Co>” is there, and you are its administrator.').waitFor();
    expect(stage.kernel.calls).toMatchObject([
      { request: { token: TOKEN }, metadata: { 'x-email': 'grace%40example.com' } },
    ]);
    expect(told.join('\n')).not.toContain(TOKEN);
    // It has served: the tab forgets it.
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
  });

  test('whoever runs no scripts pastes the link', async (context) => {
    const page = await openPage(context, { javaScriptEnabled: false });
    const link = `${stage.url}/accept-invitation#token=${TOKEN}`;
    await page.goto(link);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: /two words|Odd/ }).waitFor();
    await page.getByLabel('Any other address').fill('grace@example.com');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Link in the mail').fill(link);
    await page.getByRole('button', { name: 'Accept the invitation' }).click();

    await page.getByText('You are a member of “Ada <& Co>” now.').waitFor();
    expect(stage.kernel.calls).toMatchObject([{ method: 'acceptInvitation', request: { token: TOKEN } }]);
  });
});
