// Owns what events are called for people.

import { STRINGS } from '../../strings.ts';

const WORDS: Readonly<Record<string, string>> = STRINGS.alerts.types;

/** Are the types that an endpoint can be limited to. */
export const EVENT_TYPES = Object.keys(WORDS);

const TEST_TYPE = 'alert.test';

/** Returns what an event of a type is about; one that this release does not know is called by its type. */
export function nameEvent(type: string): string {
  return type === TEST_TYPE ? STRINGS.alerts.testType : (WORDS[type] ?? type);
}
