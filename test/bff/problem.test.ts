// Every reason of the contract, as the kernel sends it over real gRPC, and the problem that REST answers with.

import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PROBLEM_KINDS, type ProblemReason } from '../../bff/problem.ts';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import { rawRefusal, refusal } from './support/kernel-peer.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

/** What is expected, written down apart from the table in the code: gRPC code, then HTTP status. */
const EXPECTED: Readonly<Record<ProblemReason, readonly [GrpcStatus, number]>> = {
  KERNEL_UNAVAILABLE: [GrpcStatus.UNAVAILABLE, 503],
  ISSUER_UNAVAILABLE: [GrpcStatus.UNAVAILABLE, 503],
  REQUEST_TOO_LARGE: [GrpcStatus.RESOURCE_EXHAUSTED, 413],
  REQUEST_HEADER_TOO_LARGE: [GrpcStatus.RESOURCE_EXHAUSTED, 431],
  REQUEST_TIMEOUT: [GrpcStatus.DEADLINE_EXCEEDED, 408],
  UNSUPPORTED_MEDIA_TYPE: [GrpcStatus.INVALID_ARGUMENT, 415],
  INVALID_FIELD: [GrpcStatus.INVALID_ARGUMENT, 400],
  CREDENTIAL_INVALID: [GrpcStatus.UNAUTHENTICATED, 401],
  SCOPE_DENIED: [GrpcStatus.PERMISSION_DENIED, 403],
  PRODUCT_SCOPE_MISMATCH: [GrpcStatus.PERMISSION_DENIED, 403],
  ROLE_REQUIRED: [GrpcStatus.PERMISSION_DENIED, 403],
  TENANT_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  ACCOUNT_NOT_OPEN: [GrpcStatus.FAILED_PRECONDITION, 409],
  PRODUCT_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  PLAN_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  ACTION_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  INSUFFICIENT_CREDITS: [GrpcStatus.FAILED_PRECONDITION, 402],
  IDEMPOTENCY_KEY_REUSED: [GrpcStatus.ALREADY_EXISTS, 409],
  BALANCE_OUT_OF_RANGE: [GrpcStatus.OUT_OF_RANGE, 422],
  GRANT_LIMIT_REACHED: [GrpcStatus.RESOURCE_EXHAUSTED, 409],
  COMMIT_TOO_LARGE: [GrpcStatus.RESOURCE_EXHAUSTED, 413],
  QUEUE_FULL: [GrpcStatus.RESOURCE_EXHAUSTED, 429],
  CLOCK_UNCERTAIN: [GrpcStatus.UNAVAILABLE, 503],
  HEAD_FROM_FUTURE: [GrpcStatus.UNAVAILABLE, 503],
  STATE_VERSION_UNSUPPORTED: [GrpcStatus.UNAVAILABLE, 503],
  OUTCOME_UNKNOWN: [GrpcStatus.UNAVAILABLE, 503],
  DATABASE_UNAVAILABLE: [GrpcStatus.UNAVAILABLE, 503],
  SHUTTING_DOWN: [GrpcStatus.UNAVAILABLE, 503],
  DEADLINE_EXCEEDED: [GrpcStatus.DEADLINE_EXCEEDED, 504],
  LEDGER_CORRUPT: [GrpcStatus.DATA_LOSS, 500],
  INTERNAL: [GrpcStatus.INTERNAL, 500],
  ROUTE_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  METHOD_NOT_ALLOWED: [GrpcStatus.UNIMPLEMENTED, 405],
  HOLD_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  HOLD_ENDED: [GrpcStatus.FAILED_PRECONDITION, 409],
  HOLD_LIMIT_REACHED: [GrpcStatus.RESOURCE_EXHAUSTED, 409],
  ENTRY_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  ENTRY_NOT_REVERSIBLE: [GrpcStatus.FAILED_PRECONDITION, 409],
  ENTRY_ALREADY_REVERSED: [GrpcStatus.FAILED_PRECONDITION, 409],
  KILL_SWITCH_OFF: [GrpcStatus.FAILED_PRECONDITION, 503],
  PRODUCT_ALREADY_REGISTERED: [GrpcStatus.ALREADY_EXISTS, 409],
  PLAN_SOLD_BY_STRIPE: [GrpcStatus.FAILED_PRECONDITION, 409],
  STRIPE_OFF: [GrpcStatus.FAILED_PRECONDITION, 409],
  STRIPE_UNAVAILABLE: [GrpcStatus.UNAVAILABLE, 503],
  STRIPE_REFUSED: [GrpcStatus.FAILED_PRECONDITION, 409],
  SYNC_BUSY: [GrpcStatus.ABORTED, 409],
  WEBHOOK_EVENT_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  RESUME_TOKEN_EXPIRED: [GrpcStatus.OUT_OF_RANGE, 410],
  TRIAL_NOT_OFFERED: [GrpcStatus.FAILED_PRECONDITION, 409],
  TRIAL_ALREADY_USED: [GrpcStatus.FAILED_PRECONDITION, 409],
  TRIAL_CARD_REQUIRED: [GrpcStatus.FAILED_PRECONDITION, 402],
  TRIAL_LIMIT_REACHED: [GrpcStatus.FAILED_PRECONDITION, 409],
  TRIAL_NOT_ACTIVE: [GrpcStatus.FAILED_PRECONDITION, 409],
  WORKSPACE_REQUIRED: [GrpcStatus.FAILED_PRECONDITION, 400],
  SLUG_TAKEN: [GrpcStatus.ALREADY_EXISTS, 409],
  TENANT_SUSPENDED: [GrpcStatus.FAILED_PRECONDITION, 403],
  TENANT_CLOSED: [GrpcStatus.FAILED_PRECONDITION, 409],
  MEMBER_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  MEMBER_LIMIT_REACHED: [GrpcStatus.FAILED_PRECONDITION, 409],
  LAST_ADMIN: [GrpcStatus.FAILED_PRECONDITION, 409],
  ALREADY_MEMBER: [GrpcStatus.ALREADY_EXISTS, 409],
  INVITATION_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  INVITATION_ENDED: [GrpcStatus.FAILED_PRECONDITION, 410],
  EMAIL_NOT_VERIFIED: [GrpcStatus.FAILED_PRECONDITION, 403],
  EMAIL_MISMATCH: [GrpcStatus.FAILED_PRECONDITION, 403],
  PROJECT_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  WORKSPACE_LIMIT_REACHED: [GrpcStatus.RESOURCE_EXHAUSTED, 409],
  ACCESS_TOKEN_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  SIGNUP_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  SIGNUP_ENDED: [GrpcStatus.FAILED_PRECONDITION, 410],
  MAIL_LIMIT_REACHED: [GrpcStatus.RESOURCE_EXHAUSTED, 429],
  MAIL_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  SUBSCRIPTION_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  SUBSCRIPTION_EXISTS: [GrpcStatus.ALREADY_EXISTS, 409],
  SUBSCRIPTION_BUSY: [GrpcStatus.ABORTED, 409],
  SUBSCRIPTION_UNPAID: [GrpcStatus.FAILED_PRECONDITION, 402],
  CONTACT_SALES: [GrpcStatus.FAILED_PRECONDITION, 409],
  PAYMENT_DECLINED: [GrpcStatus.FAILED_PRECONDITION, 402],
  PAYMENT_METHOD_REQUIRED: [GrpcStatus.FAILED_PRECONDITION, 402],
  PAYMENT_METHOD_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  PLAN_UNCHANGED: [GrpcStatus.FAILED_PRECONDITION, 409],
  TOPUP_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  TOPUP_NOT_OFFERED: [GrpcStatus.FAILED_PRECONDITION, 409],
  TOPUP_AMOUNT_MISMATCH: [GrpcStatus.INVALID_ARGUMENT, 400],
  TOPUP_AMOUNT_OUT_OF_RANGE: [GrpcStatus.INVALID_ARGUMENT, 400],
  TOPUP_NOT_CANCELABLE: [GrpcStatus.FAILED_PRECONDITION, 409],
  PROMOTION_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  PROMOTION_ENDED: [GrpcStatus.FAILED_PRECONDITION, 409],
  PROMOTION_EXHAUSTED: [GrpcStatus.FAILED_PRECONDITION, 409],
  PROMOTION_NOT_APPLICABLE: [GrpcStatus.FAILED_PRECONDITION, 409],
  PROMOTION_ALREADY_REDEEMED: [GrpcStatus.FAILED_PRECONDITION, 409],
  PROMOTION_ALREADY_EXISTS: [GrpcStatus.ALREADY_EXISTS, 409],
  PROMOTION_ATTEMPTS_EXCEEDED: [GrpcStatus.RESOURCE_EXHAUSTED, 429],
  ALERT_ENDPOINT_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  ALERT_ENDPOINT_LIMIT_REACHED: [GrpcStatus.FAILED_PRECONDITION, 409],
  ALERT_DELIVERY_NOT_FOUND: [GrpcStatus.NOT_FOUND, 404],
  ALERT_TARGET_FORBIDDEN: [GrpcStatus.FAILED_PRECONDITION, 409],
  CSRF_TOKEN_INVALID: [GrpcStatus.PERMISSION_DENIED, 403],
  RATE_LIMITED: [GrpcStatus.RESOURCE_EXHAUSTED, 429],
  STREAM_LIMIT_REACHED: [GrpcStatus.RESOURCE_EXHAUSTED, 429],
};

/** Reasons by which the kernel refuses the BFF itself, which is no fault of the client. */
const DEPLOYMENT_FAULTS = ['CREDENTIAL_INVALID', 'PRODUCT_SCOPE_MISMATCH'];
const REASONS = Object.keys(ErrorReason).filter((name) => name !== 'UNSPECIFIED') as ProblemReason[];

describe('the table of reasons', () => {
  test('has a row for every reason of the contract, and this test an expectation', () => {
    expect(Object.keys(PROBLEM_KINDS)).toEqual(expect.arrayContaining(REASONS));
    expect(Object.keys(EXPECTED).sort()).toEqual([...REASONS].sort());
  });

  test.each(REASONS)('has a status, a title and a sentence for %s', (reason) => {
    expect(PROBLEM_KINDS[reason].status).toBe(EXPECTED[reason][1]);
    expect(PROBLEM_KINDS[reason].title).toMatch(/^[A-Z][a-z ]+$/);
    expect(PROBLEM_KINDS[reason].detail).toMatch(/^[A-Z].*\.$/);
  });
});

describe('an error of the kernel', () => {
  test.each(REASONS.filter((reason) => !DEPLOYMENT_FAULTS.includes(reason)))('%s keeps its reason', async (reason) => {
    const [code, status] = EXPECTED[reason];
    stage.kernel.answers.getBalance = () => {
      throw refusal({ code, reason, message: `the kernel says ${reason}` });
    };

    const answer = await stage.get('/v1/billing/usage', { 'x-request-id': 'req-7' });

    expect(answer.status).toBe(status);
    expect(answer.problem()).toEqual({
      type: `https://wheelhouse.dev/errors/${reason}`,
      title: PROBLEM_KINDS[reason].title,
      status,
      detail: status < 500 || reason === 'KILL_SWITCH_OFF' ? `the kernel says ${reason}` : PROBLEM_KINDS[reason].detail,
      instance: 'req-7',
      reason,
    });
  });

  test('that begins with a field of the contract names what REST calls it', async () => {
    stage.kernel.answers.getBalance = () => {
      const message = 'request_id: key-1 was used before: use a new one';
      throw refusal({ code: GrpcStatus.ALREADY_EXISTS, reason: 'IDEMPOTENCY_KEY_REUSED', message });
    };
    const answer = await stage.get('/v1/billing/usage');
    expect(answer.problem().detail).toBe('Idempotency-Key: key-1 was used before: use a new one');
  });

  test('by a kill switch names the switch, and is no failure in the log', async () => {
    stage.kernel.answers.getBalance = () => {
      throw refusal({
        code: GrpcStatus.FAILED_PRECONDITION,
        reason: 'KILL_SWITCH_OFF',
        message: 'trials are switched off at present (TRIALS_ENABLED)',
        metadata: { kill_switch: 'TRIALS_ENABLED' },
      });
    };

    const answer = await stage.get('/v1/billing/usage', { 'x-request-id': 'req-switch' });

    expect(answer.problem()).toMatchObject({
      status: 503,
      detail: 'trials are switched off at present (TRIALS_ENABLED)',
      metadata: { kill_switch: 'TRIALS_ENABLED' },
    });
    const lines = () => stage.logLines.filter((line) => line.includes('req-switch'));
    await expect.poll(lines).toHaveLength(1);
    expect(lines()[0]).toContain('"reason":"KILL_SWITCH_OFF"');
  });

  test.each(DEPLOYMENT_FAULTS)(
    '%s, which is about the BFF itself, does not send the client away to sign in',
    async (reason) => {
      stage.kernel.answers.getBalance = () => {
        throw refusal({ code: GrpcStatus.UNAUTHENTICATED, reason, message: 'credential bff-agentruntime is unknown' });
      };

      const answer = await stage.get('/v1/billing/usage', { 'x-request-id': `req-${reason}` });

      expect(answer.problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
      expect(answer.headers.get('www-authenticate')).toBeNull();
      expect(answer.text).not.toContain('bff-agentruntime');
      const line = stage.logLines.find((text) => text.includes(`req-${reason}`) && text.includes('the request failed'));
      expect(line).toContain(`"kernelReason":"${reason}"`);
    },
  );

  test('passes on fields, under the names of the query, and figures', async () => {
    stage.kernel.answers.listEntries = () => {
      throw refusal({
        code: GrpcStatus.INVALID_ARGUMENT,
        reason: 'INVALID_FIELD',
        message: 'filter.end_time: must lie after filter.start_time',
        metadata: { limit: '7' },
        violations: [
          { field: 'filter.end_time', description: 'must lie after filter.start_time' },
          { field: 'page_token', description: 'is not one of this list' },
        ],
      });
    };

    expect((await stage.get('/v1/billing/usage-history')).problem()).toMatchObject({
      status: 400,
      detail: 'end_time: must lie after start_time; page_token: is not one of this list',
      errors: [
        { field: 'end_time', message: 'must lie after start_time' },
        { field: 'page_token', message: 'is not one of this list' },
      ],
      metadata: { limit: '7' },
    });
  });

  test.each([
    [1, '1'],
    [1_000, '1'],
    [1_001, '2'],
    [30_000, '30'],
    [90_000_000, '3600'],
  ])('tells a retry delay of %i ms as %s s', async (retryDelayMs, seconds) => {
    stage.kernel.answers.getBalance = () => {
      throw refusal({ code: GrpcStatus.RESOURCE_EXHAUSTED, reason: 'QUEUE_FULL', retryDelayMs });
    };

    const answer = await stage.get('/v1/billing/usage');

    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe(seconds);
  });

  test('shows none of the words and figures of a failure on our side', async () => {
    stage.kernel.answers.getBalance = () => {
      throw refusal({
        code: GrpcStatus.UNAVAILABLE,
        reason: 'DATABASE_UNAVAILABLE',
        message: 'connect ECONNREFUSED mongodb://user:secret@10.0.0.7',
        metadata: { host: '10.0.0.7' },
      });
    };

    const answer = await stage.get('/v1/billing/usage');

    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.text).not.toMatch(/10\.0\.0\.7|secret/);
  });

  test.each([
    [GrpcStatus.INVALID_ARGUMENT, 400],
    [GrpcStatus.OUT_OF_RANGE, 400],
    [GrpcStatus.PERMISSION_DENIED, 403],
    [GrpcStatus.NOT_FOUND, 404],
    [GrpcStatus.ALREADY_EXISTS, 409],
    [GrpcStatus.FAILED_PRECONDITION, 409],
    [GrpcStatus.ABORTED, 409],
    [GrpcStatus.RESOURCE_EXHAUSTED, 429],
    [GrpcStatus.UNAVAILABLE, 503],
    [GrpcStatus.DEADLINE_EXCEEDED, 504],
    [GrpcStatus.INTERNAL, 500],
  ])('with a reason that only a newer kernel knows goes by its code %i → %i', async (code, status) => {
    stage.kernel.answers.getBalance = () => {
      throw refusal({ code, reason: 'FROM_A_NEWER_RELEASE', message: 'Something new.' });
    };

    const answer = await stage.get('/v1/billing/usage');

    expect(answer.status).toBe(status);
    expect(answer.problem()).toMatchObject({
      type: 'https://wheelhouse.dev/errors/FROM_A_NEWER_RELEASE',
      reason: 'FROM_A_NEWER_RELEASE',
      status,
    });
  });

  test.each([
    ['no details', undefined],
    ['malformed details', Buffer.from([0xff, 0xff, 0xff])],
    ['empty details', Buffer.alloc(0)],
  ])('with %s goes by its code, and says nothing of the kernel', async (_, details) => {
    stage.kernel.answers.getBalance = () => {
      throw rawRefusal(GrpcStatus.NOT_FOUND, 'a word of the kernel', details);
    };

    const answer = await stage.get('/v1/billing/usage');

    expect(answer.problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
    expect(answer.text).not.toContain('a word of the kernel');
  });

  test.each(['other.example.com', ''])('of the domain "%s" does not speak our vocabulary', async (domain) => {
    stage.kernel.answers.getBalance = () => {
      throw refusal({ code: GrpcStatus.PERMISSION_DENIED, reason: 'ROLE_REQUIRED', domain });
    };

    expect((await stage.get('/v1/billing/usage')).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });

  test.each(['__proto__', 'constructor', '<script>', 'A'.repeat(100)])(
    'can not smuggle in the reason "%s"',
    async (reason) => {
      stage.kernel.answers.getBalance = () => {
        throw refusal({ code: GrpcStatus.PERMISSION_DENIED, reason });
      };

      expect((await stage.get('/v1/billing/usage')).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
    },
  );
});
