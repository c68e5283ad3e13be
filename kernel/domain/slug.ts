// Owns what a slug is, the name of a workspace in addresses, and how one is made of the name that people see.

const SLUG = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const SLUG_LENGTH_MIN = 3;
const SLUG_LENGTH_MAX = 48;
const SUFFIX_LENGTH = 6;
/** What a name gives that has no letter or digit which a slug can have. */
const FALLBACK = 'workspace';

/** Says what a slug must be, for people. */
export const SLUG_RULE = `must be ${SLUG_LENGTH_MIN} to ${SLUG_LENGTH_MAX} characters of a-z 0-9 -, without - at an end`;

/** Says whether a text is a slug. */
export function isSlug(text: string): boolean {
  return text.length >= SLUG_LENGTH_MIN && text.length <= SLUG_LENGTH_MAX && SLUG.test(text);
}

/** Makes a slug of a name, as near as letters and digits allow. */
export function computeSlug(displayName: string): string {
  const plain = displayName
    .normalize('NFKD')
    // What stands above or below a letter does not part it from the next one.
    .replaceAll(/\p{M}+/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-');
  const slug = trimDashes(trimDashes(plain).slice(0, SLUG_LENGTH_MAX));
  return isSlug(slug) ? slug : FALLBACK;
}

/** Makes another slug of one that is taken; `random` gives at least 6 letters or digits. */
export function computeSlugVariant(slug: string, random: string): string {
  const suffix = random
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(-SUFFIX_LENGTH);
  return `${trimDashes(slug.slice(0, SLUG_LENGTH_MAX - SUFFIX_LENGTH - 1))}-${suffix}`;
}

function trimDashes(text: string): string {
  return text.replaceAll(/^-+|-+$/g, '');
}
