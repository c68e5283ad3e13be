// What a row of the table of endpoints is, and what several of them have.

import { TrialStatus } from '../../../gen/wheelhouse/subscription/v1/trial.ts';
import type { Answers } from './kernel-peer.ts';

/** One request, what the kernel is asked for it and answers, and what is made of that. */
export interface Case {
  readonly request: readonly [method: string, path: string, body?: unknown];
  readonly rpc: keyof Answers;
  readonly asked: object;
  readonly answered: unknown;
  readonly status: number;
  readonly location?: string;
  readonly json?: object;
}

export const TIME = new Date('2026-01-02T03:04:05.678Z');
export const TIME_TEXT = '2026-01-02T03:04:05.678Z';
/** The idempotency key that requests bear. */
export const KEY = 'key-1';

export const TRIAL = {
  planCode: 'pro',
  status: TrialStatus.ACTIVE,
  startTime: TIME,
  endTime: TIME,
  grantedMicrocredits: 5_000_000n,
  remainingMicrocredits: 4_000_000n,
  revokesUnused: true,
  consentTime: TIME,
};
export const TRIAL_JSON = {
  plan_code: 'pro',
  status: 'active',
  start_time: TIME_TEXT,
  end_time: TIME_TEXT,
  granted_microcredits: 5000000,
  remaining_microcredits: 4000000,
  revokes_unused: true,
  consent_time: TIME_TEXT,
};
