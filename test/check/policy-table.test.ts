// The table of policies in docs/subscription.md names fields that there are, with the defaults that they have.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { computeDefaultPolicy, formatPolicyValue, policyFieldOf } from '../../kernel/domain/plan-policy.ts';

const TEXT = readFileSync(new URL('../../docs/subscription.md', import.meta.url), 'utf8');
const ROW = /^\| `([a-z_]+)` \| (`[^|]+`) \| [^|]+ \| [^|]+ \|$/;
const OTHERS = /`([a-z]+)`: `([^`]+)`/g;

const rows = TEXT.split('\n').flatMap((line) => {
  const [, name, defaults] = ROW.exec(line) ?? [];
  if (name === undefined || defaults === undefined) return [];
  const [, plain = ''] = /^`([^`]+)`/.exec(defaults) ?? [];
  const byPlan = [...defaults.matchAll(OTHERS)].map(([, plan = '', value = '']) => [plan, value] as const);
  return [{ name, byPlan: [['another', plain] as const, ...byPlan] }];
});

describe('the policies that steer trials and subscriptions', () => {
  it('are there', () => {
    expect(rows.length).toBeGreaterThan(15);
  });

  it.each(rows)('$name has the defaults that the table says', ({ name, byPlan }) => {
    const field = policyFieldOf(name);
    if (field === undefined) throw new Error(`no policy has a field ${name}`);
    for (const [plan, value] of byPlan) {
      expect([plan, formatPolicyValue(computeDefaultPolicy(plan as PlanCode), field)]).toEqual([plan, value]);
    }
    const named = new Set(byPlan.map(([plan]) => plan));
    for (const plan of ['free', 'pro', 'plus', 'max', 'enterprise'].filter((code) => !named.has(code))) {
      expect([plan, formatPolicyValue(computeDefaultPolicy(plan as PlanCode), field)]).toEqual([plan, byPlan[0]?.[1]]);
    }
  });
});
