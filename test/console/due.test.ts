// What is due of a preview, now and next, where a code or a discount takes something off.

import { describe, expect, it } from 'vitest';
import type { CodeForecast, PlanChangePreview, SubscriptionDiscount } from '../../bff/console/src/api/type.ts';
import { computeDue, describeNext } from '../../bff/console/src/page/plans/due.ts';

const NOTHING = { before_microcredits: 0, after_microcredits: 0 };
const PREVIEW: PlanChangePreview = {
  kind: 'activation',
  from_plan_code: 'free',
  to_plan_code: 'max',
  effective_time: '2027-01-01T12:00:00Z',
  due_now: { amount: 14_900, currency: 'usd' },
  next_cycle: { amount: 14_900, currency: 'usd', start_time: '2027-02-01T12:00:00Z' },
  buckets: { trial: NOTHING, included: NOTHING, payg: NOTHING },
};

function forecast(duration: 'once' | 'forever', before: number): CodeForecast {
  return {
    code: 'TWENTY',
    credit: null,
    discount: { percent_off: '20', amount_off: null, duration, duration_months: null },
    price: {
      plan_code: 'max',
      before: { amount: before, currency: 'usd' },
      after: { amount: 11_920, currency: 'usd' },
    },
    purchase_promotion_code: 'TWENTY',
  };
}

it.each([
  ['the price where there is no code', undefined, 14_900],
  ['the price with the code', forecast('once', 14_900), 11_920],
  ['what was reckoned without the code, where that is for another sum', forecast('once', 9_900), 14_900],
])('is %s', (_words, code, amount) => {
  expect(computeDue(PREVIEW, code)).toEqual({ amount, currency: 'usd' });
});

describe('what is paid next', () => {
  const eighth: SubscriptionDiscount = {
    ...{ percent_off: '12.5', amount_off: null },
    ...{ duration: 'repeating', duration_months: 3, end_time: '2027-02-02T00:00:00Z' },
  };

  it.each([
    ['the price', PREVIEW, undefined, [], ''],
    ['the price after a code for one invoice', PREVIEW, forecast('once', 14_900), [], ''],
    ['less by a code that lasts', PREVIEW, forecast('forever', 14_900), [], ', before the discount'],
    [
      'less by a discount that runs',
      { ...PREVIEW, kind: 'downgrade' as const },
      undefined,
      [eighth],
      ', with 12.5% off',
    ],
    [
      'not less by one that is over by then',
      { ...PREVIEW, kind: 'resumption' as const },
      undefined,
      [{ ...eighth, end_time: '2027-02-01T12:00:00Z' }],
      '',
    ],
    ['what Stripe has reckoned of an upgrade', { ...PREVIEW, kind: 'upgrade' as const }, undefined, [eighth], ''],
  ])('is %s', (_words, preview, code, discounts, end) => {
    expect(describeNext(preview, { forecast: code, discounts })).toMatch(new RegExp(`^\\$149\\.00 on .* 2027${end}$`));
  });

  it('is nothing where no cycle follows', () => {
    expect(describeNext({ ...PREVIEW, next_cycle: null }, { forecast: undefined, discounts: [eighth] })).toBe('None');
  });
});
