// The table of metadata in docs/stripe.md names every key that a sync reads, and no other, with the defaults that they have.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { readPlan } from '../../kernel/domain/plan-metadata.ts';
import { computeDefaultPolicy, contractNameOf, POLICY_FIELDS } from '../../kernel/domain/plan-policy.ts';
import { PRODUCTS, stripePrice } from '../domain/support/stripe-price.ts';

const TEXT = readFileSync(new URL('../../docs/stripe.md', import.meta.url), 'utf8');
/** Those that are no field of a policy. */
const OTHERS = ['product_code', 'plan_code', 'onboarding_default'];
const PLANS = ['free', 'pro', 'plus', 'max', 'enterprise', 'another'];

const [, table = ''] = TEXT.split('## Metadata');
const rows = table
  .split('\n')
  .slice(
    0,
    table.split('\n').findIndex((line) => line.startsWith('Numbers are')),
  )
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const defaults = new Map(
  rows.flatMap(([names = '', , , value = '']) =>
    [...names.matchAll(/`([a-z_]+)`/g)].map(([, name = '']) => [name, value] as const),
  ),
);

/** Reads what the table says of a plan, such as "`true` for `pro`, else `false`". */
function defaultOf(text: string, plan: string): string | undefined {
  const special = new Map([...text.matchAll(/`([^`]+)` for `([a-z]+)`/g)].map(([, value, code]) => [code, value]));
  return special.get(plan) ?? /(?:^|else )`([^`]+)`(?! for)/.exec(text)?.[1];
}

describe('the table of metadata', () => {
  test('names every key, and none that is not read', () => {
    expect([...defaults.keys()].sort()).toEqual([...POLICY_FIELDS.map(contractNameOf), ...OTHERS].sort());
  });

  test.each(POLICY_FIELDS)('has the defaults of %s', (field) => {
    const text = defaults.get(contractNameOf(field)) ?? '';
    for (const plan of PLANS) {
      const metadata = { plan_code: plan, [contractNameOf(field)]: defaultOf(text, plan) ?? 'missing' };
      const row = readPlan(stripePrice({}, metadata), new Map(PRODUCTS.map((known) => [known.productCode, known])));
      expect(row).toMatchObject({ planCode: plan, policy: { [field]: computeDefaultPolicy(plan as PlanCode)[field] } });
    }
  });
});
