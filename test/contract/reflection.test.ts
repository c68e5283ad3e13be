// Server reflection and health, as tools see them: grpcurl knows nothing of this repository.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { type Callers, CREDIT, callersOf } from './support/account.ts';
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
      'wheelhouse.catalog.v1.CatalogService',
      'wheelhouse.ledger.v1.LedgerService',
      'wheelhouse.tenant.v1.TenantService',
    ]);
  });

  test('describes methods, and messages with their optional fields', async (context) => {
    needGrpcurl(context);
    expect(await grpcurl('describe wheelhouse.ledger.v1.LedgerService')).toContain('rpc BatchDebit');
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
