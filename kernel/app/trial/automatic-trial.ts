// Owns the trial that starts by itself with a new workspace, where the product's onboarding plan says so. Does not own how a
// workspace comes to be, or trials that somebody asks for (trial-service.ts).
// Invariant: whatever a crash left, calling it again finishes; where no trial may start, nothing happens and nothing is said.

import { DomainError, type Reason } from '../../domain/error.ts';
import type { UserId } from '../../domain/id.ts';
import { startsTrialByItself } from '../../domain/plan-policy.ts';
import type { TrialTerms } from '../../domain/trial.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import type { Ledger, StartTrialInput, TenantRef } from '../ledger/ledger.ts';
import type { KillSwitchBoard } from '../operator/kill-switch-board.ts';
import type { Clock } from '../ports.ts';
import type { TrialLimit } from './trial-limit.ts';
import { computeAutomaticTerms, findOnboardingPlan } from './trial-terms.ts';

/** What the trial of a new workspace works with. */
export interface AutomaticTrialParts {
  readonly ledger: Pick<Ledger, 'readBalance' | 'startTrial'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  readonly switches: Pick<KillSwitchBoard, 'isOn'>;
  readonly limit: TrialLimit;
  readonly clock: Pick<Clock, 'now'>;
}

/** Terms, and under which limit they stand. */
interface Offer {
  readonly terms: TrialTerms;
  readonly limitPerPerson: number;
}

/** Starts the trials of new workspaces. */
export class AutomaticTrial {
  readonly #parts: AutomaticTrialParts;

  constructor(parts: AutomaticTrialParts) {
    this.#parts = parts;
  }

  /**
   * Starts the trial of a new workspace, whose account must be open; `owner` is the person whose limit it counts to.
   * Throws DomainError ACCOUNT_NOT_OPEN, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN, QUEUE_FULL: call again.
   */
  async begin(tenant: TenantRef, owner: UserId | undefined): Promise<void> {
    const { ledger, limit } = this.#parts;
    const { trial, planCode } = await ledger.readBalance(tenant);
    const offer = trial === undefined ? await this.#findOffer(tenant) : undefined;
    if (offer !== undefined && offer.terms.fallbackPlanCode === planCode) await this.#start(tenant, owner, offer);
    if (owner === undefined) return;
    const { trial: started } = await ledger.readBalance(tenant);
    if (started !== undefined) await limit.settle({ ...tenant, personId: owner }, started);
  }

  async #findOffer({ productCode }: TenantRef): Promise<Offer | undefined> {
    const { catalog, clock, switches } = this.#parts;
    if (!(await switches.isOn('TRIALS_ENABLED'))) return undefined;
    const [product, plans] = await Promise.all([catalog.loadProduct(productCode), catalog.loadPlans(productCode)]);
    const plan = findOnboardingPlan(plans);
    if (product === undefined || plan === undefined || !startsTrialByItself(plan.policy)) return undefined;
    const terms = computeAutomaticTerms(product, plan, clock.now());
    return { terms, limitPerPerson: plan.policy.trialLimitPerPerson };
  }

  async #start(tenant: TenantRef, owner: UserId | undefined, { terms, limitPerPerson }: Offer): Promise<void> {
    const { ledger, limit } = this.#parts;
    const input: StartTrialInput = { question: {}, terms, onlyFromFallback: true };
    await unless(['TRIAL_LIMIT_REACHED', 'TRIAL_ALREADY_USED', 'TRIAL_NOT_OFFERED'], async () => {
      if (owner === undefined) return void (await ledger.startTrial(tenant, input, undefined));
      const claimedUntil = await limit.claim({ ...tenant, personId: owner }, limitPerPerson);
      const claimed = { ...input, terms: { ...terms, personId: owner }, claimedUntil };
      await ledger.startTrial(tenant, claimed, undefined);
    });
  }
}

/** Runs something that may be refused for reasons that are no failure here. */
async function unless(reasons: readonly Reason[], run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof DomainError) || !reasons.includes(error.reason)) throw error;
  }
}
