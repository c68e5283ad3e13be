// Owns what becomes of the ledger's reports and those of watches: a figure for each, and a line for those that an operator must look at.

import type { Logger } from 'pino';
import type { LedgerObserver, OwnCommitListener, WatchObserver } from './app/ports.ts';
import { logBackgroundFailure } from './log.ts';

/**
 * Builds an observer that counts everything, logs what is out of order, and tells a listener of this kernel's own
 * commits, so that it need not wait until the database tells.
 */
export function createLedgerObserver(
  figures: LedgerObserver,
  logger: Logger,
  listener: OwnCommitListener,
): LedgerObserver {
  return {
    committed: (entries, tenantId, seq) => {
      figures.committed(entries, tenantId, seq);
      listener.committed(tenantId, seq, entries);
    },
    replayed: figures.replayed,
    queued: figures.queued,
    raceLost: (tenantId) => {
      figures.raceLost(tenantId);
      logger.debug({ tenantId }, 'another kernel was faster with a commit');
    },
    outcomeUnknown: (tenantId, err) => {
      figures.outcomeUnknown(tenantId, err);
      logger.warn({ tenantId, err }, 'the database did not tell what became of a commit');
    },
    headFromFuture: (tenantId, aheadMs) => {
      figures.headFromFuture(tenantId, aheadMs);
      logger.error(
        { tenantId, aheadMs },
        'the newest commit of an account lies in the future: check the clocks of kernels and database',
      );
    },
    corrupt: (tenantId, err) => {
      figures.corrupt(tenantId, err);
      logger.error({ tenantId, err }, 'the commits of an account contradict each other: its writes are stopped');
    },
    backgroundFailed: (work, err) => {
      figures.backgroundFailed(work, err);
      logBackgroundFailure(logger, work, err);
    },
  };
}

/** Builds an observer of watches; that there is no feed is said once. */
export function createWatchObserver(figures: WatchObserver, logger: Logger): WatchObserver {
  return {
    watching: figures.watching,
    feedLost: (err) => {
      figures.feedLost(err);
      logger.warn({ err }, "the feed of commits broke: other kernels' commits are asked for until it is back");
    },
    feedUnsupported: (err) => {
      figures.feedUnsupported(err);
      logger.warn({ err }, 'this database has no change streams for this user: watches ask every second instead');
    },
  };
}
