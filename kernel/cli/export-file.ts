// Owns reading files that `wheelhouse export` wrote, line by line: heads, or the history of one account. Does not own what
// they are held against. Invariants: a file is never in memory as a whole; what is wrong is told with its line.

import { open } from 'node:fs/promises';
import { formatCanonicalJson } from '../store/ledger/canonical-json.ts';
import { computeLinkHash } from '../store/ledger/commit-hash.ts';

/** A commit of one mebibyte, and what JSON adds, many times over. */
const LINE_LENGTH_MAX = 64 * 1_048_576;
const HASH = /^[0-9a-f]{64}$/;
const SEQ = /^[1-9]\d{0,15}$/;

/** A line of an export of heads. */
export interface HeadLine {
  readonly tenantId: string;
  readonly commitSeq: bigint;
  readonly hash: string;
}

/** Personal text that stands beside a commit, by the index of its entry. */
export type PersonalTexts = ReadonlyMap<number, Readonly<Record<string, unknown>>>;

/** A line of an export of an account. */
export interface CommitLine {
  readonly tenantId: string;
  readonly seq: number;
  /** What the hash covers. */
  readonly commit: Readonly<Record<string, unknown>>;
  readonly hash: string;
  readonly personal: PersonalTexts;
}

/** Says what is wrong with a file. */
class ExportFileError extends Error {
  constructor(path: string, line: number, problem: string) {
    super(`${path}, line ${line}: ${problem}`);
    this.name = 'ExportFileError';
  }
}

/** Says what a file has. Throws Error where it can't be read, or is neither. */
export async function detectExportKind(path: string): Promise<'heads' | 'account'> {
  for await (const { value } of readRecords(path)) {
    if (isRecord(value['commit'])) return 'account';
    if (value['commit_seq'] !== undefined) return 'heads';
    throw new ExportFileError(path, 1, 'is neither a head nor a commit: give a file that `wheelhouse export` wrote');
  }
  throw new Error(`${path} is empty: give a file that \`wheelhouse export\` wrote`);
}

/** Reads heads. Throws Error with the line that is none. */
export async function* readHeadLines(path: string): AsyncGenerator<HeadLine> {
  for await (const { value, line } of readRecords(path)) {
    const { tenant_id: tenantId, commit_seq: seq, hash } = value;
    if (typeof tenantId !== 'string' || tenantId === '') throw new ExportFileError(path, line, 'has no tenant_id');
    if (typeof seq !== 'string' || !SEQ.test(seq)) throw new ExportFileError(path, line, 'has no commit_seq');
    if (typeof hash !== 'string' || !HASH.test(hash)) {
      throw new ExportFileError(path, line, 'has no hash of 64 hexadecimal digits');
    }
    yield { tenantId, commitSeq: BigInt(seq), hash };
  }
}

/**
 * Reads the commits of an account, and holds each against the hash beside it.
 * Throws Error with the line that is no commit, or that was changed since it was exported.
 */
export async function* readCommitLines(path: string): AsyncGenerator<CommitLine> {
  let previous: Uint8Array = new Uint8Array(32);
  let expected = 1;
  let tenantId: string | undefined;
  for await (const { value, line } of readRecords(path)) {
    const read = toCommitLine(value);
    if (read === undefined) throw new ExportFileError(path, line, 'is no commit of an export');
    tenantId ??= read.tenantId;
    if (read.tenantId !== tenantId)
      throw new ExportFileError(path, line, `is a commit of another tenant than ${tenantId}`);
    if (read.seq !== expected) {
      throw new ExportFileError(
        path,
        line,
        `is commit ${read.seq} where commit ${expected} should be: the file is not whole`,
      );
    }
    previous = computeLinkHash(formatCanonicalJson(read.commit), previous);
    if (Buffer.from(previous).toString('hex') !== read.hash) {
      const problem =
        'does not give its own hash: this copy was changed, or the account was damaged when it was exported';
      throw new ExportFileError(path, line, `${problem}; nothing can be held against it`);
    }
    expected += 1;
    yield read;
  }
}

/** Reads one line of an account's export; undefined where it is none. */
export function toCommitLine(value: Readonly<Record<string, unknown>>): CommitLine | undefined {
  const { commit, hash, personal } = value;
  if (!isRecord(commit) || typeof hash !== 'string') return undefined;
  const { tenant_id: tenantId, seq } = commit;
  if (typeof tenantId !== 'string' || typeof seq !== 'string' || !SEQ.test(seq)) return undefined;
  const texts = new Map<number, Readonly<Record<string, unknown>>>();
  for (const text of Array.isArray(personal) ? personal : []) {
    if (!isRecord(text) || typeof text['entry_index'] !== 'number') return undefined;
    texts.set(text['entry_index'], text);
  }
  return { tenantId, seq: Number(seq), commit, hash, personal: texts };
}

interface ReadRecord {
  readonly line: number;
  readonly value: Readonly<Record<string, unknown>>;
}

async function* readRecords(path: string): AsyncGenerator<ReadRecord> {
  const file = await openFile(path);
  try {
    let line = 0;
    for await (const text of splitLines(path, file.createReadStream({ autoClose: false, encoding: 'utf8' }))) {
      line += 1;
      if (text.trim() === '') continue;
      yield { line, value: parseLine(path, line, text) };
    }
  } finally {
    await file.close();
  }
}

/** Splits at line feeds and nothing else: other line ends of Unicode are part of a text. */
async function* splitLines(path: string, chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = chunk.split('\n');
    lines[0] = rest + lines[0];
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) throw new Error(`${path} has a line that no export has: it is too long.`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function openFile(path: string): Promise<Awaited<ReturnType<typeof open>>> {
  try {
    const file = await open(path, 'r');
    if (!(await file.stat()).isDirectory()) return file;
    await file.close();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new Error(`${path} can't be read (${code}): correct the path or its rights.`, { cause });
  }
  throw new Error(`${path} is a folder: name a file that \`wheelhouse export\` wrote.`);
}

function parseLine(path: string, line: number, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ExportFileError(path, line, 'is no JSON: the file was cut off, or is no export of this program');
  }
  if (isRecord(value)) return value;
  throw new ExportFileError(path, line, 'is no JSON object: give a file that `wheelhouse export` wrote');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
