// OperatorService: kill switches over two kernels and restarts, and the audit log of everything that operators write.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CatalogServiceService, SetActionPriceRequest } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import {
  LedgerAuditServiceService,
  RedactEntryRequest,
  ReverseEntryRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { AdjustRequest, GrantRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { AuditOutcome } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import { ListAuditRecordsRequest, OperatorServiceService } from '../../gen/wheelhouse/operator/v1/operator_service.ts';
import { CreateTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type { AuditStore } from '../../kernel/app/operator/ports.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { ACCESS, METHOD_PATHS, shortMethodName } from '../../kernel/grpc/access.ts';
import { type Callers, CREDIT, callersOf, newcomer, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf, TEST_ADDRESS } from './support/operator.ts';
import { override } from './support/override.ts';

const { SIGNUPS_ENABLED, TOPUPS_ENABLED } = KillSwitchName;

let kernel: KernelFixture;
let other: KernelFixture;
let callers: Callers;
let operators: ReturnType<typeof operatorCallsOf>;
let others: ReturnType<typeof operatorCallsOf>;

beforeAll(async () => {
  kernel = await openKernel();
  other = await openKernel({ mongodbUri: kernel.mongodbUri });
  callers = callersOf(kernel);
  operators = operatorCallsOf(callers);
  others = operatorCallsOf(callersOf(other));
});
afterAll(async () => {
  await other.close();
  await kernel.close();
});

const createAs = (by: Callers['bff'], fields: Partial<CreateTenantRequest>, settings = {}) =>
  by.call(
    TenantServiceService.createTenant,
    CreateTenantRequest.fromPartial({ requestId: newRequestId(), displayName: 'x', ...fields }),
    settings,
  );

describe('kill switches', () => {
  test('hold for every kernel from the answer on, where they bite, until they are turned back', async () => {
    const requestId = newRequestId();
    const otherBff = other.connect(other.tokens.agentruntime);
    await createAs(otherBff, { requestId }, newcomer());
    expect((await operators.setSwitch(SIGNUPS_ENABLED, false)).killSwitch).toEqual({
      ...{ name: SIGNUPS_ENABLED, enabled: false },
    });
    expect(await others.switches()).toEqual([true, true, false]);
    for (const bff of [callers.bff, otherBff]) {
      expect(await failureOf(createAs(bff, {}, newcomer()))).toMatchObject({
        ...{ reason: 'KILL_SWITCH_OFF', metadata: { kill_switch: 'SIGNUPS_ENABLED' } },
      });
    }
    // What was created before is answered to a retry, and operators provision all the same.
    expect((await createAs(otherBff, { requestId }, newcomer())).replayed).toBe(true);
    await createAs(callers.sysadmin, { productCode: 'agentruntime', ...OPERATOR });
    await others.setSwitch(SIGNUPS_ENABLED, true);
    await createAs(callers.bff, {}, newcomer());
  });

  test('keep what was stored over a restart, whatever the configuration says', async () => {
    await operators.setSwitch(TOPUPS_ENABLED, false);
    const killSwitches = { TRIALS_ENABLED: false, TOPUPS_ENABLED: true, SIGNUPS_ENABLED: false };
    const third = await openKernel({ mongodbUri: kernel.mongodbUri, killSwitches });
    expect(await operatorCallsOf(callersOf(third)).switches()).toEqual([true, false, true]);
    await third.close();
    await operators.setSwitch(TOPUPS_ENABLED, true);
  });

  test('begin with what the configuration says, and take it where a value is gone', async () => {
    const killSwitches = { TRIALS_ENABLED: false, TOPUPS_ENABLED: true, SIGNUPS_ENABLED: false };
    const fresh = await openKernel({ killSwitches });
    const calls = operatorCallsOf(callersOf(fresh));
    expect(await calls.switches()).toEqual([false, true, false]);
    await fresh.connection.collection('kill_switches').deleteOne({ name: 'SIGNUPS_ENABLED' });
    expect(await calls.switches()).toEqual([false, true, false]);
    await calls.setSwitch(SIGNUPS_ENABLED, true);
    expect(await calls.switches()).toEqual([false, true, true]);
    await fresh.close();
  });

  test('stand in the audit log with every change, once for each request', async () => {
    const requestId = newRequestId();
    const turn = () => operators.setSwitch(TOPUPS_ENABLED, false, { requestId, reason: 'incident 7' });
    expect((await turn()).replayed).toBe(false);
    expect((await turn()).replayed).toBe(true);
    await others.setSwitch(TOPUPS_ENABLED, true);
    // A late retry does not turn it again.
    expect(await turn()).toMatchObject({ replayed: true, killSwitch: { enabled: true } });
    expect((await failureOf(operators.setSwitch(TOPUPS_ENABLED, true, { requestId }))).reason).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
    const [back, off] = await operators.audit({ method: 'OperatorService/SetKillSwitch', pageSize: 2 });
    expect(back?.changes).toEqual([{ field: 'TOPUPS_ENABLED', before: 'false', after: 'true' }]);
    expect(off).toMatchObject({
      ...{ actor: OPERATOR.actor, reason: 'incident 7', requestId, credential: 'sysadmin/operator' },
      ...{ changes: [{ field: 'TOPUPS_ENABLED', before: 'true', after: 'false' }], outcome: AuditOutcome.APPLIED },
    });
  });

  test('refuse a call that leaves out what it means', async () => {
    const failure = await failureOf(operators.setSwitch(KillSwitchName.UNSPECIFIED, false, { actor: '' }));
    expect(Object.keys(failure.violations).sort()).toEqual(['actor', 'name']);
    const missing = operators.setSwitch(SIGNUPS_ENABLED, true, { enabled: undefined });
    expect(Object.keys((await failureOf(missing)).violations)).toEqual(['enabled']);
    expect(await operators.switches()).toEqual([true, true, true]);
  });
});

const grant = (tenantId: string, fields: Partial<GrantRequest> = {}, by: Callers = callers) =>
  by.sysadmin.call(
    LedgerServiceService.grant,
    GrantRequest.fromPartial({
      ...{ requestId: newRequestId(), tenantId, bucket: Bucket.PAYG, microcredits: CREDIT, ...OPERATOR, ...fields },
    }),
  );

describe('the audit log', () => {
  test('has every write of an operator: what, by whom, why, and the entry that it made', async () => {
    const created = await createAs(callers.sysadmin, { productCode: 'agentruntime', ...OPERATOR, reason: 'welcome' });
    const tenantId = created.tenant?.tenantId ?? '';
    const given = await grant(tenantId, { reason: 'sorry' });
    const request = { requestId: newRequestId(), tenantId, ...OPERATOR };
    const adjusted = await callers.sysadmin.call(
      LedgerServiceService.adjust,
      AdjustRequest.fromPartial({ ...request, bucket: Bucket.PAYG, deltaMicrocredits: -5n, reason: 'less' }),
    );
    const entryId = adjusted.entry?.entryId ?? '';
    const reversed = await callers.sysadmin.call(
      LedgerAuditServiceService.reverseEntry,
      ReverseEntryRequest.fromPartial({ ...request, entryId, reason: 'undo' }),
    );
    await callers.sysadmin.call(
      CatalogServiceService.setActionPrice,
      SetActionPriceRequest.fromPartial({
        ...{ requestId: newRequestId(), productCode: 'agentruntime', tenantId, action: 'audited', unit: 'x' },
        ...{ microcreditsPerUnit: 3n, ...OPERATOR, reason: 'contract' },
      }),
    );
    const records = await operators.audit({ tenantId });
    expect(records.map(({ method, reason, entryId: id, outcome }) => [method, reason, id, outcome])).toEqual([
      ['CatalogService/SetActionPrice', 'contract', '', AuditOutcome.APPLIED],
      ['LedgerAuditService/ReverseEntry', 'undo', reversed.entry?.entryId, AuditOutcome.APPLIED],
      ['LedgerService/Adjust', 'less', entryId, AuditOutcome.APPLIED],
      ['LedgerService/Grant', 'sorry', given.entry?.entryId, AuditOutcome.APPLIED],
    ]);
    for (const record of records) expect(record).toMatchObject({ actor: OPERATOR.actor, productCode: 'agentruntime' });
    expect(records[3]?.changes).toEqual([
      { field: 'bucket', before: '', after: 'payg' },
      { field: 'microcredits', before: '', after: `${CREDIT}` },
    ]);
    const [creation] = await operators.audit({ method: 'TenantService/CreateTenant', pageSize: 1 });
    expect(creation).toMatchObject({ tenantId, reason: 'welcome', outcome: AuditOutcome.APPLIED });
    expect(creation?.entryId).not.toBe('');
  });

  test('forgets a reason that is redacted from the ledger, and says who redacted it', async () => {
    const tenantId = await callers.openTenant();
    const given = await grant(tenantId, { reason: 'for Jane Doe' });
    await callers.sysadmin.call(
      LedgerAuditServiceService.redactEntry,
      RedactEntryRequest.fromPartial({
        ...{ requestId: newRequestId(), tenantId, entryId: given.entry?.entryId ?? '', ...OPERATOR, reason: 'erasure' },
      }),
    );
    const [redaction, redacted] = await operators.audit({ tenantId });
    expect(redaction).toMatchObject({ method: 'LedgerAuditService/RedactEntry', reason: 'erasure' });
    expect(redacted).toMatchObject({ method: 'LedgerService/Grant', reason: '', outcome: AuditOutcome.APPLIED });
    const stored = await kernel.connection.collection('audit_log').find().toArray();
    expect(JSON.stringify(stored, (_, part) => (typeof part === 'bigint' ? `${part}` : part))).not.toContain('Jane');
  });

  test('has one record for a write however often it is sent, and one that says so for what was refused', async () => {
    const tenantId = await callers.openTenant();
    const requestId = newRequestId();
    const beyond = await failureOf(
      grant(tenantId, { requestId, microcredits: 2n ** 53n - 1n }).then(() => grant(tenantId, { microcredits: 1n })),
    );
    expect(beyond.reason).toBe('BALANCE_OUT_OF_RANGE');
    for (const by of [callers, callersOf(other)]) {
      expect((await grant(tenantId, { requestId, microcredits: 2n ** 53n - 1n }, by)).replayed).toBe(true);
    }
    const reused = await failureOf(grant(tenantId, { requestId, microcredits: 7n }));
    expect(reused.reason).toBe('IDEMPOTENCY_KEY_REUSED');
    const records = await operators.audit({ tenantId });
    expect(records.map(({ outcome, changes }) => [outcome, changes[1]?.after])).toEqual([
      [AuditOutcome.NOT_APPLIED, '7'],
      [AuditOutcome.NOT_APPLIED, '1'],
      [AuditOutcome.APPLIED, `${2n ** 53n - 1n}`],
    ]);
  });

  test('has nothing of calls that are refused for their form, or by people', async () => {
    const count = () => kernel.connection.collection('audit_log').countDocuments();
    const tenantId = await callers.openTenant();
    const before = await count();
    await failureOf(grant(tenantId, { actor: '' }));
    await failureOf(grant('ten_nosuch'));
    await createAs(callers.bff, {}, newcomer());
    expect(await count()).toBe(before);
  });

  test('filters and pages, the newest first', async () => {
    const tenantId = await callers.openTenant();
    const actor = 'usr_auditor';
    for (let index = 0; index < 5; index += 1) await grant(tenantId, { actor, microcredits: BigInt(index + 1) });
    const all = await operators.audit({ actor });
    expect(all.map(({ changes }) => changes[1]?.after)).toEqual(['5', '4', '3', '2', '1']);
    expect(await operators.audit({ actor, method: 'LedgerService/Adjust' })).toEqual([]);
    expect(await operators.audit({ actor, productCode: 'otherproduct' })).toEqual([]);
    const pages: string[] = [];
    let pageToken = '';
    do {
      const request = ListAuditRecordsRequest.fromPartial({ actor, pageSize: 2, pageToken });
      const page = await callers.sysadmin.call(OperatorServiceService.listAuditRecords, request);
      pages.push(...page.auditRecords.map(({ recordId }) => recordId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages).toEqual(all.map(({ recordId }) => recordId));
    const third = all[2]?.createTime;
    const since = await operators.audit({ actor, startTime: third });
    const until = await operators.audit({ actor, endTime: third });
    expect([...since, ...until].map(({ recordId }) => recordId)).toEqual(pages);
    expect(since.length).toBeGreaterThanOrEqual(3);
    const first = ListAuditRecordsRequest.fromPartial({ actor, pageSize: 2 });
    const { nextPageToken } = await callers.sysadmin.call(OperatorServiceService.listAuditRecords, first);
    for (const fields of [{ pageToken: nextPageToken }, { actor, pageToken: 'x' }]) {
      expect(Object.keys((await failureOf(operators.audit(fields))).violations)).toEqual(['page_token']);
    }
    const wrong = operators.audit({ startTime: new Date(1), endTime: new Date(1), pageSize: -1 });
    expect(Object.keys((await failureOf(wrong)).violations).sort()).toEqual(['end_time', 'page_size']);
  });

  test('says from where the first call of a write came, and nothing where that was not kept yet', async () => {
    const tenantId = await callers.openTenant();
    const requestId = newRequestId();
    // What an operator sends of an address is not believed.
    const metadata = { 'x-remote-address': '192.0.2.7' };
    const request = { requestId, tenantId, bucket: Bucket.PAYG, microcredits: 1n, ...OPERATOR };
    await callers.sysadmin.call(LedgerServiceService.grant, GrantRequest.fromPartial(request), { metadata });
    expect(await operators.audit({ tenantId })).toMatchObject([{ requestId, remoteAddress: TEST_ADDRESS }]);
    const records = kernel.connection.collection('audit_log');
    await records.updateOne({ request_id: requestId }, { $unset: { remote_address: '' } });
    const { auditRecords } = await callers.sysadmin.call(
      OperatorServiceService.listAuditRecords,
      ListAuditRecordsRequest.fromPartial({ tenantId }),
    );
    expect(auditRecords).toMatchObject([{ requestId, remoteAddress: '' }]);
    await records.deleteOne({ request_id: requestId });
  });

  test('knows every method by which an operator writes, and from where', async () => {
    const noted = new Set<string>(await kernel.connection.collection('audit_log').distinct('method'));
    const own = ['RegisterProduct', 'UpdateProduct', 'UpsertPlan', 'UpsertPlanPolicy'];
    const elsewhere = new Set([
      ...own.map((name) => `CatalogAdminService/${name}`),
      'CatalogSyncService/SyncCatalog',
      'WebhookService/RedriveWebhookEvent',
      'TrialService/StartTrial',
      'TrialService/CancelTrial',
      'TenantService/CloseTenant',
      'TenantService/SetTenantSuspension',
      'MemberService/PutMember',
      'MailService/RedriveMail',
      'SubscriptionService/CancelSubscription',
      'SubscriptionService/ProvisionContract',
      'TopUpService/CancelTopUp',
      'PromotionAdminService/CreatePromotion',
      'PromotionAdminService/RevokePromotion',
      'ReconciliationService/RefreshWorkspace',
    ]);
    const writes = METHOD_PATHS.filter((path) => ACCESS[path].writes && ACCESS[path].sysadmin).map(shortMethodName);
    // A method that is added must be noted, here, or in the tests of what it belongs to (catalog-admin, top-up, reconciliation …).
    expect(writes.filter((name) => !noted.has(name) && !elsewhere.has(name))).toEqual([]);
    expect(await kernel.connection.collection('audit_log').distinct('remote_address')).toEqual([TEST_ADDRESS]);
    expect(await kernel.connection.collection('audit_log').countDocuments({ remote_address: null })).toBe(0);
  });
});

describe('a database that fails', () => {
  const UNAVAILABLE = new DomainError('DATABASE_UNAVAILABLE', 'injected', { retryDelayMs: 1 });

  async function withFault<T>(
    fault: (real: AuditStore) => Partial<AuditStore>,
    run: (faulty: Callers) => Promise<T>,
  ): Promise<T> {
    const auditStore = (real: AuditStore): AuditStore => override(real, fault(real));
    const faulty = await composeKernel({ mongodbUri: kernel.mongodbUri, auditStore });
    try {
      return await run(callersOf(faulty));
    } finally {
      await faulty.close();
    }
  }

  test('before a note lets nothing happen', async () => {
    const tenantId = await callers.openTenant();
    const before = await callers.seqOf(tenantId);
    const fault = () => ({ insertNotes: () => Promise.reject(UNAVAILABLE) });
    const failure = await withFault(fault, (faulty) => failureOf(grant(tenantId, {}, faulty)));
    expect(failure.reason).toBe('DATABASE_UNAVAILABLE');
    expect(await callers.seqOf(tenantId)).toBe(before);
  });

  test('between a record and what it says lets a retry do it, also through another kernel', async () => {
    const requestId = newRequestId();
    let settled = 0;
    const fault = (real: AuditStore): Partial<AuditStore> => ({
      settleTarget: (target) => {
        settled += 1;
        return settled === 2 ? Promise.reject(UNAVAILABLE) : real.settleTarget(target);
      },
    });
    const policy = { productCode: 'agentruntime', planCode: 'plus', rank: 25 };
    const before = await operators.policyOf('agentruntime', 'plus');
    const failure = await withFault(fault, (faulty) =>
      failureOf(operatorCallsOf(faulty).upsertPolicy(policy, ['rank'], { requestId })),
    );
    expect(failure.reason).toBe('DATABASE_UNAVAILABLE');
    expect(await operators.policyOf('agentruntime', 'plus')).toEqual(before);
    expect(await others.upsertPolicy(policy, ['rank'], { requestId })).toMatchObject({
      ...{ replayed: true, policy: { rank: 25, pinnedFields: ['rank'] } },
    });
  });

  test('and whoever changes the same thing next does it before', async () => {
    const fault = (real: AuditStore): Partial<AuditStore> => ({
      settleTarget: (target) => (isBroken ? Promise.reject(UNAVAILABLE) : real.settleTarget(target)),
      insertChange: (record) => {
        isBroken = true;
        return real.insertChange(record);
      },
    });
    let isBroken = false;
    const key = { productCode: 'agentruntime', planCode: 'max' };
    await withFault(fault, (faulty) => failureOf(operatorCallsOf(faulty).upsertPolicy({ ...key, rank: 35 }, ['rank'])));
    const { policy } = await others.upsertPolicy({ ...key, memberLimit: 99 }, ['member_limit']);
    expect(policy).toMatchObject({ rank: 35, memberLimit: 99, pinnedFields: ['rank', 'member_limit'] });
    const [, first] = await operators.audit({
      productCode: 'agentruntime',
      method: 'CatalogAdminService/UpsertPlanPolicy',
    });
    expect(first).toMatchObject({ planCode: 'max', outcome: AuditOutcome.APPLIED });
  });
});
