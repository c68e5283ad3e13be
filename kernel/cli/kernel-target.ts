// Owns which kernel an operator's command calls, and as whom: the one that the environment names, else the local stack's
// that runs in this folder. Does not own how the stack writes its file.

import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClientConfig, loadClientConfig } from '../config.ts';

const HOME_DEFAULT = fileURLToPath(new URL('../../.wheelhouse', import.meta.url));

/**
 * Finds the kernel to call. `note` is told where the local stack is taken.
 * Throws ConfigError that lists everything that is wrong.
 */
export function loadKernelTarget(note: (line: string) => void): ClientConfig {
  const environment = process.env;
  // One of the two alone is a slip; the stack must not hide it.
  if (environment['KERNEL_ADDRESS'] || environment['KERNEL_TOKEN']) return loadClientConfig(environment);
  const path = join(resolve(environment['WHEELHOUSE_HOME'] || HOME_DEFAULT), 'dev.json');
  const stack = readStackFile(path);
  if (stack === undefined) return loadClientConfig(environment);
  note(
    `Using the local stack's kernel at ${stack.KERNEL_ADDRESS} (${path}); set KERNEL_ADDRESS and KERNEL_TOKEN for another.`,
  );
  return loadClientConfig({ ...environment, ...stack });
}

/** Reads address and token of the local stack; undefined where there is none. */
function readStackFile(path: string): { readonly KERNEL_ADDRESS: string; readonly KERNEL_TOKEN: string } | undefined {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  const kernel = fieldOf(content, 'kernel');
  const address = fieldOf(kernel, 'grpc');
  const token = fieldOf(fieldOf(kernel, 'tokens'), 'sysadmin');
  if (typeof address !== 'string' || typeof token !== 'string') return undefined;
  return { KERNEL_ADDRESS: address, KERNEL_TOKEN: token };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
