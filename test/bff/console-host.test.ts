import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../bff/config.ts';
import { PAGE_PATHS } from '../../bff/console/page-path.ts';
import { buildConsole } from '../../dev/console-build.ts';
import { Stage } from './support/stage.ts';

const BUILD_TIMEOUT_MS = 240_000;

describe('the Console of a deployment', () => {
  let folder: string;
  let stage: Stage;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'console-'));
    await cp(await buildConsole(), folder, { recursive: true });
    await writeFile(join(folder, 'assets/secret.txt'), 'not for browsers');
    stage = await Stage.set({
      browserSession: { clientId: 'console', publicUrl: new URL('http://127.0.0.1:1'), keys: [new Uint8Array(32)] },
      console: { folder, productName: 'A & "B" <Runtime>', contactSalesUrl: 'mailto:sales@example.com' },
    });
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await stage.clear();
    await rm(folder, { recursive: true });
  });

  async function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return await fetch(`${stage.url}${path}`, { headers });
  }

  it.each(Object.values(PAGE_PATHS))('shows its document at %s', async (path) => {
    const response = await get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('has a policy that lets nothing in but its own files and the styles of this very answer', async () => {
    const responses = await Promise.all([get('/'), get('/')]);
    const nonces = await Promise.all(
      responses.map(async (response) => {
        const policy = response.headers.get('content-security-policy') ?? '';
        const nonce = /'nonce-([A-Za-z0-9+/=]{24})'/.exec(policy)?.[1] ?? '';
        expect(policy).toBe(
          `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`,
        );
        const text = await response.text();
        expect(text).toContain(`<meta property="csp-nonce" nonce="${nonce}">`);
        expect(text).not.toMatch(/%[a-z_]+%/);
        expect(text).not.toMatch(/<script(?![^>]* src="\/assets\/)/);
        return nonce;
      }),
    );
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  it('tells the document its product, as text', async () => {
    const text = await (await get('/')).text();
    expect(text).toContain('<title>A &amp; &quot;B&quot; &lt;Runtime&gt;</title>');
    expect(text).toContain('<meta name="contact-sales" content="mailto:sales@example.com" />');
    expect(text).toContain('<meta name="session" content="none" />');
  });

  it('serves files that browsers keep for ever, as small as they take them', async () => {
    const [script = ''] = /\/assets\/index-[^"]*\.js/.exec(await (await get('/')).text()) ?? [];
    const [plain, small] = await Promise.all([
      get(script, { 'accept-encoding': 'identity' }),
      get(script, { 'accept-encoding': 'br' }),
    ]);
    expect(plain.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(small.headers.get('content-encoding')).toBe('br');
    expect(small.headers.get('vary')).toContain('Accept-Encoding');
    expect(await small.text()).toBe(await plain.text());
  });

  it.each(['/assets/none.js', '/assets/secret.txt', '/assets/index.html', '/v1/none', '/auth/none', '/docs/none'])(
    'has nothing at %s',
    async (path) => {
      const response = await get(path, { accept: 'text/html' });
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    },
  );

  it.each([
    ['/settings', PAGE_PATHS.billing],
    ['/settings/', PAGE_PATHS.billing],
    ['/settings/usage/?tab=prices', `${PAGE_PATHS.usage}?tab=prices`],
    ['/analytics/', PAGE_PATHS.analytics],
  ])('leads from %s to %s', async (path, target) => {
    const response = await fetch(`${stage.url}${path}`, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe(target);
  });

  it('shows its document to whoever typed an address that is none, and a problem to a program', async () => {
    const page = await get('/settings/nothing', { accept: 'text/html,application/xhtml+xml' });
    expect(page.status).toBe(404);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    const problem = await get('/settings/nothing', { accept: 'application/json' });
    expect(problem.status).toBe(404);
    expect(problem.headers.get('content-type')).toBe('application/problem+json');
  });
});

describe('the configuration of the Console', () => {
  const environment = {
    PRODUCT_CODE: 'agentruntime',
    KERNEL_ADDRESS: '127.0.0.1:1',
    KERNEL_TOKEN: 'a-token-that-is-long-enough',
    OIDC_ISSUER: 'http://127.0.0.1:2',
  };

  it('is told of a folder without one, and of one that nobody could sign in to', () => {
    expect(() => loadConfig({ ...environment, CONSOLE_FOLDER: '/nowhere' })).toThrow(
      /CONSOLE_FOLDER is "\/nowhere", where no index.html is[\s\S]*CONSOLE_FOLDER is set without OIDC_CLIENT_ID/,
    );
  });

  it.each(['javascript:alert(1)', 'http://example.com', 'sales@example.com'])('takes no %s for sales', (url) => {
    expect(() => loadConfig({ ...environment, CONTACT_SALES_URL: url })).toThrow('CONTACT_SALES_URL');
  });
});
