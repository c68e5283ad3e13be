// Owns what follows outside of an account from the time alone: that people are told before a trial ends, and
// that it becomes the paid plan where that was agreed. Does not own when it
// is called (worker/due-worker.ts), or what an account itself does at its times (domain/advance.ts).
// Invariant: running it again, anywhere, does nothing more; what a crash left is done by the next run.

import { DomainError } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import { computeTrialNoticeAt, isToBePaid } from '../../domain/trial.ts';
import type { AccountReading, Ledger, TenantRef } from '../ledger/ledger.ts';
import type { TenantDirectory } from '../tenant/tenant-directory.ts';
import type { BillingNotice } from './billing-notice.ts';

/** What follow-ups work with. */
export interface AccountFollowUpParts {
  readonly directory: Pick<TenantDirectory, 'findTenant'>;
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly notice: Pick<BillingNotice, 'noteTrialEnding'>;
  /** Begins to make a trial that has ended the paid plan, where that was agreed; absent without Stripe. */
  readonly convert?: (tenant: TenantRef) => Promise<void>;
}

/** Does what is due outside of accounts. */
export class AccountFollowUp {
  readonly #parts: AccountFollowUpParts;

  constructor(parts: AccountFollowUpParts) {
    this.#parts = parts;
  }

  /**
   * Does what is due for an account now; nothing where there is none. Idempotent.
   * Throws DomainError CLOCK_UNCERTAIN, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, and what reading the account throws: run it again.
   */
  async run(tenantId: TenantId): Promise<void> {
    const { directory, notice, convert } = this.#parts;
    const tenant = await directory.findTenant(tenantId);
    if (tenant === undefined) return;
    const account = await this.#readAccount(tenant);
    if (account === undefined) return;
    const { state, asOf } = account;
    const { trial } = state;
    if (trial?.status === 'active' && computeTrialNoticeAt(trial) <= asOf) await notice.noteTrialEnding(tenant, trial);
    if (trial?.status === 'ended' && isToBePaid(trial, state.subscription)) await convert?.(tenant);
  }

  /** A time can be noted for an account that then was not opened: nothing will ever be due there. */
  async #readAccount(tenant: TenantRef): Promise<AccountReading | undefined> {
    try {
      return await this.#parts.ledger.readAccount(tenant);
    } catch (error) {
      if (error instanceof DomainError && error.reason === 'ACCOUNT_NOT_OPEN') return undefined;
      throw error;
    }
  }
}
