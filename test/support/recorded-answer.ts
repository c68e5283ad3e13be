/**
 * Owns: the recorded set of REST answers: one for each operation and status of success, as the running system gave it, without
 * what is secret.
 * Does not own: whether they are what the document says (documented-answer.ts).
 * How it is made anew: `RECORD_ANSWERS=1 npm test` adds what is missing; a file that is gone is recorded again.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from './repository.ts';

/** Is where they are. */
export const RECORD_FOLDER = join(REPOSITORY, 'test/bff/recorded');

/** Are fields that nobody else may see. */
const SECRET = /^(token|secret|client_secret|csrf_token)$/;
const HEADERS = ['content-type', 'location', 'retry-after', 'idempotency-replayed'] as const;

/** An answer as it is recorded. */
export interface RecordedAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Records an answer of an operation, unless one of its status is recorded. */
export function recordAnswer(operation: string, seen: RecordedAnswer, headers: Headers): void {
  const path = join(RECORD_FOLDER, `${operation}.${seen.status}.json`);
  if (existsSync(path)) return;
  mkdirSync(RECORD_FOLDER, { recursive: true });
  const kept = HEADERS.flatMap((name): [string, string][] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  const answer = { ...seen, headers: Object.fromEntries(kept), body: withoutSecrets(seen.body) };
  writeFileSync(path, `${JSON.stringify(answer, null, 2)}\n`);
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, part]) => [
    name,
    SECRET.test(name) && typeof part === 'string' ? '…' : withoutSecrets(part),
  ]);
  return Object.fromEntries(entries);
}
