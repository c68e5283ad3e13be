import { runCommand } from './command.ts';
import { failed, passed, type Step } from './step.ts';

/** A step that is one program: it holds when the program exits with 0. */
export interface CommandStepOptions {
  readonly name: string;
  readonly claim: string;
  readonly command: readonly [program: string, ...args: string[]];
  /** What to do about a failure, where the program doesn't say it itself. */
  readonly remedy?: string;
}

/** Makes a step out of one program. The step shows what the program printed only when it fails. */
export function commandStep({ name, claim, command, remedy }: CommandStepOptions): Step {
  return {
    name,
    claim,
    run: async (root) => {
      const [program, ...args] = command;
      const { exitCode, output } = await runCommand(root, program, args);
      if (exitCode === 0) return passed(claim);
      const printed = output === '' ? `${program} exited with ${exitCode} and printed nothing.` : output;
      return failed(remedy === undefined ? printed : `${printed}\n\n${remedy}`);
    },
  };
}
