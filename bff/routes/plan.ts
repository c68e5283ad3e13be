// Owns `GET /v1/billing/plans`: the plans that this deployment's product offers.

import type { ListPlansResponse } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { fromProtoPlan, PLAN } from '../convert.ts';
import { RenderedJson } from '../rendered-json.ts';
import { list, object } from '../shape.ts';
import { defineRoute, type RouteCall } from './route.ts';

const PAGE_SIZE = 1_000;
/** A product has tens of plans; a list that does not end is a fault, not a catalog. */
const PAGES_MAX = 10;

/**
 * What was made of lists that are one page. The kernel is asked each time; of an answer that is like the one before it the
 * kernel's client gives the same object, and its JSON is made once.
 */
const renderedLists = new WeakMap<ListPlansResponse, RenderedJson>();

export const planRoute = defineRoute({
  method: 'GET',
  path: '/v1/billing/plans',
  workspace: 'named',
  name: 'listPlans',
  summary: 'List the plans on offer',
  needs: 'project_contributor',
  hasEntityTag: true,
  description:
    'Plans of this product alone, by rank, period and code, all in one answer. A workspace need not be named; where one is, plans are as they are for it.',
  responses: { 200: object({ plans: list(PLAN) }) },
  reasons: [],
  async answer(_input, call) {
    const pages = await loadOfferedPlans(call);
    const [first] = pages;
    const known = first && pages.length === 1 ? renderedLists.get(first) : undefined;
    return known ?? render(pages, call.productCode);
  },
});

function render(pages: readonly ListPlansResponse[], productCode: string): RenderedJson {
  const plans = pages.flatMap((page) => page.plans.map((plan) => fromProtoPlan(plan, productCode)));
  const json = new RenderedJson({ plans });
  const [first] = pages;
  if (first && pages.length === 1) {
    renderedLists.set(first, json);
  }
  return json;
}

/** The answer has no pages, so it takes all of the kernel's. */
async function loadOfferedPlans({ kernel, context }: RouteCall): Promise<readonly ListPlansResponse[]> {
  const pages: ListPlansResponse[] = [];
  let pageToken = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const response = await kernel.listPlans(
      { productCode: '', offeredOnly: true, includeArchived: false, pageSize: PAGE_SIZE, pageToken },
      context,
    );
    pages.push(response);
    pageToken = response.nextPageToken;
    if (pageToken === '') {
      return pages;
    }
  }
  throw new Error(`the kernel's list of plans goes on after ${PAGES_MAX} pages`);
}
