// Owns which kernel an operator's command calls, and as whom: the one that the environment names, else the local stack's
// that runs in this folder.

import { type ClientConfig, loadClientConfig } from '../config.ts';
import { findLocalStack } from './local-stack.ts';

/**
 * Finds the kernel to call. `note` is told where the local stack is taken.
 * Throws ConfigError that lists everything that is wrong.
 */
export function loadKernelTarget(note: (line: string) => void): ClientConfig {
  const environment = process.env;
  // One of the two alone is a slip; the stack must not hide it.
  if (environment['KERNEL_ADDRESS'] || environment['KERNEL_TOKEN']) return loadClientConfig(environment);
  const stack = findLocalStack();
  if (stack === undefined) return loadClientConfig(environment);
  const { kernelAddress, kernelToken, path } = stack;
  note(
    `Using the local stack's kernel at ${kernelAddress} (${path}); set KERNEL_ADDRESS and KERNEL_TOKEN for another.`,
  );
  return loadClientConfig({ ...environment, KERNEL_ADDRESS: kernelAddress, KERNEL_TOKEN: kernelToken });
}
