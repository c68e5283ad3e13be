// Owns how lists look on the command line: as a table whose columns are as wide as what stands in them, or as lines of JSON.

import type { Writable } from 'node:stream';

/** A row by the names of its fields. */
export type Row = Readonly<Record<string, string | number | boolean | null | readonly unknown[]>>;

/** One column of a table: the field that it shows, under the name in capitals. */
export interface Column {
  readonly field: string;
  /** Numbers stand flush right. */
  readonly isNumber?: boolean;
}

const GAP = '  ';

/** Prints rows: every field of each as a line of JSON, or the columns as a table with a line that counts them. */
export function printRows(out: Writable, rows: readonly Row[], columns: readonly Column[], isJson: boolean): void {
  if (isJson) {
    for (const row of rows) out.write(`${JSON.stringify(row)}\n`);
    return;
  }
  if (rows.length === 0) {
    out.write('There are none.\n');
    return;
  }
  for (const line of formatTable(rows, columns)) out.write(`${line}\n`);
}

function formatTable(rows: readonly Row[], columns: readonly Column[]): readonly string[] {
  const header = columns.map(({ field }) => field.replaceAll('_', ' ').toUpperCase());
  const cells = rows.map((row) => columns.map(({ field }) => textOf(row[field])));
  const widths = columns.map((_, index) => Math.max(...[header, ...cells].map((line) => line[index]?.length ?? 0)));
  return [header, ...cells].map((line) =>
    line
      .map((cell, index) => pad(cell, widths[index] ?? 0, columns[index]?.isNumber === true))
      .join(GAP)
      .trimEnd(),
  );
}

function pad(cell: string, width: number, isNumber: boolean): string {
  return isNumber ? cell.padStart(width) : cell.padEnd(width);
}

function textOf(value: Row[string] | undefined): string {
  if (value === undefined || value === null || value === '') return '-';
  if (value === true) return 'yes';
  if (value === false) return 'no';
  return toPrintable(Array.isArray(value) ? value.join('; ') || '-' : String(value));
}

/** Finds the name of an enum's number, in small letters; of one that this release does not know the number. */
export function enumNameOf(names: Readonly<Record<string, number>>, number: number): string {
  return (Object.entries(names).find(([, value]) => value === number)?.[0] ?? String(number)).toLowerCase();
}

/** What somebody wrote elsewhere must not steer a terminal. */
export function toPrintable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd');
}
