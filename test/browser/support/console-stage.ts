/**
 * Owns: the whole running stack and a browser for tests of the Console: `npm start` as people run it, with nothing mocked.
 * Does not own: what visitors do (`visitor.ts`).
 * Invariant: nothing is left after `stop`.
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { type DevFile, loadDevFile } from '../../../dev/dev-file.ts';
import { createKernelClient } from '../../../dev/kernel-client.ts';
import { runProcess } from '../../../dev/process/managed-process.ts';
import { REPOSITORY } from '../../../dev/stack-config.ts';
import { DebitRequest, LedgerServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { runStackProgram, type StackProgram, toStackEnvironment } from '../../support/stack-program.ts';

const ADVANCE_TIMEOUT_MS = 120_000;

/** Is a stack that runs, with a browser beside it. */
export class ConsoleStage {
  readonly browser: Browser;
  readonly dev: DevFile;
  readonly #home: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #stack: StackProgram;

  private constructor(parts: {
    readonly browser: Browser;
    readonly dev: DevFile;
    readonly home: string;
    readonly environment: NodeJS.ProcessEnv;
    readonly stack: StackProgram;
  }) {
    this.browser = parts.browser;
    this.dev = parts.dev;
    this.#home = parts.home;
    this.#environment = parts.environment;
    this.#stack = parts.stack;
  }

  /** Starts the stack in a home of its own. Throws StackError when it does not come up. */
  static async start(browser: Browser): Promise<ConsoleStage> {
    const home = await realpath(await mkdtemp(join(tmpdir(), 'wheelhouse-console-')));
    const environment = toStackEnvironment(home);
    const stack = await runStackProgram(environment);
    await stack.waitUntilUp();
    return new ConsoleStage({ browser, dev: await loadDevFile(home), home, environment, stack });
  }

  /** Returns the address of a product's Console. */
  urlOf(productCode: string): string {
    const url = this.dev.products[productCode]?.bff;
    if (url === undefined) throw new Error(`The stack has no product ${productCode}.`);
    return url;
  }

  /** Charges usage to a workspace, as an internal service would. */
  async debit(request: Partial<DebitRequest> & Pick<DebitRequest, 'requestId' | 'tenantId' | 'action'>): Promise<void> {
    const kernel = createKernelClient(this.dev.kernel.grpc, this.dev.kernel.tokens.internal);
    try {
      await kernel.call(LedgerServiceService.debit, DebitRequest.fromPartial({ quantity: '1', ...request }));
    } finally {
      kernel.close();
    }
  }

  /** Moves the time of the kernel and of the Stripe sandbox on. */
  async advance(duration: string): Promise<void> {
    const command = {
      name: 'dev advance',
      command: process.execPath,
      args: [join(REPOSITORY, 'kernel/cli/main.ts'), 'dev', 'advance', duration],
      directory: REPOSITORY,
      environment: this.#environment,
    };
    await runProcess(command, ADVANCE_TIMEOUT_MS);
  }

  /** Ends the stack; the browser is its starter's. */
  async stop(): Promise<void> {
    await this.#stack.end('SIGTERM');
    await rm(this.#home, { recursive: true, force: true });
  }
}
