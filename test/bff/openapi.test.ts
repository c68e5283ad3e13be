// The document of the API: that it is OpenAPI 3.1, that it is made of the routes, and where it is served.

import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildDocument } from '../../bff/openapi/document.ts';
import { PROBLEM_KINDS } from '../../bff/problem.ts';
import { ROUTES } from '../../bff/routes/all.ts';
import { startBrowser } from '../support/browser.ts';
import { Stage } from './support/stage.ts';

const OPTIONS = { sessionCookie: 'wheelhouse_agentruntime', introduction: 'Hello.' };

/** What of the document the tests look at. */
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Record<string, unknown>>> };
}

/** All objects of the document, by where they are. */
function schemasOf(value: unknown, path: string): (readonly [string, Readonly<Record<string, unknown>>])[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.entries(value).flatMap(([name, part]) => schemasOf(part, `${path}/${name}`));
  return [[path, { ...value }], ...inside];
}

const build = (): Document => buildDocument(ROUTES, OPTIONS) as unknown as Document;

describe('the document', () => {
  test('is OpenAPI 3.1', async () => {
    const validator = new Validator();
    const outcome = await validator.validate(JSON.parse(JSON.stringify(build())));
    expect(outcome).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
  });

  test('says of each list in which order it is', () => {
    const lists = ROUTES.filter(({ method, name }) => method === 'GET' && name.startsWith('list'));
    expect(lists.length).toBeGreaterThan(15);
    const unsaid = lists.filter(
      ({ description = '' }) => !/\bfirst\b|in the order|\bby (name|the name|rank)|ordered by/i.test(description),
    );
    expect(unsaid.map(({ name }) => name)).toEqual([]);
  });

  test('is the same each time', () => {
    expect(JSON.stringify(build())).toBe(JSON.stringify(build()));
  });

  test('has every route, and the probes', () => {
    const told = Object.entries(build().paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const routes = ROUTES.map(({ method, path }) => `${method} ${path.replaceAll(/:([a-z_]+)/g, '{$1}')}`);
    expect(told.toSorted()).toEqual([...routes, 'GET /healthz', 'GET /readyz'].toSorted());
  });

  test('has nothing of the checker’s own dialect, and no object that could have further fields unseen', () => {
    const schemas = schemasOf(JSON.parse(JSON.stringify(build())), '');
    expect(schemas.filter(([, { nullable }]) => typeof nullable === 'boolean')).toEqual([]);
    expect(schemas.filter(([, { format }]) => format === 'timestamp')).toEqual([]);
    const objects = schemas.filter(([path, { type }]) => type === 'object' && !path.includes('/allOf/'));
    expect(objects.length).toBeGreaterThan(50);
    expect(objects.filter(([, { additionalProperties }]) => additionalProperties === undefined)).toEqual([]);
  });

  test('names every reason', () => {
    expect(build().components.schemas['Reason']?.['enum']).toEqual(Object.keys(PROBLEM_KINDS).sort());
  });

  test('is refused where two operations have the same name', () => {
    const [first] = ROUTES;
    expect(() => buildDocument(first ? [first, first] : [], OPTIONS)).toThrow('two operations have the name listPlans');
  });
});

describe('where it is served', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.set();
  });
  afterAll(() => stage.clear());

  test('/openapi.json is for everybody, with an entity tag', async () => {
    const answer = await stage.send('/openapi.json');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect((answer.json() as Document).paths).toEqual(JSON.parse(JSON.stringify(build().paths)));
    const tag = answer.headers.get('etag') ?? '';
    expect((await stage.send('/openapi.json', { headers: { 'if-none-match': tag } })).status).toBe(304);
  });

  test('/docs loads only what is here, and lets no script in but the viewer’s', async () => {
    const page = await stage.send('/docs');
    expect((await stage.send('/docs/')).text).toBe(page.text);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain('unsafe');
    const loaded = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => String(address));
    expect(loaded).toContain('/docs/viewer.js');
    for (const address of loaded) {
      expect(address).toMatch(/^\//);
      const answer = await stage.send(address);
      expect([address, answer.status, answer.headers.get('x-content-type-options')]).toEqual([address, 200, 'nosniff']);
    }
    expect(page.text).not.toMatch(/<script>|<style>|\son\w+=/);
  });

  test('/docs shows every operation in a browser, which has nothing to refuse and asks nobody else', async (context) => {
    const browser = await startBrowser(process.env);
    if (browser === undefined) return context.skip('needs Chromium: on PATH, or named by CHROMIUM');
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())));
      page.on('pageerror', (error) => void complaints.push(String(error)));
      page.on('request', (request) => {
        if (!request.url().startsWith(stage.url) && !request.url().startsWith('data:')) complaints.push(request.url());
      });
      await page.goto(`${stage.url}/docs`);
      await expect.poll(() => page.locator('.opblock').count()).toBe(ROUTES.length + 2);
      await page.locator('#operations-topups-createTopUp .opblock-summary-control').click();
      await page.getByText('Needs the role').waitFor();
      expect(await page.locator('.info').innerText()).toContain('What holds everywhere');
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
