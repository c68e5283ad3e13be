// Owns the use cases of payment methods: storing a card on a page of Stripe, choosing the default, and the billing portal. Does not
// own how Stripe is spoken to. No card ever passes here.

import { hash } from 'node:crypto';
import { trialNotActive } from '../../domain/decide-trial.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey } from '../../domain/id.ts';
import type { PersonAsker } from '../access/ports.ts';
import { productNotFound } from '../catalog/catalog-error.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import type { Ledger, TenantRef, WriteContext } from '../ledger/ledger.ts';
import { computeFingerprint, type Operation, requestKey } from '../ledger/request-identity.ts';
import { keyReused } from '../ledger/write-error.ts';
import type { Clock } from '../ports.ts';
import { isKeyReused } from './attempt.ts';
import { type CardChoices, findChoiceAnswer } from './card-choice.ts';
import type { ChangeJournal } from './change-journal.ts';
import type { CustomerDesk } from './customer-desk.ts';
import {
  CONSENT_METADATA,
  type CustomerStore,
  type StoredPaymentMethod,
  type StripeAttempt,
  type StripeBilling,
} from './ports.ts';
import { type ConsoleUrls, returnAddress } from './return-address.ts';
import { PAGE_FIRST_LOOK_MS } from './subscription-sync.ts';
import type { PaymentMethods, Setup, SetupInput } from './use-case.ts';

/** So many base64url characters are 132 bits. */
const ATTEMPT_ID_LENGTH = 22;

/** What the use cases of payment methods work with. */
export interface PaymentMethodServiceParts {
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct'>;
  readonly customers: Pick<CustomerDesk, 'ensureCustomer'>;
  readonly customerStore: Pick<CustomerStore, 'loadCustomer' | 'savePageOpened' | 'requestSync'>;
  readonly choices: Pick<CardChoices, 'choose'>;
  readonly billing: Pick<StripeBilling, 'loadPaymentMethods' | 'openSetupPage' | 'createSetupIntent' | 'openPortal'>;
  readonly journal: ChangeJournal;
  readonly consoleUrls: ConsoleUrls;
  readonly clock: Pick<Clock, 'now'>;
  /** Told where another card is the default now. Never throws. */
  readonly onCardLook: (tenant: TenantRef) => Promise<void>;
}

/** Looks after payment methods. */
export class PaymentMethodService implements PaymentMethods {
  readonly #parts: PaymentMethodServiceParts;

  constructor(parts: PaymentMethodServiceParts) {
    this.#parts = parts;
  }

  async startSetup(tenant: TenantRef, input: SetupInput, asker: PersonAsker, context: WriteContext): Promise<Setup> {
    const { consentsToCharge } = input;
    // The trial of a retry was looked at when it was first asked; by now it may be over.
    if (consentsToCharge && !(await this.#isNoted(tenant, 'start_setup', context))) await this.#assertTrialRuns(tenant);
    const figures = { consent_to_charge: `${consentsToCharge}` };
    const key = await this.#note(tenant, 'start_setup', asker, context, figures);
    const setup = await this.#openSetup(tenant, input, key);
    // The card, and consent with it, counts once it is stored, which is looked for: no event may tell, and nobody may come back.
    await this.#lookForCard(tenant);
    return setup;
  }

  async #lookForCard({ tenantId }: TenantRef): Promise<void> {
    const { customerStore, clock } = this.#parts;
    const now = clock.now();
    await customerStore.savePageOpened(tenantId, now);
    await customerStore.requestSync(tenantId, now + PAGE_FIRST_LOOK_MS);
  }

  #isNoted({ tenantId }: TenantRef, operation: Operation, context: WriteContext): Promise<boolean> {
    const { callerScope, requestId } = context;
    return this.#parts.journal.isNoted(tenantId, requestKey(callerScope, operation, requestId));
  }

  async #assertTrialRuns(tenant: TenantRef): Promise<void> {
    const { trial } = (await this.#parts.ledger.readAccount(tenant)).state;
    if (trial?.status !== 'active') throw trialNotActive('paid for once it ends');
  }

  async #openSetup(
    tenant: TenantRef,
    { isHosted, returnPath, consentsToCharge }: SetupInput,
    key: IdempotencyKey,
  ): Promise<Setup> {
    const { customers, billing, catalog, consoleUrls } = this.#parts;
    const { tenantId, productCode } = tenant;
    const stripeCustomerId = await customers.ensureCustomer(tenant);
    const consent = consentsToCharge ? { [CONSENT_METADATA]: 'true' } : {};
    const metadata = { tenant_id: tenantId, product_code: productCode, ...consent };
    const attempt = attemptOf(tenant, key);
    if (!isHosted) {
      const secret = billing.createSetupIntent(stripeCustomerId, metadata, attempt);
      return { kind: 'intent', clientSecret: await refuseOtherUse(key, secret) };
    }
    const product = await catalog.loadProduct(productCode);
    if (product === undefined) throw productNotFound(productCode);
    const url = returnAddress(consoleUrls, productCode, returnPath);
    const pages = { successUrl: url, cancelUrl: url };
    const setup = { currency: product.currency, metadata };
    const page = billing.openSetupPage(stripeCustomerId, setup, pages, attempt);
    return { kind: 'page', url: await refuseOtherUse(key, page) };
  }

  async list({ tenantId }: TenantRef): Promise<readonly StoredPaymentMethod[]> {
    const customer = await this.#parts.customerStore.loadCustomer(tenantId);
    if (customer?.stripeCustomerId === undefined) return [];
    return this.#parts.billing.loadPaymentMethods(customer.stripeCustomerId);
  }

  async setDefault(
    tenant: TenantRef,
    stripePaymentMethodId: string,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<StoredPaymentMethod> {
    const { customerStore, choices, onCardLook } = this.#parts;
    const { tenantId } = tenant;
    const row = await customerStore.loadCustomer(tenantId);
    if (row === undefined) throw paymentMethodNotFound(stripePaymentMethodId);
    const figures = { stripe_payment_method_id: stripePaymentMethodId };
    const isRetry = await this.#isNoted(tenant, 'set_default_payment_method', context);
    const key = await this.#note(tenant, 'set_default_payment_method', asker, context, figures);
    const answered = findChoiceAnswer(row, key);
    if (answered !== undefined) return answered;
    const { stripeCustomerId } = row;
    const chosen =
      stripeCustomerId === undefined
        ? undefined
        : await choices.choose({ tenantId, stripeCustomerId, stripePaymentMethodId, key, isRetry });
    if (chosen === undefined) throw paymentMethodNotFound(stripePaymentMethodId);
    await onCardLook(tenant);
    return chosen;
  }

  async openPortal(tenant: TenantRef, returnPath: string, asker: PersonAsker, context: WriteContext): Promise<string> {
    const { customers, billing, consoleUrls } = this.#parts;
    const url = returnAddress(consoleUrls, tenant.productCode, returnPath);
    await this.#note(tenant, 'open_portal', asker, context, {});
    return billing.openPortal(await customers.ensureCustomer(tenant), url);
  }

  async #note(
    tenant: TenantRef,
    operation: Operation,
    asker: PersonAsker,
    context: WriteContext,
    figures: Readonly<Record<string, string>>,
  ): Promise<IdempotencyKey> {
    const key = requestKey(context.callerScope, operation, context.requestId);
    const fingerprint = computeFingerprint([operation, ...Object.values(figures)]);
    await this.#parts.journal.noteChange({ tenant, operation, asker, context, key, fingerprint, figures });
    return key;
  }
}

/** What makes no payment needs no note before it: a retry is the same call at Stripe for a day, and after that another page. */
function attemptOf({ tenantId }: TenantRef, key: IdempotencyKey): StripeAttempt {
  return {
    intentId: `setup_${hash('sha256', `${tenantId} ${key}`, 'base64url').slice(0, ATTEMPT_ID_LENGTH)}`,
    attempt: 1,
  };
}

/** Nothing of a setup is stored here, so Stripe alone knows whether the request was another one before. */
async function refuseOtherUse(key: IdempotencyKey, call: Promise<string>): Promise<string> {
  try {
    return await call;
  } catch (error) {
    throw isKeyReused(error) ? keyReused(key) : error;
  }
}

function paymentMethodNotFound(id: string): DomainError {
  const message = `the workspace has no payment method ${id}: see ListPaymentMethods`;
  return new DomainError('PAYMENT_METHOD_NOT_FOUND', message);
}
