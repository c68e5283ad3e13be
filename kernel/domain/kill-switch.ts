// Owns which parts of the whole environment an operator can switch off, and what is said where one is off.

import { DomainError } from './error.ts';

/** Every kill switch; on means that what it names is allowed. */
export const KILL_SWITCHES = ['TRIALS_ENABLED', 'TOPUPS_ENABLED', 'SIGNUPS_ENABLED'] as const;

/** One of {@link KILL_SWITCHES}. */
export type KillSwitchName = (typeof KILL_SWITCHES)[number];

const WHAT_IS_OFF: Readonly<Record<KillSwitchName, string>> = {
  TRIALS_ENABLED: 'trials are',
  TOPUPS_ENABLED: 'buying credits is',
  SIGNUPS_ENABLED: 'signing up and creating workspaces are',
};

/** Says that an operator has switched something off. */
export function killSwitchOff(name: KillSwitchName): DomainError {
  const message = `${WHAT_IS_OFF[name]} switched off at present (${name}): nothing was written, try again later`;
  return new DomainError('KILL_SWITCH_OFF', message, { metadata: { kill_switch: name } });
}
