// Owns the operators' commands about trials: `trial start`, `cancel`. Does not own who may have one (the kernel); `subscription show`
// shows it.

import type { Command } from 'commander';
import { type Trial, TrialStatus } from '../../gen/wheelhouse/subscription/v1/trial.ts';
import {
  CancelTrialRequest,
  StartTrialRequest,
  TrialServiceService as Trials,
} from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import {
  addWriteOptions,
  type CommandStreams,
  parseCount,
  parseInteger,
  tellOnce,
  type WriteOptions,
  write,
} from './operator-command.ts';
import { enumNameOf, type Row } from './table.ts';

interface StartOptions extends WriteOptions {
  readonly plan?: string;
  readonly days?: bigint;
  readonly credit?: bigint;
}

/** Adds the commands about trials. */
export function addTrialCommands(program: Command, streams: CommandStreams): void {
  const trials = program.command('trial').description('starts and ends trials');
  addWriteOptions(trials.command('start'))
    .description('starts the trial of a workspace, which has one in its life')
    .argument('<tenant>', "the workspace's id")
    .option('--plan <plan>', "the plan to try (default: the product's onboarding plan)")
    .option('--days <number>', "how long it runs, 1 to 366 (default: the plan's policy)", parseCount)
    .option('--credit <microcredits>', "what it gives, in microcredits (default: the plan's policy)", parseInteger)
    .action(async (tenantId: string, options: StartOptions) => {
      const { plan: planCode = '', days, credit: grantedMicrocredits } = options;
      const trialDays = days === undefined ? undefined : Number(days);
      const { trial, replayed } = await write(streams, options, (kernel, by) =>
        kernel.ask(
          Trials.startTrial,
          StartTrialRequest.fromPartial({ tenantId, planCode, trialDays, grantedMicrocredits, ...by }),
        ),
      );
      const end = trial?.endTime?.toISOString() ?? '';
      const done = `Started the trial of ${trial?.planCode ?? planCode}, which ends at ${end}`;
      tellOnce(streams, options, { ...toRow(trial), replayed }, done);
    });
  addWriteOptions(trials.command('cancel'))
    .description('cancels the trial of a workspace: it goes on to its end, and nothing is charged then')
    .argument('<tenant>', "the workspace's id")
    .action(async (tenantId: string, options: WriteOptions) => {
      const { trial, replayed } = await write(streams, options, (kernel, by) =>
        kernel.ask(Trials.cancelTrial, CancelTrialRequest.fromPartial({ tenantId, ...by })),
      );
      const end = trial?.endTime?.toISOString() ?? '';
      tellOnce(streams, options, { ...toRow(trial), replayed }, `Canceled the trial, which goes on until ${end}`);
    });
}

function toRow(trial: Trial | undefined): Row {
  return {
    plan_code: trial?.planCode ?? '',
    status: trial === undefined ? '' : enumNameOf(TrialStatus, trial.status),
    start_time: trial?.startTime?.toISOString() ?? '',
    end_time: trial?.endTime?.toISOString() ?? '',
  };
}
