// Owns noting in the log of a workspace what is done to things of it that are kept apart from it: its access
// tokens, its trial, its subscription and payment methods. Does not own those things.

import { DomainError } from '../../domain/error.ts';
import type { Fingerprint, IdempotencyKey, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { AccessTokenAct, AccessTokenJournal } from '../access/ports.ts';
import { keyReused } from '../ledger/write-error.ts';
import type { Clock } from '../ports.ts';
import type { BillingAct, BillingJournal } from '../subscription/billing-act.ts';
import type { TrialAct, TrialJournal } from '../trial/ports.ts';
import type { TenantIdSource, WorkspaceLogStore, WorkspaceRecord } from './ports.ts';

/** Stands where a record does not say what its request meant. */
const UNTOLD = '' as Fingerprint;

/** What the journal is kept with. */
export interface WorkspaceJournalParts {
  readonly log: WorkspaceLogStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: Pick<TenantIdSource, 'workspaceRecordId'>;
}

/** Notes acts in the logs of workspaces. */
export class WorkspaceJournal implements AccessTokenJournal, TrialJournal, BillingJournal {
  readonly #parts: WorkspaceJournalParts;

  constructor(parts: WorkspaceJournalParts) {
    this.#parts = parts;
  }

  /** Notes an act, once for each key. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN. */
  note({ accessTokenId: subjectId, ...act }: AccessTokenAct): Promise<void> {
    return this.#note(act, { subjectId });
  }

  /** Notes an act, once for each key. Throws DomainError DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN. */
  noteTrial({ accessTokenId, ...act }: TrialAct): Promise<void> {
    return this.#note(act, present({ accessTokenId }));
  }

  /**
   * Notes an act, once for each key. Throws DomainError IDEMPOTENCY_KEY_REUSED, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  noteBilling({ accessTokenId, ...act }: BillingAct): Promise<void> {
    return this.#note(act, present({ accessTokenId }));
  }

  /** Says whether an act is noted under a key. Throws DomainError DATABASE_UNAVAILABLE. */
  async isNoted(tenantId: TenantId, key: IdempotencyKey): Promise<boolean> {
    return (await this.#parts.log.loadRecordByKey(tenantId, key)) !== undefined;
  }

  async #note(
    {
      tenantId,
      method,
      actor,
      key,
      origin,
      fingerprint = UNTOLD,
    }: Omit<BillingAct, 'accessTokenId' | 'method'> & Pick<WorkspaceRecord, 'method'>,
    more: Pick<WorkspaceRecord, 'subjectId' | 'accessTokenId'>,
  ): Promise<void> {
    const { log, clock, ids } = this.#parts;
    const isNoted = async (): Promise<boolean> => {
      const noted = await log.loadRecordByKey(tenantId, key);
      if (noted !== undefined && isOther(noted.fingerprint, fingerprint)) throw keyReused(key);
      return noted !== undefined;
    };
    if (await isNoted()) return;
    const { logId, remoteAddress } = origin;
    const record = {
      ...{ recordId: ids.workspaceRecordId(), tenantId, method, actor, requestId: logId, ...more },
      ...present({ remoteAddress }),
      ...{ changes: [], requestKey: key, fingerprint, createdAt: clock.now() },
    };
    try {
      await log.insertRecord(record);
    } catch (error) {
      // Another call with this key may have been first.
      if (!(error instanceof DomainError) || !(await isNoted())) throw error;
    }
  }
}

function isOther(noted: Fingerprint, asked: Fingerprint): boolean {
  return noted !== UNTOLD && asked !== UNTOLD && noted !== asked;
}
