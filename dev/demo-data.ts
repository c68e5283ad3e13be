/**
 * Owns: the demo workspaces: one for each product and issuer, with credit in all three buckets, and some usage. An issuer on another
 * port is another issuer (its name is its address, by OpenID Connect Discovery), whose people are others: in the workspace of the
 * former ones there may be no place for them, so they have their own.
 * Does not own: plans, which come from Stripe before, and prices, which the seed writes.
 * Invariants: everything goes through the kernel's own RPCs; every request has a fixed id and, for a given workspace,
 * fixed content, so that loading again changes nothing and finishes what a crash left half done.
 */
import { status } from '@grpc/grpc-js';
import { Bucket } from '../gen/wheelhouse/common/v1/bucket.ts';
import { RunStatus } from '../gen/wheelhouse/ledger/v1/entry.ts';
import { DebitRequest, GrantRequest, LedgerServiceService } from '../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { Tenant } from '../gen/wheelhouse/tenant/v1/tenant.ts';
import { CreateTenantRequest, TenantServiceService } from '../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type { KernelClient } from './kernel-client.ts';
import { StackError } from './stack-error.ts';

const MICROCREDITS_PER_CREDIT = 1_000_000n;
/** Who loads demo data, and why, for the kernel's log. */
export const DEMO_OPERATOR = { actor: 'local-stack', reason: 'Demo data of the local stack' } as const;
/** Is long, so that a stack that is started once in a while still shows all three buckets. */
const TRIAL_LIFETIME_MS = 365 * 24 * 60 * 60 * 1000;

const GRANTS = [
  { bucket: Bucket.TRIAL, name: 'trial', credits: 5n },
  { bucket: Bucket.INCLUDED, name: 'included', credits: 5n },
  { bucket: Bucket.PAYG, name: 'payg', credits: 15n },
] as const;

const DEBITS = [
  {
    name: 'index-file',
    action: 'memory_index_file_mb',
    quantity: '1.5',
    dimensions: new Map([['file', 'handbook.pdf']]),
  },
  {
    name: 'extract-bulk',
    action: 'memory_extract_bulk',
    quantity: '1',
    workflowId: 'wf_nightly',
    runId: 'run_demo_1',
    runStatus: RunStatus.SUCCEEDED,
  },
] as const;

/**
 * Loads the demo workspace of a product for the people of an issuer, or finds it, and returns its id.
 * Throws the kernel's error when it refuses a request.
 */
export async function loadDemoTenant(sysadmin: KernelClient, productCode: string, issuerUrl: string): Promise<string> {
  const { tenant } = await sysadmin.call(
    TenantServiceService.createTenant,
    CreateTenantRequest.fromPartial({
      requestId: toRequestId(productCode, `workspace:${new URL(issuerUrl).port}`),
      productCode,
      displayName: `Demo workspace of ${productCode}`,
      // The product's own choice for new workspaces, so that an account at Stripe without the demo plans will do.
      planCode: '',
      ...DEMO_OPERATOR,
    }),
  );
  if (tenant === undefined) throw new StackError(`The kernel made no workspace for ${productCode}.`);
  await grantCredits(sysadmin, tenant);
  return tenant.tenantId;
}

async function grantCredits(sysadmin: KernelClient, tenant: Tenant): Promise<void> {
  if (tenant.createTime === undefined) throw new StackError(`Workspace ${tenant.tenantId} has no create time.`);
  // Counted from the workspace's own time, so that a later load asks for the very same grant.
  const trialEndTime = new Date(tenant.createTime.getTime() + TRIAL_LIFETIME_MS);
  for (const { bucket, name, credits } of GRANTS) {
    const expireTime = bucket === Bucket.TRIAL ? trialEndTime : undefined;
    // Once it is over, the trial's grant was either made or would be refused.
    if (expireTime !== undefined && expireTime.getTime() <= Date.now()) continue;
    await sysadmin.call(
      LedgerServiceService.grant,
      GrantRequest.fromPartial({
        requestId: toRequestId(tenant.productCode, `grant-${name}`),
        tenantId: tenant.tenantId,
        bucket,
        microcredits: credits * MICROCREDITS_PER_CREDIT,
        expireTime,
        ...DEMO_OPERATOR,
      }),
    );
  }
}

/** Says whose usage is charged. */
export interface DemoUsage {
  readonly productCode: string;
  readonly tenantId: string;
  /** Is the project that the demo's people work in, so that they see what it used. */
  readonly projectId: string;
}

/** Charges some usage to a demo workspace, once. Throws the kernel's error when it refuses a request. */
export async function chargeDemoUsage(internal: KernelClient, { productCode, ...usage }: DemoUsage): Promise<void> {
  for (const { name, ...debit } of DEBITS) {
    const requestId = toRequestId(productCode, `debit-${name}`);
    try {
      await internal.call(LedgerServiceService.debit, DebitRequest.fromPartial({ ...debit, ...usage, requestId }));
    } catch (error) {
      // An earlier release charged it to a project that there was not: it stays, since a charge is never another one.
      if (!isReused(error)) throw error;
    }
  }
}

function isReused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === status.ALREADY_EXISTS;
}

function toRequestId(productCode: string, step: string): string {
  return `demo:${productCode}:${step}`;
}
