// Moving the time of everything that works together: the database's, which kernels follow, and that of the Stripe sandbox.

import { expect } from 'vitest';
import type { Sandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import type { openConnection } from '../../kernel/store/connection.ts';
import { moveDatabaseClock } from '../../kernel/store/database-clock.ts';

/** How far two moves of a clock may lie from what was asked, since time passes meanwhile, in milliseconds. */
const SLACK_MS = 1_000;

/** What has one time. */
export interface TimedParts {
  readonly connection: Awaited<ReturnType<typeof openConnection>>;
  readonly sandbox: Sandbox;
  /** Answers a kernel's time. */
  readonly readTime: () => Promise<number>;
}

/** Moves all clocks on, and waits until what that made happen at Stripe has been delivered. */
export async function moveTime({ connection, sandbox, readTime }: TimedParts, byMs: number): Promise<void> {
  const target = (await readTime()) + byMs - SLACK_MS;
  await moveDatabaseClock(connection, byMs);
  // Kernels look at the clock twice a second.
  await expect.poll(readTime, { interval: 50 }).toBeGreaterThan(target);
  sandbox.control.advance(Math.round(byMs / 1_000));
  await sandbox.control.settle();
}
