// Workspaces that pay for a plan, and what has become of them at Stripe and in their accounts.

import type { Stripe } from 'stripe';
import { expect } from 'vitest';
import { sendCard } from '../../support/hosted-form.ts';
import { openWorkspace, type Shop, type Workspace } from './subscription.ts';

/** Opens a workspace that pays for a plan with a stored card. */
export async function openSubscriber(shop: Shop, planCode = 'plus'): Promise<Workspace> {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  await workspace.activate({ planCode });
  return workspace;
}

/** Lists the subscriptions that a workspace's customer has, or had. */
export async function subscriptionsOf(shop: Shop, workspace: Workspace): Promise<readonly Stripe.Subscription[]> {
  const customer = await workspace.customerId();
  return (await shop.stripe.stripe.subscriptions.list({ customer, status: 'all' })).data;
}

/** Lists what an account records, in its order: what a subscription did by its name, the rest by its type. */
export async function entriesOf(shop: Shop, { tenantId }: Workspace): Promise<readonly string[]> {
  const commits = shop.kernel.connection.collection('ledger_commits').find({ tenant_id: tenantId }).sort({ seq: 1 });
  const entries: readonly { readonly type: string; readonly change?: string }[] = (await commits.toArray()).flatMap(
    (row) => row['entries'],
  );
  return entries.map(({ type, change = type }) => change);
}

/** Pays on a page. */
export async function pay(url = ''): Promise<void> {
  expect((await sendCard(url)).status).toBe(303);
}
