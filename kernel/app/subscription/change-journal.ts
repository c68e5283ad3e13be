// Owns noting who asked for a change of a subscription, of payment methods or of top-ups: a person in the log of the workspace, an operator in
// the operators' log. Does not own the change.
// Invariant: what is asked of Stripe is noted before.

import type { Fingerprint, IdempotencyKey, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { TenantRef, WriteContext } from '../ledger/ledger.ts';
import type { Operation } from '../ledger/request-identity.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { BillingAct, BillingJournal } from './billing-act.ts';
import type { OperatorAsker } from './use-case.ts';

/** A change that is about to be asked for. */
export interface ChangeNote {
  readonly tenant: TenantRef;
  readonly operation: Operation;
  readonly asker: PersonAsker | OperatorAsker;
  readonly context: WriteContext;
  readonly key: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  /** By name, for the operators' log. */
  readonly figures: Readonly<Record<string, string | undefined>>;
}

/** What the journal is kept with. */
export interface ChangeJournalParts {
  readonly journal: Pick<BillingJournal, 'noteBilling' | 'isNoted'>;
  readonly notebook: Pick<AuditNotebook, 'note'>;
}

/** The method of each operation, as credentials name it. */
const METHODS: Partial<Readonly<Record<Operation, BillingAct['method']>>> = {
  activate_subscription: 'SubscriptionService/ActivateSubscription',
  change_plan: 'SubscriptionService/ChangePlan',
  cancel_subscription: 'SubscriptionService/CancelSubscription',
  resume_subscription: 'SubscriptionService/ResumeSubscription',
  convert_trial: 'SubscriptionService/ConvertTrialNow',
  provision_contract: 'SubscriptionService/ProvisionContract',
  start_setup: 'PaymentMethodService/StartSetup',
  set_default_payment_method: 'PaymentMethodService/SetDefaultPaymentMethod',
  open_portal: 'PaymentMethodService/OpenPortal',
  create_top_up: 'TopUpService/CreateTopUp',
  cancel_top_up: 'TopUpService/CancelTopUp',
  set_auto_top_up: 'TopUpService/SetAutoTopUp',
};

/** Notes changes. */
export class ChangeJournal {
  readonly #parts: ChangeJournalParts;

  constructor(parts: ChangeJournalParts) {
    this.#parts = parts;
  }

  /** Says whether a person's change was noted for a request. Throws DomainError DATABASE_UNAVAILABLE. */
  isNoted(tenantId: TenantId, key: IdempotencyKey): Promise<boolean> {
    return this.#parts.journal.isNoted(tenantId, key);
  }

  /**
   * Notes a change, once for each request. Throws DomainError IDEMPOTENCY_KEY_REUSED, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN: then it must
   * not begin.
   */
  noteChange({ tenant, operation, asker, context, key, fingerprint, figures }: ChangeNote): Promise<void> {
    const method = METHODS[operation];
    if (method === undefined) throw new RangeError(`no method stands for ${operation}`);
    if ('userId' in asker) {
      const { userId: actor, accessTokenId, origin } = asker;
      const act = { tenantId: tenant.tenantId, method, actor, key, origin, fingerprint };
      return this.#parts.journal.noteBilling({ ...act, ...present({ accessTokenId }) });
    }
    const { callerScope, requestId, remoteAddress } = context;
    const write = { ...asker, ...tenant, method, callerScope, requestId, requestKey: key, fingerprint, figures };
    return this.#parts.notebook.note({ ...write, ...present({ remoteAddress }), evidence: 'record' });
  }
}
