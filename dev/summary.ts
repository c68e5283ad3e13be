/**
 * Owns: what `npm start` prints when everything runs: where to look, and commands to try.
 * Does not own: the stack.
 * Invariant: each command works as it is printed, in the folder where the stack was started.
 */
import { relative } from 'node:path';
import { styleText } from 'node:util';
import type { DevFile, DevProduct } from './dev-file.ts';
import type { RunningStack } from './stack.ts';

/** Says where the stack was started. */
export interface SummaryPlace {
  readonly home: string;
  /** Says that `WHEELHOUSE_HOME` chose the home folder, so that other commands need it too. */
  readonly isHomeChosen: boolean;
  /** Is the folder in which the commands will be typed. */
  readonly directory: string;
}

/** Describes a stack that runs. */
export function describeStack(stack: RunningStack, place: SummaryPlace): string {
  const { dev, engine, issuer } = stack;
  const home = toShortPath(place);
  const lines = [
    ...Object.entries(dev.products).map(([code, { bff, tenant_id }]) => `  ${code}  ${bff}  (workspace ${tenant_id})`),
    `  kernel        gRPC ${dev.kernel.grpc}, HTTP ${dev.kernel.http}`,
    `  token issuer  ${issuer.url} (in a browser: ${Object.values(dev.products)[0]?.bff ?? ''}/auth/login)`,
    `  mail inbox    ${dev.mail.inbox}`,
    `  Stripe        ${dev.stripe.kind === 'sandbox' ? `sandbox on ${dev.stripe.url}` : 'your account (STRIPE_SECRET_KEY)'}`,
    // A server of somebody else's may have a password in its connection string.
    `  MongoDB       ${engine.own === undefined ? engine.description : dev.mongo.uri}`,
    `  all of this, and tokens, in ${home}/dev.json; logs in ${home}/logs`,
  ];
  return [
    '',
    styleText('bold', 'Wheelhouse runs. Open a Console in a browser:'),
    ...lines,
    ...toAdvice(stack, place),
    '',
    'Try in another terminal, in this folder:',
    ...toCommands(stack, place).map((command) => `  ${command}`),
    '',
    ...toLaterCommands(stack, place),
    'Ctrl-C ends all of it; the data stay for the next start.',
  ].join('\n');
}

/** Says what an account at Stripe lacks, and what to do; an account that lacks nothing needs no words. */
function toAdvice({ plans, dev }: RunningStack, place: SummaryPlace): readonly string[] {
  const without = [...plans.countByProduct].flatMap(([code, count]) => (count === 0 ? [code] : []));
  const where = dev.stripe.kind === 'sandbox' ? 'the sandbox' : 'your account';
  const instead =
    dev.stripe.kind === 'account' ? ', or start without STRIPE_SECRET_KEY to have the plans of the demo' : '';
  return [
    ...(without.length === 0
      ? []
      : [
          '',
          `Stripe (${where}) has no plan of ${without.join(' and ')}: new workspaces begin on the plan free.`,
          `Give recurring Prices the metadata product_code and plan_code (docs/stripe.md)${instead}.`,
        ]),
    ...(plans.problems === 0
      ? []
      : [
          '',
          `Stripe (${where}) has Prices that are left out (problems: ${plans.problems}). This says which, and why:`,
          `  ${toSettings(place)}npm run wheelhouse -- sync --dry-run --actor usr_me --reason "a look at what is wrong"`,
        ]),
  ];
}

function toSettings({ isHomeChosen, home }: SummaryPlace): string {
  return isHomeChosen ? `WHEELHOUSE_HOME='${home}' ` : '';
}

function toCommands({ dev }: RunningStack, place: SummaryPlace): readonly string[] {
  const [code, product] = Object.entries(dev.products)[0] ?? [];
  if (product === undefined) return [];
  const tokens = `require('${toShortPath(place)}/dev.json').products.${code}.tokens`;
  return [
    `token=$(node -p "${tokens}.project_contributor")`,
    `curl -s -H "authorization: Bearer $token" ${product.bff}/v1/billing/plans`,
    `${toSettings(place)}npm run demo:debit`,
    `curl -s -H "authorization: Bearer $token" ${product.bff}/v1/billing/usage`,
    ...toPurchase(dev, product, toShortPath(place), code),
    `${toSettings(place)}npm run -s demo:login -- newcomer@example.com`,
  ];
}

/** Buys a plan, which answers with the page to pay on; an account may not sell it. */
function toPurchase({ stripe }: DevFile, { bff }: DevProduct, path: string, code = ''): readonly string[] {
  if (stripe.kind !== 'sandbox') return [];
  return [
    `admin=$(node -p "require('${path}/dev.json').products.${code}.tokens.tenant_admin")`,
    `curl -s -H "authorization: Bearer $admin" -H "content-type: application/json" -d '{"plan_code":"plus"}' ${bff}/v1/billing/subscription`,
  ];
}

/** What changes more than somebody who looks around may want. */
function toLaterCommands({ dev }: RunningStack, place: SummaryPlace): readonly string[] {
  if (dev.stripe.kind !== 'sandbox') return [];
  return [
    'The plan is paid for on the page of its answer, by card 4242 4242 4242 4242. Let time pass, and it is renewed:',
    `  ${toSettings(place)}npm run wheelhouse -- dev advance 32d`,
    '',
  ];
}

function toShortPath({ home, directory }: SummaryPlace): string {
  const path = relative(directory, home);
  // With the dot in front it is a path to Node's require, too.
  return path.startsWith('..') ? home : `./${path}`;
}
