// Owns the operators' command `export`: the history of one account, or the heads of all, as lines of JSON. Does not own the
// lines (the kernel writes them). Invariant: a file of the asked name is whole; an export that broke off leaves none.

import { createWriteStream } from 'node:fs';
import { access, rename, rm } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LedgerAuditServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { KernelConnection } from './kernel-connection.ts';
import { loadKernelTarget } from './kernel-target.ts';

/** Exports hold personal text: nobody but their owner reads them. */
const OWNER_ONLY = 0o600;

/** What the command was given. */
export interface ExportOptions {
  readonly tenant?: string;
  readonly heads?: boolean;
  readonly out?: string;
}

/** Exports. Throws Error with a sentence for people where it can't. */
export async function runExport(
  options: ExportOptions,
  target: { readonly out: Writable; readonly error: Writable },
): Promise<void> {
  const { tenant, heads = false, out: path } = options;
  if ((tenant === undefined) === !heads) throw new Error('Say what to export: either --tenant ID, or --heads.');
  if (path !== undefined) await assertAbsent(path);
  const kernel = new KernelConnection(loadKernelTarget((line) => target.error.write(`${line}\n`)));
  try {
    const { exportAccount, exportHeads } = LedgerAuditServiceService;
    const lines = heads ? kernel.stream(exportHeads, {}) : kernel.stream(exportAccount, { tenantId: tenant ?? '' });
    const counter = new LineCounter(lines);
    if (path === undefined) await pipeline(Readable.from(counter.text()), target.out, { end: false });
    else await writeFile(path, counter);
    const place = path === undefined ? '' : ` to ${path}`;
    target.error.write(`Exported ${counter.count} ${heads ? 'heads' : `commits of ${tenant}`}${place}.\n`);
  } finally {
    kernel.close();
  }
}

/** Passes lines on, with their ends, and counts them. */
class LineCounter {
  readonly #lines: AsyncIterable<{ readonly line: string }>;
  count = 0;

  constructor(lines: AsyncIterable<{ readonly line: string }>) {
    this.#lines = lines;
  }

  async *text(): AsyncGenerator<string> {
    for await (const { line } of this.#lines) {
      this.count += 1;
      yield `${line}\n`;
    }
  }
}

async function writeFile(path: string, counter: LineCounter): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await pipeline(Readable.from(counter.text()), createWriteStream(partial, { mode: OWNER_ONLY, flush: true }));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    if (!isFileError(error)) throw error;
    throw new Error(`${path} can't be written (${error.code}): correct the path or its rights.`, { cause: error });
  }
}

/** An export is evidence: it is never written over. */
async function assertAbsent(path: string): Promise<void> {
  try {
    await access(path);
  } catch {
    return;
  }
  throw new Error(`${path} is there already: name another file, or remove it.`);
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
