// Owns what becomes of reports about Stripe: a figure for each, and a line for those that an operator must look at.

import type { Logger } from 'pino';
import type { SyncObserver } from './app/catalog-sync/ports.ts';
import type { TopUpObserver } from './app/payment/ports.ts';
import type { ReconciliationObserver } from './app/reconciliation/ports.ts';
import type { IntentObserver } from './app/subscription/ports.ts';
import type { SubscriptionObserver } from './app/subscription/subscription-sync.ts';
import type { WebhookObserver } from './app/webhook/ports.ts';
import { logBackgroundFailure } from './log.ts';

/** Builds an observer of the inbox; what is refused is counted, and told only in detail: anybody may send anything. */
export function createWebhookObserver(figures: WebhookObserver, logger: Logger): WebhookObserver {
  return {
    ...figures,
    refused: (refusal) => {
      figures.refused(refusal);
      logger.debug({ refusal }, 'a delivery was refused');
    },
    failed: (event, err) => {
      figures.failed(event, err);
      const { eventId, type, attempts } = event;
      logger.warn({ eventId, type, attempts, err }, 'an event could not be processed; it is tried again');
    },
    died: (event, err) => {
      figures.died(event, err);
      const { eventId, type, attempts } = event;
      logger.error({ eventId, type, attempts, err }, 'an event failed too often: look at it, then drive it again');
    },
    backgroundFailed: (work, err) => {
      figures.backgroundFailed(work, err);
      logBackgroundFailure(logger, work, err);
    },
  };
}

/** Builds an observer of syncs. */
export function createSyncObserver(figures: SyncObserver, logger: Logger): SyncObserver {
  return {
    synced: (figure) => {
      figures.synced(figure);
      const { durationMs, changes, badRows } = figure;
      const line = { durationMs: Math.round(durationMs), changes, badRows };
      if (badRows > 0)
        logger.warn(line, 'the catalog was synced; rows at Stripe were left: `wheelhouse sync --dry-run` tells which');
      else if (changes > 0) logger.info(line, 'the catalog was synced');
      else logger.debug(line, 'the catalog is as Stripe has it');
    },
    syncFailed: (err) => {
      figures.syncFailed(err);
      logger.warn({ err }, 'the catalog could not be synced; it is tried again');
    },
  };
}

/** Builds an observer of changes at Stripe. */
export function createIntentObserver(figures: IntentObserver, logger: Logger): IntentObserver {
  return {
    ...figures,
    failed: (intent, err) => {
      figures.failed(intent, err);
      const { intentId, tenantId, attempt, tries } = intent;
      const line = { intentId, tenantId, kind: intent.request.kind, attempt, tries, err };
      logger.warn(line, 'a change at Stripe came to no result; it is tried again');
    },
    backgroundFailed: (work, err) => {
      figures.backgroundFailed(work, err);
      logBackgroundFailure(logger, work, err);
    },
  };
}

/** Builds an observer of comparisons with Stripe. */
export function createReconciliationObserver(
  figures: Pick<ReconciliationObserver, 'ended'>,
  logger: Logger,
): ReconciliationObserver {
  return {
    differs: ({ tenantId, kind, subject, message, command }) =>
      logger.error({ tenantId, kind, subject, command }, `a workspace and Stripe differ: ${message}`),
    ended: (result) => {
      figures.ended(result);
      if (result.differences === 0) logger.info(result, 'all workspaces are as Stripe shows');
      else logger.error(result, 'workspaces and Stripe differ: `wheelhouse verify --stripe` tells what mends it');
    },
    backgroundFailed: (work, err) => logBackgroundFailure(logger, work, err),
  };
}

/** Builds an observer of top-ups. */
export function createTopUpObserver(figures: TopUpObserver, logger: Logger): TopUpObserver {
  return {
    ...figures,
    failed: (topUp, err) => {
      figures.failed(topUp, err);
      const { topUpId, tenantId, stripeInvoiceId, attempt, tries } = topUp;
      const line = { topUpId, tenantId, stripeInvoiceId, attempt, tries, err };
      logger.warn(line, 'a top-up came to no result; it is tried again');
    },
    backgroundFailed: (work, err) => {
      figures.backgroundFailed(work, err);
      logBackgroundFailure(logger, work, err);
    },
  };
}

/** Builds an observer of what is read of subscriptions. */
export function createSubscriptionObserver(logger: Logger): SubscriptionObserver {
  return {
    unreadable: (tenantId, stripeSubscriptionId) =>
      logger.warn(
        { tenantId, stripeSubscriptionId },
        "a subscription at Stripe has a price that is of no plan of its workspace's product: nothing is given for it",
      ),
    backgroundFailed: (work, err) => logBackgroundFailure(logger, work, err),
  };
}
