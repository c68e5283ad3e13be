// Owns what a member is called.

import type { Member } from '../api/type.ts';
import { STRINGS } from '../strings.ts';

/** Returns what a member is called. */
export function nameOfMember({ display_name, email }: Member): string {
  return display_name ?? email ?? STRINGS.people.unknown;
}
