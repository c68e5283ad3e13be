// Codes over REST: which request is which, and which input and which answers are refused.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DiscountDuration } from '../../gen/wheelhouse/promotion/v1/promotion.ts';
import { ApplyCodeResponse, RedemptionOutcome } from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { KEY } from './support/endpoint-case.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { APPLIED, APPLIED_JSON, CREDIT } from './support/promotion-case.ts';
import { type HttpAnswer, Stage } from './support/stage.ts';

const PATH = '/v1/billing/codes/apply';
const CODE = { code: 'spring' };

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

function write(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
  return stage.write('POST', path, body, { 'x-workspace-id': TENANT_ID, ...headers });
}

const answerWith = (fields: object): void => {
  stage.kernel.answers.applyCode = () => ApplyCodeResponse.fromPartial({ ...APPLIED, ...fields });
};

const keysAsked = (): readonly unknown[] =>
  stage.kernel.calls.map(({ request }) =>
    typeof request === 'object' && request !== null && 'requestId' in request ? request.requestId : undefined,
  );

describe('the key of a request', () => {
  test('may stand in its body, or in the header, or in both', async () => {
    answerWith({});
    await write(PATH, { ...CODE, idempotency_key: KEY });
    await write(PATH, CODE, { 'idempotency-key': KEY });
    await write(PATH, { ...CODE, idempotency_key: KEY }, { 'idempotency-key': KEY });
    expect(keysAsked()).toEqual([KEY, KEY, KEY]);
  });

  test('is made where there is none', async () => {
    answerWith({});
    await write(PATH, CODE);
    expect(keysAsked()).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  test('must be one', async () => {
    const answer = await write(PATH, { ...CODE, idempotency_key: KEY }, { 'idempotency-key': 'another' });
    const errors = [{ field: 'idempotency_key' }];
    expect(answer.problem()).toMatchObject({ status: 400, reason: 'INVALID_FIELD', errors });
    expect(stage.kernel.calls).toEqual([]);
  });

  test('is told where an earlier request had it', async () => {
    answerWith({ replayed: true });
    const answer = await write(PATH, CODE);
    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(answer.json()).toEqual(APPLIED_JSON);
  });
});

test.each([
  [PATH, {}, 'code'],
  [PATH, { code: 1 }, 'code'],
  [PATH, { code: 'A B' }, 'code'],
  [PATH, { ...CODE, idempotency_key: '' }, 'idempotency_key'],
  [PATH, { ...CODE, idempotency_key: 'a b' }, 'idempotency_key'],
  [PATH, { ...CODE, microcredits: 1 }, 'microcredits'],
  [PATH, { ...CODE, plan_code: 'pro' }, 'plan_code'],
  ['/v1/billing/discounts/validate', {}, 'code'],
  ['/v1/billing/discounts/validate', { ...CODE, plan_code: '' }, 'plan_code'],
  ['/v1/billing/discounts/validate', { ...CODE, idempotency_key: KEY }, 'idempotency_key'],
])('POST %s %j is refused', async (path, body, field) => {
  const answer = await write(path, body);
  expect(answer.problem()).toMatchObject({ status: 400, reason: 'INVALID_FIELD', errors: [{ field }] });
  expect(stage.kernel.calls).toEqual([]);
});

test.each([
  ['gives nothing', { credit: undefined }],
  ['gives both', { discount: { percentOff: '1', duration: DiscountDuration.ONCE } }],
  ['has come to nothing', { outcome: RedemptionOutcome.UNSPECIFIED }],
  ['gives more than a number holds', { credit: { ...CREDIT, microcredits: 2n ** 53n } }],
  ['takes something off for no time', { credit: undefined, discount: { percentOff: '1' } }],
])('an answer that %s is not shown', async (_, fields) => {
  answerWith(fields);
  expect((await write(PATH, CODE)).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
});
