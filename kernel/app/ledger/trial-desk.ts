// Owns the use cases of an account that concern its trial: starting and canceling it. Does not own who may have one, or what
// its terms are (app/trial).

import type { CancelTrial, ConsentToTrial, StartTrial } from '../../domain/command.ts';
import { present } from '../../domain/optional.ts';
import { computeTrialNoticeAt } from '../../domain/trial.ts';
import type { AccountDesk } from './account-desk.ts';
import type { CancelTrialInput, Ledger, Posting, StartTrialInput, TenantRef, WriteContext } from './ledger.ts';
import { identifyTrialCancellation, identifyTrialStart } from './operator-identity.ts';
import { automaticTrialKey, computeFingerprint, requestKey, setupConsentKey, trialKey } from './request-identity.ts';

/** Serves the trials of every tenant. */
export class TrialDesk
  implements Pick<Ledger, 'startTrial' | 'cancelTrial' | 'consentToTrial' | 'consentToTrialBySetup'>
{
  readonly #desk: AccountDesk;

  constructor(desk: AccountDesk) {
    this.#desk = desk;
  }

  async startTrial(tenant: TenantRef, input: StartTrialInput, context: WriteContext | undefined): Promise<Posting> {
    const { question, terms, onlyFromFallback, claimedUntil } = input;
    const { tenantId } = tenant;
    const startedAt = this.#desk.tools.clock.estimate();
    await this.#desk.noteDueTimes(tenantId, [computeTrialNoticeAt({ ...terms, startedAt }), terms.endsAt]);
    const identity =
      context === undefined ? { key: automaticTrialKey(tenantId) } : identifyTrialStart(question, context);
    const command: StartTrial = {
      type: 'start_trial',
      ...identity,
      effectKey: trialKey(tenantId),
      ...this.#desk.personalOf(present({ reason: question.reason })),
      ...terms,
      grantId: this.#desk.tools.ids.grantId(),
      onlyFromFallback,
      ...present({ claimedUntil, actor: question.actor }),
    };
    return this.#desk.submit(tenant, command, context ?? {});
  }

  cancelTrial(tenant: TenantRef, input: CancelTrialInput, context: WriteContext): Promise<Posting> {
    const { actor, reason } = input;
    const command: CancelTrial = {
      type: 'cancel_trial',
      ...identifyTrialCancellation(input, context),
      ...this.#desk.personalOf(present({ reason })),
      ...present({ actor }),
    };
    return this.#desk.submit(tenant, command, context);
  }

  async consentToTrial({ tenantId }: TenantRef, { callerScope, requestId, deadlineAtMs }: WriteContext): Promise<void> {
    const command: ConsentToTrial = {
      type: 'consent_to_trial',
      key: requestKey(callerScope, 'consent_to_trial', requestId),
      fingerprint: computeFingerprint(['consent_to_trial']),
    };
    await this.#desk.committer.submit(tenantId, command, deadlineAtMs ?? Number.POSITIVE_INFINITY);
  }

  async consentToTrialBySetup({ tenantId }: TenantRef, stripeSetupIntentId: string): Promise<void> {
    const command: ConsentToTrial = { type: 'consent_to_trial', key: setupConsentKey(stripeSetupIntentId) };
    await this.#desk.committer.submit(tenantId, command, Number.POSITIVE_INFINITY);
  }
}
