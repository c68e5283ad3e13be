// Owns what is told of top-ups where a kernel runs without Stripe: what is sold and what was bought can be read, and nothing else can
// be done.

import type { TopUpId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import { stripeOff } from '../subscription/without-stripe.ts';
import type { TopUpFilter, TopUpStore } from './ports.ts';
import type { OfferParts } from './top-up-sale.ts';
import { listTopUps, loadOwn, readOffer } from './top-up-service.ts';
import type { PageRequest, TopUpOfferView, TopUpPage, TopUps, TopUpView } from './use-case.ts';

/** What is read without Stripe. */
interface TopUpReaderParts extends OfferParts {
  readonly store: Pick<TopUpStore, 'loadTopUp' | 'loadPage'>;
}

const refuse = (): Promise<never> => Promise.reject(stripeOff());

/** Reads the top-ups of workspaces; every other method throws DomainError STRIPE_OFF. */
export class TopUpsWithoutStripe implements TopUps {
  readonly #parts: TopUpReaderParts;
  readonly create = refuse;
  readonly cancel = refuse;

  constructor(parts: TopUpReaderParts) {
    this.#parts = parts;
  }

  readOffer(tenant: TenantRef): Promise<TopUpOfferView | undefined> {
    return readOffer(this.#parts, tenant);
  }

  get(tenant: TenantRef, topUpId: TopUpId): Promise<TopUpView> {
    return loadOwn(this.#parts.store, tenant, topUpId);
  }

  list(tenant: TenantRef, request: PageRequest<TopUpFilter>): Promise<TopUpPage> {
    return listTopUps(this.#parts.store, tenant, request);
  }
}
