// Owns which paths people come back by: after signing in, always to a page of this deployment.

import { invalidField } from '../problem.ts';
import { quote } from '../schema.ts';

/** How long the path of a page may be. */
export const RETURN_PATH_LENGTH_MAX = 1_024;
/** Visible ASCII without a backslash, which browsers take for a slash. */
export const RETURN_PATH_PATTERN = /^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/;

/**
 * Reads the path to return to; `/` where none is named. Throws INVALID_FIELD `return_to` for anything that is no path of
 * the site at this URL.
 */
export function readReturnPath(text: string | undefined, publicUrl: URL): string {
  if (text === undefined) return '/';
  const target =
    text.length <= RETURN_PATH_LENGTH_MAX && RETURN_PATH_PATTERN.test(text) ? URL.parse(text, publicUrl.href) : null;
  const path = target === null ? '' : `${target.pathname}${target.search}${target.hash}`;
  // Dots that were resolved can leave two slashes at the beginning, behind which browsers read a host.
  if (target?.origin !== publicUrl.origin || path.startsWith('//')) {
    const message = `It must be a path of this site such as /billing, at most ${RETURN_PATH_LENGTH_MAX} characters, not ${quote(text)}.`;
    throw invalidField({ field: 'return_to', message });
  }
  return path;
}
