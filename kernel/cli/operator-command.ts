// Owns what the commands of operators share: which kernel they call, who they say they are, and the words for a write whose
// outcome is not known.

import type { Writable } from 'node:stream';
import { type Command, InvalidArgumentError } from 'commander';
import { v7 as newUuid } from 'uuid';
import { KernelCallError, KernelConnection } from './kernel-connection.ts';
import { loadKernelTarget } from './kernel-target.ts';
import { printRows, type Row } from './table.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT32_MAX = 2n ** 31n - 1n;
const TIME_PATTERN = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** Where commands write. */
export interface CommandStreams {
  readonly out: Writable;
  readonly error: Writable;
}

/** How the answer is wanted: in words and tables, or as lines of JSON. */
export interface OutputOptions {
  readonly json?: boolean;
}

/** Who writes, and why. */
export interface WriteOptions extends OutputOptions {
  readonly actor: string;
  readonly reason: string;
  readonly requestId?: string;
}

/** Adds the options that every write has. */
export function addWriteOptions(command: Command): Command {
  return command
    .requiredOption('--actor <id>', 'who does this, such as usr_alice; stands in the audit log')
    .requiredOption('--reason <text>', 'why; stands in the audit log, so no personal data')
    .option('--request-id <id>', 'the id of an earlier try: it happens once (default: a new one)')
    .option('--json', 'prints what was done as lines of JSON');
}

/** Adds the option that every list has. */
export function addListOptions(command: Command): Command {
  return command.option('--json', 'prints lines of JSON, one for each row');
}

/** Tells what a write did: a sentence for people or, where it was asked for, its facts as a line of JSON. */
export function tell({ out }: CommandStreams, { json = false }: OutputOptions, facts: Row, sentence: string): void {
  if (json) printRows(out, [facts], [], json);
  else out.write(`${sentence}\n`);
}

/** Tells a write of which a repetition is told apart. */
export function tellOnce(
  streams: CommandStreams,
  options: OutputOptions,
  { replayed, ...facts }: Row & { readonly replayed: boolean },
  done: string,
): void {
  const sentence = replayed ? `${done}, as an earlier call with this request id did: nothing changed now.` : `${done}.`;
  tell(streams, options, { ...facts, replayed }, sentence);
}

/** Calls the kernel that the environment names. Throws Error with a sentence for people where it refuses. */
export async function withKernel<T>(
  streams: CommandStreams,
  work: (kernel: KernelConnection) => Promise<T>,
): Promise<T> {
  const kernel = new KernelConnection(loadKernelTarget((line) => streams.error.write(`${line}\n`)));
  try {
    return await work(kernel);
  } finally {
    kernel.close();
  }
}

/** Writes once; where the outcome is not known, says how to try again. */
export async function write<T>(
  streams: CommandStreams,
  options: WriteOptions,
  work: (
    kernel: KernelConnection,
    request: { readonly requestId: string; readonly actor: string; readonly reason: string },
  ) => Promise<T>,
): Promise<T> {
  const { actor, reason, requestId = `cli-${newUuid()}` } = options;
  try {
    return await withKernel(streams, (kernel) => work(kernel, { requestId, actor, reason }));
  } catch (error) {
    if (!(error instanceof KernelCallError && error.isUncertain)) throw error;
    throw new Error(`${error.message}\nRepeat it with --request-id ${requestId}: then it happens once.`, {
      cause: error,
    });
  }
}

/** One request writes about one thing: of several each has an id of its own, which a retry makes again. */
export function optionsForOne({ requestId, ...rest }: WriteOptions, id: string, isOneOfSeveral: boolean): WriteOptions {
  if (requestId === undefined) return rest;
  return { ...rest, requestId: isOneOfSeveral ? `${requestId}.${id}` : requestId };
}

/** Collects all pages of a list, up to a number of rows. */
export async function readPages<Item>(
  readPage: (pageToken: string) => Promise<{ readonly items: readonly Item[]; readonly nextPageToken: string }>,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  let pageToken = '';
  do {
    const page = await readPage(pageToken);
    items.push(...page.items);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && items.length < limit);
  return items.slice(0, limit);
}

/** Reads a whole number of an option or argument. Throws commander's InvalidArgumentError. */
export function parseInteger(text: string): bigint {
  if (!/^-?\d{1,19}$/.test(text)) throw new InvalidArgumentError('give a whole number, such as 5000000.');
  return within(BigInt(text), INT64_MAX);
}

/** Reads a number of things, such as days. Throws commander's InvalidArgumentError. */
export function parseCount(text: string): bigint {
  if (!/^\d{1,19}$/.test(text)) throw new InvalidArgumentError('give a number, such as 30.');
  return within(BigInt(text), INT32_MAX);
}

/** What a message to the kernel can't carry never gets that far. */
function within(value: bigint, max: bigint): bigint {
  if (value > max || value < -max) throw new InvalidArgumentError(`give a number of at most ${max}.`);
  return value;
}

/** Reads how many rows a list has at most. Throws commander's InvalidArgumentError. */
export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d{1,9}$/.test(text) || limit === 0)
    throw new InvalidArgumentError('give a number of rows from 1 on, such as 50.');
  return limit;
}

/**
 * Reads a time of an option: with its offset, so that it says the same on every machine, or a day, which begins in UTC.
 * Throws commander's InvalidArgumentError.
 */
export function parseTime(text: string): Date {
  const [, day] = TIME_PATTERN.exec(text) ?? [];
  const time = new Date(text);
  // A day that a month does not have would become one of the next.
  const isDay = day !== undefined && new Date(`${day}T00:00:00Z`).toJSON()?.startsWith(day);
  if (isDay && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError(
    'give a time with its offset, such as 2030-01-01T00:00:00Z, or a day, such as 2030-01-01.',
  );
}
