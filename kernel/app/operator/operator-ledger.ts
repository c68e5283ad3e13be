// Owns that what operators write to accounts is noted in the audit log before. Does not own the writes (app/ledger).

import type { Instant } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Ledger, TenantRef, WriteContext } from '../ledger/ledger.ts';
import {
  identifyAdjustment,
  identifyGrant,
  identifyRedaction,
  identifyReversal,
  identifyTrialCancellation,
  identifyTrialStart,
} from '../ledger/operator-identity.ts';
import type { AuditNotebook, WriteNote } from './audit-notebook.ts';

/** What operators write to accounts. */
export type OperatorWrites = Pick<Ledger, 'grant' | 'adjust' | 'reverse' | 'redact' | 'startTrial' | 'cancelTrial'>;

/** Writes to accounts for operators. */
export class OperatorLedger implements OperatorWrites {
  readonly #ledger: OperatorWrites;
  readonly #notebook: Pick<AuditNotebook, 'note'>;

  constructor(ledger: OperatorWrites, notebook: Pick<AuditNotebook, 'note'>) {
    this.#ledger = ledger;
    this.#notebook = notebook;
  }

  grant: OperatorWrites['grant'] = async (tenant, input, context) => {
    const { bucket, amount, effectiveAt, expiresAt, actor } = input;
    const { key: requestKey, fingerprint } = identifyGrant(input, context);
    const times = { effective_time: textOf(effectiveAt), expire_time: textOf(expiresAt) };
    await this.#note(tenant, context, {
      ...{ method: 'LedgerService/Grant', actor, requestKey, fingerprint },
      figures: { bucket, microcredits: `${amount}`, ...times },
    });
    return this.#ledger.grant(tenant, input, context);
  };

  adjust: OperatorWrites['adjust'] = async (tenant, input, context) => {
    const { bucket, delta, actor } = input;
    const { key: requestKey, fingerprint } = identifyAdjustment(input, context);
    const figures = { bucket, delta_microcredits: `${delta}` };
    await this.#note(tenant, context, { method: 'LedgerService/Adjust', actor, requestKey, fingerprint, figures });
    return this.#ledger.adjust(tenant, input, context);
  };

  reverse: OperatorWrites['reverse'] = async (tenant, input, context) => {
    const { entryId, actor } = input;
    const { key: requestKey, fingerprint } = identifyReversal(input, context);
    const method = 'LedgerAuditService/ReverseEntry';
    await this.#note(tenant, context, { method, actor, requestKey, fingerprint, figures: { entry_id: entryId } });
    return this.#ledger.reverse(tenant, input, context);
  };

  redact: OperatorWrites['redact'] = async (tenant, input, context) => {
    const { entryId, actor } = input;
    const { key: requestKey, fingerprint } = identifyRedaction(input, context);
    const method = 'LedgerAuditService/RedactEntry';
    await this.#note(tenant, context, { method, actor, requestKey, fingerprint, figures: { entry_id: entryId } });
    return this.#ledger.redact(tenant, input, context);
  };

  startTrial: OperatorWrites['startTrial'] = async (tenant, input, context) => {
    const { planCode, trialDays, granted, actor } = input.question;
    if (context === undefined || actor === undefined) throw new Error('an operator starts a trial by a request');
    const { key: requestKey, fingerprint } = identifyTrialStart(input.question, context);
    const figures = {
      plan_code: planCode,
      trial_days: numberText(trialDays),
      granted_microcredits: numberText(granted),
    };
    await this.#note(tenant, context, { method: 'TrialService/StartTrial', actor, requestKey, fingerprint, figures });
    return this.#ledger.startTrial(tenant, input, context);
  };

  cancelTrial: OperatorWrites['cancelTrial'] = async (tenant, input, context) => {
    const { actor } = input;
    if (actor === undefined) throw new Error('an operator who cancels a trial is named');
    const { key: requestKey, fingerprint } = identifyTrialCancellation(input, context);
    const method = 'TrialService/CancelTrial';
    await this.#note(tenant, context, { method, actor, requestKey, fingerprint, figures: {} });
    return this.#ledger.cancelTrial(tenant, input, context);
  };

  #note(
    tenant: TenantRef,
    { callerScope, requestId, remoteAddress }: WriteContext,
    write: Pick<WriteNote, 'method' | 'actor' | 'requestKey' | 'fingerprint' | 'figures'>,
  ): Promise<void> {
    const asker = { callerScope, requestId, ...present({ remoteAddress }) };
    return this.#notebook.note({ ...write, ...tenant, ...asker, evidence: 'ledger_entry' });
  }
}

function numberText(value: number | bigint | undefined): string | undefined {
  return value === undefined ? undefined : `${value}`;
}

function textOf(instant: Instant | undefined): string | undefined {
  return instant === undefined ? undefined : new Date(instant).toISOString();
}
