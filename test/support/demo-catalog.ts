/**
 * Owns: the whole catalog of the demo products for tests of something else than the sync: what operators set, and the plans
 * that Stripe sells as a sync brings them from the sandbox (test/sandbox/catalog.test.ts holds the two together).
 * Does not own: what operators set of them; the product's own seed does.
 */
import { type Connection, type Model, trusted } from 'mongoose';
import { DEMO_CATALOG, DEMO_PAYG } from '../../kernel/cli/demo-catalog.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { computeDefaultPolicy, type PolicyChange } from '../../kernel/domain/plan-policy.ts';
import { toDocumentPolicy } from '../../kernel/store/catalog/catalog-document.ts';
import { catalogModels, type PlanDocument, type PlanPolicyDocument } from '../../kernel/store/catalog/catalog-model.ts';
import { seedCatalog } from '../../kernel/store/catalog/catalog-seed.ts';
import { openConnection } from '../../kernel/store/connection.ts';

type PlanRow = Omit<PlanDocument, 'created_at'>;
type PolicyRow = Omit<PlanPolicyDocument, 'created_at'>;

/** Is a plan that Stripe sells. */
export interface SoldPlan {
  readonly plan: PlanRow;
  readonly policy: PolicyRow;
}

const CREDIT = 1_000_000n;
const CONNECT_TIMEOUT_MS = 10_000;

function toSoldPlan(
  key: { readonly product_code: string; readonly plan_code: string },
  terms: Pick<PlanRow, 'product_name' | 'amount' | 'interval'>,
  { credits, ...policy }: PolicyChange & { readonly credits: bigint },
): SoldPlan {
  const id = `price_${key.product_code}_${key.plan_code}`;
  const plan = { ...key, ...terms, stripe_price_id: id, currency: 'usd', interval_count: 1 };
  const defaults = computeDefaultPolicy(key.plan_code as PlanCode);
  return {
    plan: { ...plan, source: 'stripe', archived: false },
    policy: {
      ...{ ...key, pinned_fields: [], revision: 0 },
      ...toDocumentPolicy({ ...defaults, includedMicrocreditsPerCycle: credits * CREDIT, ...DEMO_PAYG, ...policy }),
    },
  };
}

function ofAgentruntime(code: string, name: string, amount: bigint, credits: bigint): SoldPlan {
  const interval = code.endsWith('_annual') ? 'year' : 'month';
  const key = { product_code: 'agentruntime', plan_code: code };
  return toSoldPlan(key, { product_name: `AgentRuntime ${name}`, amount, interval }, { credits });
}

/** Are the plans of the demo products that Stripe sells. */
export const SOLD_PLANS: readonly SoldPlan[] = [
  ofAgentruntime('pro', 'Pro', 4_900n, 5n),
  ofAgentruntime('plus', 'Plus', 14_900n, 20n),
  ofAgentruntime('max', 'Max', 49_900n, 80n),
  ofAgentruntime('pro_annual', 'Pro (annual)', 49_000n, 60n),
  ofAgentruntime('plus_annual', 'Plus (annual)', 149_000n, 240n),
  ofAgentruntime('max_annual', 'Max (annual)', 499_000n, 960n),
  toSoldPlan(
    { product_code: 'otherproduct', plan_code: 'pro' },
    { product_name: 'OtherProduct Pro', amount: 1_900n, interval: 'month' },
    { credits: 50n, trialDays: 7, trialMicrocreditsGranted: 2n * CREDIT },
  ),
];

/** Puts in what is missing of what operators set, as the product's own seed does. */
export async function seedOperatorCatalog(connection: Connection): Promise<void> {
  for (const seed of DEMO_CATALOG) await seedCatalog(connection, seed);
}

/** Puts in what is missing of the demo products' whole catalog. */
export async function seedDemoCatalog(connection: Connection): Promise<void> {
  await seedOperatorCatalog(connection);
  const { plans, policies } = catalogModels(connection);
  for (const { plan, policy } of SOLD_PLANS) {
    await addRow(policies, policy);
    await addRow(plans, plan);
  }
}

/** Does the same to the database that a connection string names. */
export async function seedDemoDatabase(mongodbUri: string): Promise<void> {
  const connection = await openConnection({
    uri: mongodbUri,
    timeoutMs: CONNECT_TIMEOUT_MS,
    onCommand: () => undefined,
  });
  try {
    await seedDemoCatalog(connection);
  } finally {
    await connection.close();
  }
}

async function addRow<Document extends { readonly product_code: string; readonly plan_code: string }>(
  model: Model<Document>,
  { product_code, plan_code, ...rest }: Omit<Document, 'created_at'> & Pick<Document, 'product_code' | 'plan_code'>,
): Promise<void> {
  const added = trusted({ $setOnInsert: { ...rest, created_at: new Date() } });
  await model.updateOne({ product_code, plan_code }, added, { upsert: true, runValidators: true });
}
