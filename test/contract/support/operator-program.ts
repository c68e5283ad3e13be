// Owns running one of the operators' commands against a kernel, as an operator types it.

import { expect } from 'vitest';
import type { KernelFixture } from './kernel-fixture.ts';
import { type Ending, runKernel } from './kernel-process.ts';

/** Runs one command of the operators' program, with the arguments that follow it. */
export interface OperatorProgram {
  readonly run: (...args: readonly string[]) => Promise<Ending>;
  /** What it prints, where it goes well and warns of nothing. */
  readonly printed: (...args: readonly string[]) => Promise<string>;
  /** What it says where the kernel refuses: words for a person, no stack. */
  readonly refused: (...args: readonly string[]) => Promise<string>;
}

/** Builds what runs a command against a kernel that is there once a test runs. */
export function operatorProgramOf(
  kernelOf: () => Pick<KernelFixture, 'address' | 'tokens'>,
  command: string,
): OperatorProgram {
  const run: OperatorProgram['run'] = (...args) => {
    const { address, tokens } = kernelOf();
    const environment = { KERNEL_ADDRESS: address, KERNEL_TOKEN: tokens.sysadmin };
    return runKernel(environment, 'kernel/cli/main.ts', command, ...args).ended;
  };
  return {
    run,
    printed: async (...args) => {
      const { code, stdout, stderr } = await run(...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout;
    },
    refused: async (...args) => {
      const { code, stdout, stderr } = await run(...args);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).not.toMatch(/\n\s+at |Error:/);
      return stderr;
    },
  };
}
