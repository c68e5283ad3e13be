import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../dev/stack-config.ts';
import { extractSpecification } from '../../dev/stripe-sandbox/openapi/extract.ts';
import { loadOpenApi, OPENAPI_FILE } from '../../dev/stripe-sandbox/openapi/openapi.ts';
import { SERVED_PATHS } from '../../dev/stripe-sandbox/openapi/served-path.ts';
import { findSpecification, STRIPE_MOCK_VERSION } from '../support/stripe-mock.ts';

describe('the extract of Stripe’s specification', () => {
  it('is of the API version that the stripe package speaks', () => {
    expect(loadOpenApi().info.version).toBe(Stripe.API_VERSION);
  });

  it('is of the stripe-mock that the tests and .ci/run install', async () => {
    const script = await readFile(join(REPOSITORY, '.ci/run'), 'utf8');
    expect(script).toContain(`STRIPE_MOCK_VERSION='${STRIPE_MOCK_VERSION}'`);
  });

  it('is what the script makes of the specification', async (context) => {
    const specification = await findSpecification(process.env);
    if (typeof specification === 'object') return context.skip(specification.reason);
    const extract = extractSpecification(JSON.parse(await readFile(specification, 'utf8')), SERVED_PATHS);
    // Not toEqual: the difference of two texts of this size is of no use to anyone.
    expect(extract === (await readFile(OPENAPI_FILE, 'utf8')), 'run dev/stripe-sandbox/openapi/extract-main.ts').toBe(
      true,
    );
  });

  it('leaves nothing that a reference names outside', () => {
    const { paths, components } = loadOpenApi();
    const references = JSON.stringify({ paths, components }).matchAll(/"#\/components\/schemas\/([^"]+)"/g);
    const missing = [...references].map(([, name = '']) => name).filter((name) => !(name in components.schemas));
    expect(missing).toEqual([]);
  });
});
