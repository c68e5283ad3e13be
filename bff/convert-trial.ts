// Owns the JSON of trials, and the translation of the contract's messages into it.

import { type Trial, TrialStatus } from '../gen/wheelhouse/subscription/v1/trial.ts';
import type { GetTrialResponse } from '../gen/wheelhouse/subscription/v1/trial_service.ts';
import { ConversionError, fromProtoInteger, fromProtoTime, unknownValue } from './convert.ts';
import { flag, named, oneOf, orNull, text, time, type ValueOf, whole } from './shape.ts';

/** A workspace's one trial. */
export const TRIAL = named(
  'Trial',
  {
    plan_code: text(),
    status: oneOf(
      ['active', 'canceled', 'ended'],
      'Is `canceled` for one that runs to its end with nothing to follow.',
    ),
    start_time: time(),
    end_time: time(),
    granted_microcredits: whole(),
    remaining_microcredits: whole(),
    revokes_unused: flag('Says that what is left lapses at its end.'),
    consent_time: orNull(time(), 'Is when somebody agreed to be charged once it ends; null where nobody did.'),
  },
  'The one trial of a workspace.',
);
export type TrialJson = ValueOf<typeof TRIAL>;

/** The answer of `GET /v1/billing/trial`. */
export const TRIAL_STATE = named(
  'TrialState',
  {
    trial: orNull(TRIAL, 'Is null for a workspace that never had one.'),
    plan_code: text('Is the plan that the workspace has now.'),
    as_of_time: time(),
  },
  'What is known of the trial of a workspace.',
);
export type TrialStateJson = ValueOf<typeof TRIAL_STATE>;

/** Translates a trial. Throws ConversionError when it is absent, or has a part that can't be shown. */
export function fromProtoTrial(trial: Trial | undefined): TrialJson {
  if (!trial) {
    throw new ConversionError('trial', 'the kernel answered without a trial');
  }
  return {
    plan_code: trial.planCode,
    status: fromProtoStatus(trial.status),
    start_time: fromProtoTime(trial.startTime, 'start_time'),
    end_time: fromProtoTime(trial.endTime, 'end_time'),
    granted_microcredits: fromProtoInteger(trial.grantedMicrocredits, 'granted_microcredits'),
    remaining_microcredits: fromProtoInteger(trial.remainingMicrocredits, 'remaining_microcredits'),
    revokes_unused: trial.revokesUnused,
    consent_time: trial.consentTime ? fromProtoTime(trial.consentTime, 'consent_time') : null,
  };
}

/** Translates what is known of trials. Throws ConversionError when a part of it can't be shown. */
export function fromProtoTrialState({ trial, planCode, asOfTime }: GetTrialResponse): TrialStateJson {
  return {
    trial: trial ? fromProtoTrial(trial) : null,
    plan_code: planCode,
    as_of_time: fromProtoTime(asOfTime, 'as_of_time'),
  };
}

function fromProtoStatus(status: TrialStatus): TrialJson['status'] {
  switch (status) {
    case TrialStatus.ACTIVE:
      return 'active';
    case TrialStatus.CANCELED:
      return 'canceled';
    case TrialStatus.ENDED:
      return 'ended';
    case TrialStatus.UNSPECIFIED:
      throw new ConversionError('status', 'the kernel answered without the status of a trial');
    default:
      throw unknownValue('status', status);
  }
}
