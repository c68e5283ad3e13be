// Owns how email addresses of requests, and tokens out of mails, are checked. Whether an address can be reached only a mail
// tells, and whether a token counts only the database.

import { type FieldCheck, quote } from './field-check.ts';

/**
 * None of what separates or quotes addresses in a mail's header; and no Kelvin sign, which in lower case is the k of another
 * address.
 */
const EMAIL = /^[^\s@<>"(),:;[\]\\\u212a]+@[^\s@<>"(),:;[\]\\\u212a]+$/;
const EMAIL_LENGTH_MAX = 254;
const MAIL_TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

/** Checks an email address, and writes it in lower case. */
export function checkEmail(check: FieldCheck, value: string, field = 'email'): string {
  const email = check.text(field, value, { required: true, lengthMax: EMAIL_LENGTH_MAX });
  if (email !== '' && !EMAIL.test(email)) check.refuse(field, `must be an email address, got ${quote(email)}`);
  return email.toLowerCase();
}

/** Checks a token out of a mail. It is never told again, not even where it is refused. */
export function checkMailToken(check: FieldCheck, token: string): string {
  if (!MAIL_TOKEN.test(token)) check.refuse('token', 'is required: the token of the mail, as it stands there');
  return token;
}
