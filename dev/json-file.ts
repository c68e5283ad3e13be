/**
 * Owns: small JSON files that a crash can't leave half written.
 * Does not own: what is in them.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { StackError, toMessage } from './stack-error.ts';

/** Lets only the owner read a file: it holds secrets. */
export const OWNER_ONLY = 0o600;

/** Writes a value as JSON: all of it, or nothing. Throws StackError when the file can't be written. */
export async function writeJsonFile(path: string, value: unknown, mode = 0o644): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify(value, null, 2)}\n`, { mode });
    await rename(draft, path);
  } catch (error) {
    throw new StackError(`${path} can't be written: ${toMessage(error)}.`);
  }
}

/**
 * Reads a JSON file, or returns undefined where there is none.
 * Throws StackError when the file can't be read, or `isValid` refuses what is in it.
 */
export async function readJsonFile<Value>(
  path: string,
  isValid: (value: unknown) => value is Value,
): Promise<Value | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new StackError(`${path} can't be read: ${toMessage(error)}. Repair or remove it.`);
  }
  if (!isValid(value)) throw new StackError(`${path} holds something else than expected. Repair or remove it.`);
  return value;
}

/** Says whether a value is an object with string keys, which is all that JSON promises. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
