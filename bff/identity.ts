// Owns who a request comes from, as the kernel is told it. Does not own how that is proved (authentication.ts,
// browser-session/) or what it allows: the kernel decides about roles and workspaces.
// Invariants: what travels as gRPC metadata is printable and bounded; an email address is told only where the issuer says that it
// is verified.

import { hash } from 'node:crypto';

/** Is a person, as an issuer knows them. */
export interface Person {
  readonly kind: 'person';
  readonly issuer: string;
  /** Is who the person is for the issuer; 1 to 128 visible ASCII characters. */
  readonly subject: string;
  /** Is the address that the issuer vouches for, in lower case. */
  readonly email?: string;
  /** Is the name that the issuer gives; at most 100 characters. */
  readonly displayName?: string;
}

/** Is a program with a personal access token, which the kernel checks. */
export interface Program {
  readonly kind: 'program';
  /** Is secret. */
  readonly accessToken: string;
}

/** Is whoever has not signed in. */
export interface Nobody {
  readonly kind: 'nobody';
}

/** Who calls. */
export type Identity = Person | Program | Nobody;

/** Is the identity of whoever has not signed in. */
export const NOBODY: Nobody = { kind: 'nobody' };

/** Is what a subject must look like, since it travels as metadata. */
export const SUBJECT_PATTERN = '^[\\x21-\\x7e]{1,128}$';

/** No Kelvin sign, which in lower case is the k of another address. */
const EMAIL_PATTERN = /^[^\s@\p{Cc}\u212a]+@[^\s@\p{Cc}\u212a]+$/u;
const EMAIL_LENGTH_MAX = 254;
const NAME_LENGTH_MAX = 100;
const CONTROL_PATTERN = /[\p{Cc}\u2028\u2029]/gu;

/** Names an identity without telling any secret: by it what was found out about it a moment ago is found again. */
export function keyOf(identity: Identity): string {
  switch (identity.kind) {
    case 'person':
      return `${identity.issuer}\n${identity.subject}`;
    case 'program':
      return hash('sha256', identity.accessToken, 'base64url');
    case 'nobody':
      return '';
  }
}

/** Builds a person from what the issuer says; an address or a name that can't be used counts as none. */
export function toPerson(issuer: string, subject: string, claims: Readonly<Record<string, unknown>>): Person {
  const email = readEmail(claims);
  const displayName = readName(claims['name']);
  return { kind: 'person', issuer, subject, ...(email && { email }), ...(displayName && { displayName }) };
}

/** Only `true` itself counts: an issuer that says it in another way may mean something else. */
function readEmail({ email, email_verified: isVerified }: Readonly<Record<string, unknown>>): string | undefined {
  const isUsable =
    isVerified === true &&
    typeof email === 'string' &&
    email.length <= EMAIL_LENGTH_MAX &&
    email.isWellFormed() &&
    EMAIL_PATTERN.test(email);
  return isUsable ? email.toLowerCase() : undefined;
}

/** A name is for people to look at: a long one is cut, and what is no text in it is left out. */
function readName(name: unknown): string | undefined {
  if (typeof name !== 'string' || !name.isWellFormed()) return undefined;
  let text = '';
  for (const character of name.replaceAll(CONTROL_PATTERN, ' ').trim()) {
    if (text.length + character.length > NAME_LENGTH_MAX) break;
    text += character;
  }
  return text === '' ? undefined : text;
}
