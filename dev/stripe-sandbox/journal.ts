/**
 * Owns: the file that what the sandbox knows is kept in: a journal, to which each request appends one line with all that
 * it changed.
 * Does not own: what the records are.
 * Invariants: a change is a whole line or nothing: a last line that a crash cut off is dropped when the journal is read.
 * A start writes the journal anew with what is left, to a draft that takes its place whole. Lines are not forced to the
 * disk: they outlive the process, and a power failure may take the last ones.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../json-file.ts';
import { StackError } from '../stack-error.ts';

/** Is one record that was put, or was removed where it has no value. */
export interface Change {
  readonly table: string;
  readonly id: string;
  readonly value?: unknown;
}

/** Keeps changes. */
export interface Journal {
  append(changes: readonly Change[]): void;
}

/** Is a journal of a process that keeps nothing, such as a test's. */
export const NO_JOURNAL: Journal = { append: () => {} };

/** Reads what a folder holds. Throws StackError where a line other than the last can't be read. */
export function readJournal(folder: string): readonly Change[] {
  const file = toFile(folder);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  // What follows the last line break is a line that was not finished.
  lines.pop();
  return lines.flatMap((line, index) => readLine(line, `${file}, line ${index + 1}`));
}

function readLine(line: string, place: string): readonly Change[] {
  let changes: unknown;
  try {
    changes = JSON.parse(line);
  } catch {
    changes = undefined;
  }
  if (!Array.isArray(changes) || !changes.every(isChange)) {
    throw new StackError(`The Stripe sandbox's data can't be read: ${place} is damaged. Repair or remove the file.`);
  }
  return changes;
}

function isChange(value: unknown): value is Change {
  return isRecord(value) && typeof value['table'] === 'string' && typeof value['id'] === 'string';
}

/** Writes a folder's journal anew, with these records alone, and opens it for more. */
export function openJournal(folder: string, records: readonly Change[]): Journal {
  mkdirSync(folder, { recursive: true });
  const file = toFile(folder);
  const draft = `${file}.draft`;
  writeFileSync(draft, records.map((record) => `${JSON.stringify([record])}\n`).join(''), { mode: 0o600 });
  renameSync(draft, file);
  return { append: (changes) => appendFileSync(file, `${JSON.stringify(changes)}\n`) };
}

function toFile(folder: string): string {
  return join(folder, 'journal.jsonl');
}
