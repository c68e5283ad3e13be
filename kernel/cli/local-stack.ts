// Owns what commands know of the local stack that runs in this folder, or in WHEELHOUSE_HOME. Does not own how the stack
// writes its file.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fieldOf } from '../domain/field-of.ts';

const HOME_DEFAULT = fileURLToPath(new URL('../../.wheelhouse', import.meta.url));

/** The Stripe of a local stack. */
export interface StripeSandbox {
  readonly url: string;
  readonly secretKey: string;
}

/** A local stack, by the file that it has written. */
export interface LocalStack {
  /** Where that file is. */
  readonly path: string;
  readonly kernelAddress: string;
  /** The token of its operator. */
  readonly kernelToken: string;
  /** Undefined where the file does not tell. */
  readonly mongodbUri: string | undefined;
  /** Its Stripe sandbox; undefined where it works with an account at Stripe. */
  readonly sandbox: StripeSandbox | undefined;
  /** Its demo workspaces by product code. */
  readonly tenantIds: ReadonlyMap<string, string>;
}

/** Finds the local stack; undefined where none has left a file that tells its kernel. */
export function findLocalStack(): LocalStack | undefined {
  const path = join(resolve(process.env['WHEELHOUSE_HOME'] || HOME_DEFAULT), 'dev.json');
  const content = readJson(path);
  const kernel = fieldOf(content, 'kernel');
  const kernelAddress = textOf(fieldOf(kernel, 'grpc'));
  const kernelToken = textOf(fieldOf(fieldOf(kernel, 'tokens'), 'sysadmin'));
  if (kernelAddress === undefined || kernelToken === undefined) return undefined;
  return {
    ...{ path, kernelAddress, kernelToken },
    mongodbUri: textOf(fieldOf(fieldOf(content, 'mongo'), 'uri')),
    sandbox: readSandbox(fieldOf(content, 'stripe')),
    tenantIds: readTenantIds(fieldOf(content, 'products')),
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function readSandbox(stripe: unknown): StripeSandbox | undefined {
  const url = textOf(fieldOf(stripe, 'url'));
  const secretKey = textOf(fieldOf(stripe, 'secret_key'));
  return url === undefined || secretKey === undefined ? undefined : { url, secretKey };
}

function readTenantIds(products: unknown): ReadonlyMap<string, string> {
  const found = Object.entries(typeof products === 'object' && products !== null ? products : {});
  return new Map(
    found.flatMap(([code, product]): [string, string][] => {
      const tenantId = textOf(fieldOf(product, 'tenant_id'));
      return tenantId === undefined ? [] : [[code, tenantId]];
    }),
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
