/**
 * Owns: which Stripe the local stack works with: the sandbox, or an account of yours where `STRIPE_SECRET_KEY` is set; and
 * the secrets of the sandbox, made once and kept in a file that its owner alone can read.
 * Does not own: running the sandbox (`program.ts`).
 */
import { randomBytes } from 'node:crypto';
import { isRecord, OWNER_ONLY, readJsonFile, writeJsonFile } from './json-file.ts';
import { StackError } from './stack-error.ts';

const SECRET_BYTES = 16;
const ACCOUNT_VARIABLES = [
  'STRIPE_SECRET_KEY',
  'STRIPE_API_URL',
  'STRIPE_WEBHOOK_SECRETS',
  'STRIPE_SYNC_INTERVAL_MS',
] as const;

/** Are the secrets that a sandbox and a kernel share. */
export interface SandboxSecrets {
  readonly secretKey: string;
  readonly webhookSecret: string;
}

/** Says whether the environment names an account at Stripe, which is taken instead of the sandbox. */
export function hasStripeAccount(environment: NodeJS.ProcessEnv): boolean {
  return Boolean(environment['STRIPE_SECRET_KEY']);
}

/** Returns the kernel's settings for the account that the environment names. */
export function toAccountSettings(environment: NodeJS.ProcessEnv): Record<string, string> {
  const set = ACCOUNT_VARIABLES.flatMap((name) => {
    const value = environment[name];
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(set);
}

/** Returns the kernel's settings for a sandbox. */
export function toSandboxSettings(url: string, secrets: SandboxSecrets): Record<string, string> {
  return {
    STRIPE_SECRET_KEY: secrets.secretKey,
    STRIPE_API_URL: url,
    STRIPE_WEBHOOK_SECRETS: secrets.webhookSecret,
  };
}

/** Reads the sandbox's secrets from a file, or makes them and writes them there. Throws StackError when the file holds something else. */
export async function loadSandboxSecrets(path: string): Promise<SandboxSecrets> {
  const stored = await readJsonFile(path, isSecrets);
  if (stored !== undefined) return stored;
  const createSecret = (): string => randomBytes(SECRET_BYTES).toString('hex');
  const secrets = { secretKey: `sk_test_${createSecret()}`, webhookSecret: `whsec_${createSecret()}` };
  await writeJsonFile(path, secrets, OWNER_ONLY);
  return secrets;
}

/** Has a sandbox that runs send its webhooks to a URL. Throws StackError when it refuses. */
export async function setSandboxWebhook(sandboxUrl: string, secrets: SandboxSecrets, url: string): Promise<void> {
  const response = await fetch(`${sandboxUrl}/_sandbox/webhook`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${secrets.secretKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ url, secrets: [secrets.webhookSecret] }),
  });
  if (!response.ok) throw new StackError(`The Stripe sandbox does not take the webhook: ${await response.text()}`);
}

function isSecrets(value: unknown): value is SandboxSecrets {
  return isRecord(value) && typeof value['secretKey'] === 'string' && typeof value['webhookSecret'] === 'string';
}
