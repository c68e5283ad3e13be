// Tenants with credit, and the calls that most tests make on them.

import type { KernelClient } from '../../../dev/kernel-client.ts';
import { Bucket } from '../../../gen/wheelhouse/common/v1/bucket.ts';
import {
  DebitRequest,
  type DebitResponse,
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
} from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { CreateTenantRequest, TenantServiceService } from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { type KernelFixture, newRequestId } from './kernel-fixture.ts';

export const CREDIT = 1_000_000n;
/** One unit of it costs one credit on agentruntime. */
export const ACTION = 'memory_index_file_mb';
export const OPERATOR = { actor: 'usr_operator', reason: 'test' } as const;
export const PERSON = 'usr_01890000-0000-7000-8000-000000000001';

/** Clients of one kernel by scope, and shortcuts. */
export interface Callers {
  readonly internal: KernelClient;
  readonly sysadmin: KernelClient;
  readonly bff: KernelClient;
  readonly otherBff: KernelClient;
  readonly nobody: KernelClient;
  /** Creates a tenant with so many microcredits of PAYG, and answers its id. */
  openTenant(microcredits?: bigint, productCode?: string): Promise<string>;
  grant(tenantId: string, microcredits: bigint): Promise<unknown>;
  debit(tenantId: string, fields?: Partial<DebitRequest>): Promise<DebitResponse>;
  /** The newest commit of the account: unchanged means that nothing was written. */
  seqOf(tenantId: string): Promise<bigint>;
  availableOf(tenantId: string): Promise<bigint>;
}

export function callersOf(kernel: KernelFixture): Callers {
  const { tokens } = kernel;
  const internal = kernel.connect(tokens.internal);
  const sysadmin = kernel.connect(tokens.sysadmin);
  const grant: Callers['grant'] = (tenantId, microcredits) =>
    sysadmin.call(
      LedgerServiceService.grant,
      GrantRequest.fromPartial({
        requestId: newRequestId(),
        tenantId,
        bucket: Bucket.PAYG,
        microcredits,
        ...OPERATOR,
      }),
    );
  const balanceOf = (tenantId: string) =>
    internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));
  return {
    internal,
    sysadmin,
    bff: kernel.connect(tokens.agentruntime),
    otherBff: kernel.connect(tokens.otherproduct),
    nobody: kernel.connect(undefined),
    openTenant: async (microcredits = 0n, productCode = 'agentruntime') => {
      const request = { requestId: newRequestId(), productCode, displayName: 'Test workspace', ...OPERATOR };
      const created = await sysadmin.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(request));
      const tenantId = created.tenant?.tenantId ?? '';
      if (microcredits > 0n) await grant(tenantId, microcredits);
      return tenantId;
    },
    grant,
    debit: (tenantId, fields) => internal.call(LedgerServiceService.debit, debitRequest(tenantId, fields)),
    seqOf: async (tenantId) => (await balanceOf(tenantId)).commitSeq,
    availableOf: async (tenantId) => (await balanceOf(tenantId)).balance?.availableMicrocredits ?? -1n,
  };
}

/** A debit of one credit, with what the test sets in the place of it. */
export function debitRequest(tenantId: string, fields: Partial<DebitRequest> = {}): DebitRequest {
  return {
    ...DebitRequest.fromPartial({ requestId: newRequestId(), tenantId, action: ACTION, quantity: '1' }),
    ...fields,
  };
}

/** What a BFF sends along for a person in a workspace. */
export function personIn(
  tenantId: string,
  role: string,
  productCode = 'agentruntime',
): { readonly metadata: Record<string, string> } {
  return {
    metadata: { 'x-product-code': productCode, 'x-subject': PERSON, 'x-tenant-id': tenantId, 'x-role': role },
  };
}

/** What a BFF sends along for a person without a workspace. */
export function newcomer(
  productCode = 'agentruntime',
  subject: string = PERSON,
): { readonly metadata: Record<string, string> } {
  return { metadata: { 'x-product-code': productCode, 'x-subject': subject } };
}
