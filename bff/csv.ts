// Owns how a table is written as CSV (RFC 4180): rows end with CRLF, a cell is quoted where it holds a quote, a comma or a line
// break. A text of others that a spreadsheet would take for a formula gets an apostrophe before it, which spreadsheets read as
// "this is text".

const QUOTED_PATTERN = /[",\r\n]/;
/** What spreadsheets begin a formula with, in the narrow and the wide form, also behind blanks. */
const FORMULA_PATTERN = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|^[\t\r\n]/;

/** A cell: a text of others', a figure or word of our own, or nothing. */
export type Cell = { readonly text: string | null } | string | number | boolean | null;

/** Writes one row. */
export function toCsvRow(cells: readonly Cell[]): string {
  return `${cells.map(toCsvCell).join(',')}\r\n`;
}

function toCsvCell(cell: Cell): string {
  if (cell === null) return '';
  const text = typeof cell === 'object' ? defuse(cell.text ?? '') : String(cell);
  return QUOTED_PATTERN.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function defuse(text: string): string {
  return FORMULA_PATTERN.test(text) ? `'${text}` : text;
}
