// Owns what becomes of the ledger's reports: a figure for each, and a line for those that an operator must look at.

import type { Logger } from 'pino';
import type { LedgerObserver } from './app/ports.ts';

/** Builds an observer that counts everything and logs what is out of order. */
export function createLedgerObserver(figures: LedgerObserver, logger: Logger): LedgerObserver {
  return {
    committed: figures.committed,
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
      logger.warn({ work, err }, 'background work failed; the next round tries again');
    },
  };
}
