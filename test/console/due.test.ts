// What is due of a preview where a code takes something off.

import { expect, it } from 'vitest';
import type { CodeForecast, PlanChangePreview } from '../../bff/console/src/api/type.ts';
import { computeDue, lasts } from '../../bff/console/src/page/plans/due.ts';

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

it('is less later, too, by a code that lasts', () => {
  expect(lasts(undefined)).toBe(false);
  expect(lasts(forecast('once', 14_900))).toBe(false);
  expect(lasts(forecast('forever', 14_900))).toBe(true);
});
