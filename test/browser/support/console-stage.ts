/**
 * Owns: the whole running stack and a browser for tests of the Console: `npm start` as people run it, with nothing mocked.
 * Does not own: what visitors do (`visitor.ts`).
 * Invariant: nothing is left after `stop`.
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import Stripe from 'stripe';
import { type DevFile, loadDevFile } from '../../../dev/dev-file.ts';
import { createKernelClient } from '../../../dev/kernel-client.ts';
import { runProcess } from '../../../dev/process/managed-process.ts';
import { REPOSITORY } from '../../../dev/stack-config.ts';
import { DebitRequest, LedgerServiceService } from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  loadRecordedPids,
  runStackProgram,
  type StackProgram,
  toStackEnvironment,
} from '../../support/stack-program.ts';

const COMMAND_TIMEOUT_MS = 120_000;
const MAIL_WAIT_MS = 250;
const MAIL_TRIES_MAX = 240;
/** What only the link of a mail has; it stands in JSON here. */
const MAILED_LINK = /https?:[^\s"\\]+#token=[^\s"\\]+/;

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
    await this.#runCommand(['dev', 'advance', duration]);
  }

  /** Does what an operator would, by their command line. */
  async operate(...command: readonly string[]): Promise<void> {
    await this.#runCommand([...command, '--actor', 'usr_operator', '--reason', 'Test of the Console']);
  }

  /** Has the kernel stand still, so that nothing is answered; returns what lets it go on. */
  async pauseKernel(): Promise<() => void> {
    const pid = (await loadRecordedPids(this.#home)).get('kernel');
    if (pid === undefined) throw new Error('The stack has recorded no kernel.');
    process.kill(pid, 'SIGSTOP');
    return () => process.kill(pid, 'SIGCONT');
  }

  /** Makes a discount at the Stripe sandbox, that a promotion can refer to by the same code. */
  async createStripeDiscount(code: string, percentOff: number): Promise<void> {
    if (this.dev.stripe.kind !== 'sandbox') throw new Error('Discounts are made at the sandbox alone.');
    const { protocol, hostname: host, port } = new URL(this.dev.stripe.url);
    const stripe = new Stripe(this.dev.stripe.secret_key, {
      protocol: protocol === 'https:' ? 'https' : 'http',
      host,
      port,
    });
    const months = { duration: 'repeating', duration_in_months: 3 } as const;
    const { id: coupon } = await stripe.coupons.create({ percent_off: percentOff, ...months });
    await stripe.promotionCodes.create({ code, promotion: { type: 'coupon', coupon } });
  }

  /** Waits for the mail to somebody that has a link, and returns the link. */
  async findMailedLink(to: string): Promise<string> {
    const links = async (): Promise<readonly string[]> => {
      const mails: unknown = await (await fetch(`${this.dev.mail.inbox}/mails.json`)).json();
      const theirs = Array.isArray(mails) ? mails.filter((mail) => JSON.stringify(mail).includes(to)) : [];
      return theirs.flatMap((mail) => JSON.stringify(mail).match(MAILED_LINK) ?? []);
    };
    for (let tries = 0; tries < MAIL_TRIES_MAX; tries += 1) {
      const [link] = await links();
      if (link !== undefined) return link;
      await new Promise((resolve) => setTimeout(resolve, MAIL_WAIT_MS));
    }
    throw new Error(`No mail with a link came to ${to}.`);
  }

  async #runCommand(args: readonly string[]): Promise<void> {
    const command = {
      name: `wheelhouse ${args.slice(0, 2).join(' ')}`,
      command: process.execPath,
      args: [join(REPOSITORY, 'kernel/cli/main.ts'), ...args],
      directory: REPOSITORY,
      environment: this.#environment,
    };
    await runProcess(command, COMMAND_TIMEOUT_MS);
  }

  /** Ends the stack; the browser is its starter's. */
  async stop(): Promise<void> {
    await this.#stack.end('SIGTERM');
    await rm(this.#home, { recursive: true, force: true });
  }
}
