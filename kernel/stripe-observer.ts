// Owns what becomes of reports about Stripe: a figure for each, and a line for those that an operator must look at.

import type { Logger } from 'pino';
import type { SyncObserver } from './app/catalog-sync/ports.ts';
import type { WebhookObserver } from './app/webhook/ports.ts';

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
      logger.warn({ work, err }, 'background work failed; the next round tries again');
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
