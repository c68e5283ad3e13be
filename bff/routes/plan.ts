// Owns `GET /v1/billing/plans`: the plans that this deployment's product offers.

import type { Plan } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { fromProtoPlan } from '../convert.ts';
import { readEmptyQuery } from '../query.ts';
import type { Route, RouteCall } from './route.ts';

const PAGE_SIZE = 1_000;
/** A product has tens of plans; a list that does not end is a fault, not a catalog. */
const PAGES_MAX = 10;

export const planRoute: Route = {
  path: '/v1/billing/plans',
  async answer(rawQuery, call) {
    readEmptyQuery(rawQuery);
    const plans = await loadOfferedPlans(call);
    return { plans: plans.map((plan) => fromProtoPlan(plan, call.productCode)) };
  },
};

/** The answer has no pages, so it takes all of the kernel's. */
async function loadOfferedPlans({ kernel, context }: RouteCall): Promise<readonly Plan[]> {
  const plans: Plan[] = [];
  let pageToken = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const response = await kernel.listPlans(
      { productCode: '', offeredOnly: true, includeArchived: false, pageSize: PAGE_SIZE, pageToken },
      context,
    );
    plans.push(...response.plans);
    pageToken = response.nextPageToken;
    if (pageToken === '') {
      return plans;
    }
  }
  throw new Error(`the kernel's list of plans goes on after ${PAGES_MAX} pages`);
}
