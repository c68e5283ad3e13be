import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import {
  DebitRequest,
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const CREDIT = 1_000_000n;

let stack: TestStack;
let tenantId: string;

beforeAll(async () => {
  stack = await startStack({ mongodbUri: freshDatabaseUri(), kernelCount: 2 });
  tenantId = await stack.createTenant('agentruntime', 'pro');
  await stack.connect(stack.credentials.sysadmin).call(
    LedgerServiceService.grant,
    GrantRequest.fromPartial({
      requestId: 'funds',
      tenantId,
      bucket: Bucket.PAYG,
      microcredits: 100n * CREDIT,
      actor: 'test',
      reason: 'Funds of the test',
    }),
  );
});
afterAll(() => stack.stop());

async function debit(kernelIndex: number, requestId: string): Promise<boolean> {
  const request = { requestId, tenantId, action: 'workflow.step.execute', quantity: '1' };
  const internal = stack.connect(stack.credentials.internal, kernelIndex);
  return (await internal.call(LedgerServiceService.debit, DebitRequest.fromPartial(request))).replayed;
}

async function readUsage(productCode: string): Promise<{ status: number; payg: unknown }> {
  const token = await stack.mint(productCode, 'project_contributor', tenantId);
  const response = await fetchDocumented(`${stack.bffs.get(productCode)}/v1/billing/usage`, {
    headers: { authorization: `Bearer ${token}`, 'x-workspace-id': tenantId },
  });
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, payg: body['payg_remaining'] };
}

describe('the main job over two kernels', () => {
  it('shows over REST at once what a debit over gRPC left', async () => {
    expect(await debit(0, 'one')).toBe(false);
    expect(await readUsage('agentruntime')).toEqual({ status: 200, payg: 95_000_000 });
  });

  it('replays through one kernel what the other one charged', async () => {
    expect(await debit(1, 'one')).toBe(true);
    expect(await debit(1, 'two')).toBe(false);
    expect(await readUsage('agentruntime')).toEqual({ status: 200, payg: 90_000_000 });
  });

  it("does not exist for the other product's BFF", async () => {
    expect((await readUsage('otherproduct')).status).toBe(404);
  });

  it('goes on when one kernel is killed, and with it again after its restart', async () => {
    await stack.kernels[0]?.kill9();
    expect(await debit(1, 'three')).toBe(false);
    expect(await readUsage('agentruntime')).toEqual({ status: 200, payg: 85_000_000 });
    await stack.kernels[0]?.restart();
    expect(await debit(0, 'three')).toBe(true);
    const { balance } = await stack
      .connect(stack.credentials.internal)
      .call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));
    expect(balance?.paygRemainingMicrocredits).toBe(85n * CREDIT);
  });

  it('drains a kernel that is asked to end', async () => {
    expect(await stack.kernels[1]?.terminate()).toBe(0);
  });
});
