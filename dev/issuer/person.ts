/**
 * Owns: the people that the local issuer knows: the demo's, and anybody whose address is typed.
 * Does not own: what they may do; the kernel's memberships say that.
 * Invariant: the same address is the same person, after a restart too.
 */
import { createHash } from 'node:crypto';

/** Is a person of the local issuer. */
export interface Person {
  /** Is who the person is for the issuer; never changes. */
  readonly subject: string;
  /** Is in lower case; the issuer vouches for it. */
  readonly email: string;
  readonly name: string;
  /** Says who it is on the sign-in page; absent for somebody who typed an address. */
  readonly description?: string;
}

const EMAIL_PATTERN = /^[^\s@]+@[^\s@]+$/;
const EMAIL_LENGTH_MAX = 254;

/** Finds the person of an address: one of those known, or somebody new. Returns undefined for what is no address. */
export function findPerson(people: readonly Person[], text: string): Person | undefined {
  const email = text.trim().toLowerCase();
  if (email.length > EMAIL_LENGTH_MAX || !EMAIL_PATTERN.test(email)) return undefined;
  const known = people.find((person) => person.email === email);
  return known ?? { subject: toSubject(email), email, name: email.slice(0, email.indexOf('@')) };
}

/** Makes a subject of an address: nobody has to keep a list of who has typed which. */
function toSubject(email: string): string {
  return `local-${createHash('sha256').update(email).digest('hex').slice(0, 32)}`;
}
