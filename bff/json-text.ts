// Owns what the text of JSON tells that its value does not: a name that an object has twice, of which JSON.parse keeps the last
// one and other readers the first, levels without end, which whoever walks through the value would stumble over, and halves of
// characters, which turn into another text on the way to the kernel.

import { quote } from './schema.ts';

/** How deep objects and lists may stand in each other; no call takes as many. */
const DEPTH_MAX = 16;
/** A text, or one of the signs that tell where a text is a name. */
const TOKEN_PATTERN = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/** Is an object that is open with its names so far, or a list, which has none. */
type OpenValue = Set<string> | 'list';

/** Begins the escape of half a character, which is a text in no encoding where its other half is missing. */
const SURROGATE_ESCAPE_PATTERN = /\\u[dD][89a-fA-F]/;

/** Says what is wrong with a well-formed JSON text, for people; undefined where nothing is. */
export function findTextFault(text: string): string | undefined {
  const open: OpenValue[] = [];
  let before = '';
  for (const [token] of text.matchAll(TOKEN_PATTERN)) {
    const innermost = open.at(-1);
    // In an object a text behind `{` or `,` is a name; any other text is a value.
    const isName = token.startsWith('"') && innermost instanceof Set && (before === '{' || before === ',');
    if (isName && !addName(innermost, token)) {
      return `An object in it names ${quote(JSON.parse(token))} more than once; name it once.`;
    }
    if (SURROGATE_ESCAPE_PATTERN.test(token) && !String(JSON.parse(token)).isWellFormed()) {
      return 'A text in it has half a character (an escape \\ud800 to \\udfff without its other half); send whole ones.';
    }
    nest(open, token);
    if (open.length > DEPTH_MAX) return `Objects and lists stand more than ${DEPTH_MAX} deep in each other; nest less.`;
    before = token;
  }
  return undefined;
}

/** Adds a name as it stands in the text. Returns whether it is new. */
function addName(names: Set<string>, token: string): boolean {
  const name = String(JSON.parse(token));
  const isNew = !names.has(name);
  names.add(name);
  return isNew;
}

function nest(open: OpenValue[], token: string): void {
  if (token === '{') open.push(new Set());
  if (token === '[') open.push('list');
  if (token === '}' || token === ']') open.pop();
}
