// Every command of the operators' command line shows its help.

import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../kernel/cli/program.ts';

const NAMED_AT_LEAST = 30;

/** Every command with its name as it is typed, those within others included. */
function commandsOf(command: Command, path: readonly string[] = []): readonly (readonly [string, Command])[] {
  const inner = command.commands.flatMap((child) => commandsOf(child, [...path, child.name()]));
  return [[path.join(' '), command], ...inner];
}

const commands = commandsOf(createProgram({ out: process.stdout, error: process.stderr }));

describe('the help', () => {
  test('is asked of every command', () => {
    expect(commands.length).toBeGreaterThan(NAMED_AT_LEAST);
  });

  test.each(commands)('of `wheelhouse %s` says what it does and how it is called', (path, command) => {
    const help = command.helpInformation();
    expect(help).toContain(`Usage: ${['wheelhouse', path].join(' ').trim()}`);
    expect(help.length).toBeGreaterThan(path.length + 'Usage: wheelhouse [options]'.length);
  });

  const actions = commands.filter(([, command]) => command.commands.length === 0);

  // `export` writes lines of JSON alone, and `tenant update` is there to refuse.
  const withoutChoice = ['export', 'tenant update'];
  test.each(actions.filter(([path]) => !withoutChoice.includes(path)))(
    'of `wheelhouse %s` offers JSON',
    (_, command) => {
      expect(command.helpInformation()).toMatch(/ --json +prints /);
    },
  );

  test('tells the defaults of numbers', () => {
    const [, provision] = commands.find(([path]) => path === 'subscription provision') ?? [];
    expect(provision?.helpInformation()).toMatch(/1 to 12 \(default:\s+1\)/);
  });
});
