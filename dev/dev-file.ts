/**
 * Owns: `dev.json`, by which people and scripts find the running stack: addresses, ports and demo tokens.
 * Does not own: making any of these.
 * Invariant: it holds secrets of the local stack, so its owner alone can read it.
 */
import { join } from 'node:path';
import { isRecord, OWNER_ONLY, readJsonFile, writeJsonFile } from './json-file.ts';
import type { Role } from './product.ts';
import { StackError } from './stack-error.ts';

/** Is what `dev.json` says. Its names are a contract with scripts. */
export interface DevFile {
  readonly mongo: { readonly engine: string; readonly uri: string };
  readonly kernel: {
    /** Is `host:port`. */
    readonly grpc: string;
    /** Is a URL. */
    readonly http: string;
    readonly tokens: {
      readonly internal: string;
      readonly sysadmin: string;
      /** Are the BFFs' tokens by product code. */
      readonly bff: Readonly<Record<string, string>>;
    };
  };
  readonly issuer: {
    /** Is a URL. */
    readonly url: string;
  };
  readonly mail: {
    /** Is the URL of the page that shows what was sent; `<inbox>/mails.json` has it for scripts. */
    readonly inbox: string;
    /** Is the URL of the mail server. */
    readonly smtp: string;
  };
  readonly stripe: DevStripe;
  /** Are the products by code. */
  readonly products: Readonly<Record<string, DevProduct>>;
}

/** Is the Stripe that the stack works with; the sandbox's secrets, never those of an account. */
export type DevStripe =
  | { readonly kind: 'account' }
  | { readonly kind: 'sandbox'; readonly url: string; readonly secret_key: string; readonly webhook_secret: string };

/** Is a product in `dev.json`. */
export interface DevProduct {
  /** Is a URL. */
  readonly bff: string;
  readonly tenant_id: string;
  readonly tokens: Readonly<Record<Role, string>>;
}

/** Returns where `dev.json` lies in a home folder. */
export function toDevFilePath(home: string): string {
  return join(home, 'dev.json');
}

/** Writes `dev.json`. Throws StackError when it can't be written. */
export async function writeDevFile(home: string, content: DevFile): Promise<void> {
  await writeJsonFile(toDevFilePath(home), content, OWNER_ONLY);
}

/** Reads `dev.json`. Throws StackError when there is none, or it is none. */
export async function loadDevFile(home: string): Promise<DevFile> {
  const path = toDevFilePath(home);
  const content = await readJsonFile(path, isDevFile);
  if (content === undefined) throw new StackError(`${path} is missing: start the local stack first (\`npm start\`).`);
  return content;
}

function isDevFile(value: unknown): value is DevFile {
  // We wrote it ourselves; this tells it from another file, not from a forged one.
  return (
    isRecord(value) &&
    ['mongo', 'kernel', 'issuer', 'mail', 'stripe', 'products'].every((part) => isRecord(value[part]))
  );
}
