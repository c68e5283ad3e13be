// Server reflection and health, as tools see them: grpcurl knows nothing of this repository.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { ACTION, type Callers, CREDIT, callersOf } from './support/account.ts';
import { type KernelFixture, openKernel } from './support/kernel-fixture.ts';

const run = promisify(execFile);
const GRPCURL = process.env['GRPCURL'] || 'grpcurl';

let kernel: KernelFixture;
let callers: Callers;
let isThere: boolean;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  isThere = await run(GRPCURL, ['-version']).then(
    () => true,
    () => false,
  );
});
afterAll(() => kernel.close());

/** Skips the test, and says so, where there is no grpcurl. */
function needGrpcurl(context: TestContext): void {
  if (!isThere) context.skip('grpcurl is not on PATH, and GRPCURL does not name it');
}

/** Runs grpcurl against the kernel. */
async function grpcurl(...parts: readonly string[]): Promise<string> {
  const options = parts.slice(0, -1);
  const { stdout } = await run(GRPCURL, ['-plaintext', ...options, kernel.address, ...(parts.at(-1) ?? '').split(' ')]);
  return stdout;
}

describe('grpcurl', () => {
  test('lists the services that are served, and no others', async (context) => {
    needGrpcurl(context);
    expect((await grpcurl('list')).trim().split('\n')).toEqual([
      'grpc.health.v1.Health',
      'wheelhouse.alert.v1.AlertEndpointService',
      'wheelhouse.alert.v1.AlertService',
      'wheelhouse.catalog.v1.CatalogAdminService',
      'wheelhouse.catalog.v1.CatalogService',
      'wheelhouse.catalog.v1.CatalogSyncService',
      'wheelhouse.ledger.v1.HoldService',
      'wheelhouse.ledger.v1.LedgerAuditService',
      'wheelhouse.ledger.v1.LedgerService',
      'wheelhouse.ledger.v1.LedgerStreamService',
      'wheelhouse.ledger.v1.UsageService',
      'wheelhouse.operator.v1.MailService',
      'wheelhouse.operator.v1.OperatorService',
      'wheelhouse.operator.v1.ReconciliationService',
      'wheelhouse.operator.v1.WebhookService',
      'wheelhouse.payment.v1.PaymentHistoryService',
      'wheelhouse.payment.v1.PaymentMethodService',
      'wheelhouse.payment.v1.TopUpService',
      'wheelhouse.promotion.v1.PromotionAdminService',
      'wheelhouse.promotion.v1.PromotionService',
      'wheelhouse.subscription.v1.SubscriptionService',
      'wheelhouse.subscription.v1.TrialService',
      'wheelhouse.tenant.v1.AccessTokenService',
      'wheelhouse.tenant.v1.InvitationService',
      'wheelhouse.tenant.v1.MemberService',
      'wheelhouse.tenant.v1.ProjectService',
      'wheelhouse.tenant.v1.SignupService',
      'wheelhouse.tenant.v1.TenantService',
      'wheelhouse.tenant.v1.UserService',
    ]);
  });

  test('describes methods, and messages with their optional fields', async (context) => {
    needGrpcurl(context);
    expect(await grpcurl('describe wheelhouse.ledger.v1.LedgerService')).toContain('rpc BatchDebit');
    expect(await grpcurl('describe wheelhouse.ledger.v1.HoldService')).toContain('rpc Settle');
    expect(await grpcurl('describe wheelhouse.ledger.v1.LedgerStreamService')).toMatch(
      /StreamDebits \( stream .*returns \( stream/,
    );
    expect(await grpcurl('describe wheelhouse.catalog.v1.Plan')).toContain('optional int32 member_limit');
  });

  test('calls a method by reflection alone', async (context) => {
    needGrpcurl(context);
    const tenantId = await callers.openTenant(7n * CREDIT);
    const authorization = ['-H', `authorization: Bearer ${kernel.tokens.internal}`];
    const data = ['-d', JSON.stringify({ tenant_id: tenantId })];
    const text = await grpcurl(...authorization, ...data, 'wheelhouse.ledger.v1.LedgerService/GetBalance');
    expect(JSON.parse(text)).toMatchObject({ planCode: 'pro', balance: { availableMicrocredits: '7000000' } });
  });

  test('holds, settles and lists by reflection alone', async (context) => {
    needGrpcurl(context);
    const tenantId = await callers.openTenant(7n * CREDIT);
    const call = async (method: string, request: Readonly<Record<string, unknown>>): Promise<unknown> => {
      const authorization = ['-H', `authorization: Bearer ${kernel.tokens.internal}`];
      const data = ['-d', JSON.stringify({ tenant_id: tenantId, ...request })];
      return JSON.parse(await grpcurl(...authorization, ...data, `wheelhouse.ledger.v1.HoldService/${method}`));
    };
    const expireTime = new Date(Date.now() + 3_600_000).toISOString();
    const wanted = { request_id: 'grpcurl-1', action: ACTION, quantity: '4', run_id: 'run-1', expire_time: expireTime };
    const reserved = await call('Reserve', wanted);
    const hold = { tenantId, runId: 'run-1', status: 'HOLD_STATUS_OPEN', expireTime, heldMicrocredits: '4000000' };
    expect(reserved).toMatchObject({ hold, entry: { type: 'ENTRY_TYPE_RESERVED', requestId: 'grpcurl-1' } });
    const { holds } = (await call('ListHolds', {})) as { readonly holds: readonly { readonly holdId: string }[] };
    expect(holds).toEqual([expect.objectContaining(hold)]);
    const part = {
      hold_id: holds[0]?.holdId,
      part_id: 'all',
      quantity: '1',
      final: true,
      dimensions: { region: 'eu' },
    };
    expect(await call('Settle', part)).toMatchObject({
      hold: { status: 'HOLD_STATUS_SETTLED', settledMicrocredits: '1000000' },
      entry: { settlement: { partId: 'all', final: true, charge: { dimensions: { region: 'eu' } } } },
    });
    expect(await callers.availableOf(tenantId)).toBe(6n * CREDIT);
  });

  test('refuses an unknown field before it calls, and shows the details of a refusal', async (context) => {
    needGrpcurl(context);
    const method = 'wheelhouse.ledger.v1.LedgerService/Debit';
    const authorization = ['-H', `authorization: Bearer ${kernel.tokens.internal}`];
    await expect(grpcurl(...authorization, '-d', '{"amount":1}', method)).rejects.toThrow(
      /no known field named amount/,
    );
    const refused = grpcurl(...authorization, '-d', '{"quantity":"-1"}', method);
    await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('"reason": "INVALID_FIELD"') });
  });

  test('asks for health', async (context) => {
    needGrpcurl(context);
    const health = await grpcurl('grpc.health.v1.Health/Check');
    expect(JSON.parse(health)).toEqual({ status: 'SERVING' });
    const one = await grpcurl('-d', '{"service":"wheelhouse.ledger.v1.LedgerService"}', 'grpc.health.v1.Health/Check');
    expect(JSON.parse(one)).toEqual({ status: 'SERVING' });
  });
});
