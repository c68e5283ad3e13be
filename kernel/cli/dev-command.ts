// Owns the command `dev advance`: it moves the time of the local stack, the kernels' and that of its Stripe sandbox together
// and in steps, so that a person can watch what time does to the demo workspaces. Does not own what falls due.
// Invariants: only a local stack is ever moved; time never goes back; the two clocks are brought together first.

import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import {
  GetBalanceRequest,
  type GetBalanceResponse,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { describeNumber } from '../app/usage/figure-text.ts';
import { openConnection } from '../store/connection.ts';
import { moveDatabaseClock } from '../store/database-clock.ts';
import { KernelConnection } from './kernel-connection.ts';
import { findLocalStack, type LocalStack, type StripeSandbox } from './local-stack.ts';
import { addListOptions, type CommandStreams, type OutputOptions } from './operator-command.ts';

const SECOND_MS = 1_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: 60 * SECOND_MS,
  h: 3_600 * SECOND_MS,
  d: 86_400 * SECOND_MS,
};
const DAY_MS = 86_400 * SECOND_MS;
const DAYS_MAX = 3_660;
/** A year is over in about a minute. */
const STEPS_MAX = 60;
const DATABASE_TIMEOUT_MS = 5_000;
/** Kernels look at the clock twice a second. */
const NOTICE_TIMEOUT_MS = 15_000;
const NOTICE_INTERVAL_MS = 100;
/** Below it clocks count as one: Stripe's are whole seconds. */
const APART_MS_MAX = 2_000;

/** Adds the commands for the local stack. */
export function addDevCommands(program: Command, streams: CommandStreams): void {
  addListOptions(program.command('dev').description('commands for the local stack').command('advance'))
    .description(
      "moves the local stack's time on, in steps of a day or more, and tells what becomes of its demo workspaces",
    )
    .argument('<duration>', 'such as 15d, 12h, 30m or 45s', parseDuration)
    .action((durationMs: number, options: OutputOptions) => advance(durationMs, streams, options));
}

function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const durationMs = Number(digits) * (UNIT_MS[unit] ?? 0);
  if (durationMs > 0 && durationMs <= DAYS_MAX * DAY_MS) return durationMs;
  throw new InvalidArgumentError(`give a number and a unit, such as 15d, 12h, 30m or 45s; at most ${DAYS_MAX}d.`);
}

async function advance(durationMs: number, { out }: CommandStreams, { json = false }: OutputOptions): Promise<void> {
  const stack = findLocalStack();
  if (stack?.mongodbUri === undefined) {
    throw new Error('There is no local stack here whose time could be moved: start it with `npm start`.');
  }
  const { mongodbUri: uri, kernelAddress, kernelToken } = stack;
  const connection = await openConnection({ uri, timeoutMs: DATABASE_TIMEOUT_MS, onCommand: () => undefined });
  const kernel = new KernelConnection({ kernelAddress, kernelToken });
  try {
    const watch = new Watch(stack, kernel, (state) => out.write(`${json ? JSON.stringify(state) : toLine(state)}\n`));
    const move = async (byMs: number): Promise<void> => {
      await moveDatabaseClock(connection, byMs);
      if (stack.sandbox !== undefined) await moveSandbox(stack.sandbox, byMs);
    };
    await watch.begin();
    await align(stack, watch.now, (byMs) => moveDatabaseClock(connection, byMs));
    const stepMs = Math.max(DAY_MS, Math.ceil(durationMs / STEPS_MAX / SECOND_MS) * SECOND_MS);
    for (let leftMs = durationMs; leftMs > 0; leftMs -= stepMs) {
      const byMs = Math.min(stepMs, leftMs);
      await move(byMs);
      await watch.follow(watch.now + byMs);
    }
  } finally {
    kernel.close();
    await connection.close();
  }
}

/** Brings the clock that is behind up to the other one, as after a command that was ended between its two moves. */
async function align(
  { sandbox }: LocalStack,
  kernelNow: number,
  moveKernels: (byMs: number) => Promise<void>,
): Promise<void> {
  if (sandbox === undefined) return;
  const aheadMs = (await readSandboxTime(sandbox)) - kernelNow;
  if (aheadMs > APART_MS_MAX) await moveKernels(aheadMs);
  else if (aheadMs < -APART_MS_MAX) await moveSandbox(sandbox, -aheadMs);
}

async function readSandboxTime(sandbox: StripeSandbox): Promise<number> {
  return (await askSandbox(sandbox)) * SECOND_MS;
}

async function moveSandbox(sandbox: StripeSandbox, byMs: number): Promise<void> {
  await askSandbox(sandbox, { advance_seconds: Math.round(byMs / SECOND_MS) });
}

/** Asks for the sandbox's clock, or moves it where a body says so; answers its time in seconds since 1970. */
async function askSandbox({ url, secretKey }: StripeSandbox, body?: object): Promise<number> {
  const headers = { authorization: `Bearer ${secretKey}` };
  const move = {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { ...headers, 'content-type': 'application/json' },
  };
  const response = await fetch(new URL('/_sandbox/clock', url), body === undefined ? { headers } : move);
  const answer: unknown = await response.json();
  const now: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'now') : undefined;
  if (response.ok && typeof now === 'number') return now;
  throw new Error(`The Stripe sandbox at ${url} did not move its clock: it answered ${response.status}.`);
}

/** What a workspace has, in microcredits. */
interface Holding {
  readonly plan_code: string;
  readonly trial: string;
  readonly included: string;
  readonly payg: string;
}

interface WorkspaceState extends Holding {
  readonly time: string;
  readonly product_code: string;
}

/** Follows the demo workspaces and tells what changes of them. */
class Watch {
  /** The kernels' time, as the last answer had it. */
  now = 0;
  readonly #tenants: readonly (readonly [string, string])[];
  readonly #kernel: KernelConnection;
  readonly #show: (state: WorkspaceState) => void;
  readonly #known = new Map<string, string>();

  constructor(stack: LocalStack, kernel: KernelConnection, show: (state: WorkspaceState) => void) {
    this.#tenants = [...stack.tenantIds];
    this.#kernel = kernel;
    this.#show = show;
    if (this.#tenants.length === 0) throw new Error(`${stack.path} names no demo workspace: start the stack again.`);
  }

  /** Tells where the workspaces stand. */
  async begin(): Promise<void> {
    for (const [code, tenantId] of this.#tenants) this.#tell(code, await this.#read(tenantId));
  }

  /** Waits until the kernels know the new time, then tells what is not as it was. */
  async follow(target: number): Promise<void> {
    const giveUpAt = performance.now() + NOTICE_TIMEOUT_MS;
    for (const [code, tenantId] of this.#tenants) {
      let response = await this.#read(tenantId);
      while (this.now < target && performance.now() < giveUpAt) {
        await delay(NOTICE_INTERVAL_MS);
        response = await this.#read(tenantId);
      }
      if (this.now < target) {
        throw new Error(
          'The kernel does not follow the clock: it must run with MOVABLE_CLOCK=true, as `npm start` has it.',
        );
      }
      this.#tell(code, response);
    }
  }

  async #read(tenantId: string): Promise<GetBalanceResponse> {
    const request = GetBalanceRequest.fromPartial({ tenantId });
    const response = await this.#kernel.ask(LedgerServiceService.getBalance, request);
    this.now = response.asOfTime?.getTime() ?? this.now;
    return response;
  }

  #tell(code: string, response: GetBalanceResponse): void {
    const holding = toHolding(response);
    const known = JSON.stringify(holding);
    if (this.#known.get(code) === known) return;
    this.#known.set(code, known);
    this.#show({ time: new Date(this.now).toISOString(), product_code: code, ...holding });
  }
}

function toHolding({ planCode, balance }: GetBalanceResponse): Holding {
  return {
    plan_code: planCode,
    trial: String(balance?.trialRemainingMicrocredits ?? 0n),
    included: String(balance?.includedRemainingMicrocredits ?? 0n),
    payg: String(balance?.paygRemainingMicrocredits ?? 0n),
  };
}

function toLine({ time, product_code, plan_code, ...buckets }: WorkspaceState): string {
  const [trial, included, payg] = [buckets.trial, buckets.included, buckets.payg].map(toCredits);
  return [time, product_code, `plan ${plan_code}`, `trial ${trial}`, `included ${included}`, `PAYG ${payg}`].join('  ');
}

function toCredits(microcredits: string): string {
  return describeNumber(BigInt(microcredits));
}
