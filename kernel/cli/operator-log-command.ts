// Owns the operators' commands `switch` and `audit`: what is switched off, and who wrote what.

import { type Command, InvalidArgumentError } from 'commander';
import { AuditOutcome, type AuditRecord } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { KillSwitchName as KillSwitchNumber } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import {
  ListAuditRecordsRequest,
  OperatorServiceService as Operators,
  SetKillSwitchRequest,
} from '../../gen/wheelhouse/operator/v1/operator_service.ts';
import { KILL_SWITCHES, type KillSwitchName } from '../domain/kill-switch.ts';
import {
  addListOptions,
  addWriteOptions,
  type CommandStreams,
  type OutputOptions,
  parseLimit,
  parseTime,
  readPages,
  tellOnce,
  type WriteOptions,
  withKernel,
  write,
} from './operator-command.ts';
import { printRows, type Row } from './table.ts';

const NUMBERS = {
  TRIALS_ENABLED: KillSwitchNumber.TRIALS_ENABLED,
  TOPUPS_ENABLED: KillSwitchNumber.TOPUPS_ENABLED,
  SIGNUPS_ENABLED: KillSwitchNumber.SIGNUPS_ENABLED,
} as const satisfies Record<KillSwitchName, KillSwitchNumber>;

/** Adds the commands about switches and the audit log. */
export function addOperatorLogCommands(program: Command, streams: CommandStreams): void {
  const killSwitch = program.command('switch').description('shows and turns the kill switches of the environment');
  addListOptions(killSwitch.command('list'))
    .description('lists the switches as they stand now')
    .action(async ({ json = false }: OutputOptions) => {
      const { killSwitches } = await withKernel(streams, (kernel) => kernel.ask(Operators.listKillSwitches, {}));
      const rows = killSwitches.map(({ name, enabled }) => ({ switch: nameOf(name), enabled }));
      printRows(streams.out, rows, [{ field: 'switch' }, { field: 'enabled' }], json);
    });
  addWriteOptions(killSwitch.command('set'))
    .description('turns a switch for all kernels, at once')
    .argument('<switch>', `one of ${KILL_SWITCHES.join(', ')}`, parseSwitch)
    .argument('<on|off>', 'on allows what it names, off refuses it', parseState)
    .action(async (name: KillSwitchName, enabled: boolean, options: WriteOptions) => {
      const { replayed } = await write(streams, options, (kernel, request) =>
        kernel.ask(
          Operators.setKillSwitch,
          SetKillSwitchRequest.fromPartial({ ...request, name: NUMBERS[name], enabled }),
        ),
      );
      const done = `Turned ${name} ${enabled ? 'on' : 'off'} for all kernels`;
      tellOnce(streams, options, { switch: name, enabled, replayed }, done);
    });
  addAuditCommand(program, streams);
}

interface AuditOptions extends OutputOptions {
  readonly product?: string;
  readonly tenant?: string;
  readonly actor?: string;
  readonly method?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit: number;
}

function addAuditCommand(program: Command, streams: CommandStreams): void {
  addListOptions(program.command('audit'))
    .description('lists what operators have written, the newest first')
    .option('--product <product>', 'only what is about one product')
    .option('--tenant <id>', 'only what is about one tenant')
    .option('--actor <id>', 'only what one operator wrote')
    .option('--method <method>', 'only one method, such as LedgerService/Grant')
    .option('--since <time>', 'only from a time on', parseTime)
    .option('--until <time>', 'only before a time', parseTime)
    .option('--limit <rows>', 'how many rows at most', parseLimit, 50)
    .action(async (options: AuditOptions) => {
      const {
        product: productCode = '',
        tenant: tenantId = '',
        actor = '',
        method = '',
        limit,
        json = false,
      } = options;
      const fields = { productCode, tenantId, actor, method, startTime: options.since, endTime: options.until };
      const records = await withKernel(streams, (kernel) =>
        readPages(async (pageToken) => {
          const request = ListAuditRecordsRequest.fromPartial({ ...fields, pageSize: limit, pageToken });
          const page = await kernel.ask(Operators.listAuditRecords, request);
          return { items: page.auditRecords, nextPageToken: page.nextPageToken };
        }, limit),
      );
      const columns = ['time', 'actor', 'from', 'method', 'about', 'changes', 'done', 'reason'];
      printRows(
        streams.out,
        records.map(toAuditRow),
        columns.map((field) => ({ field })),
        json,
      );
    });
}

function toAuditRow(record: AuditRecord): Row {
  const about = [record.productCode, record.planCode, record.tenantId].filter((part) => part !== '');
  return {
    time: record.createTime?.toISOString() ?? '',
    actor: record.actor,
    from: record.remoteAddress,
    method: record.method,
    about: about.join('/'),
    changes: record.changes.map(({ field, before, after }) =>
      before === '' ? `${field}=${after}` : `${field}: ${before} -> ${after || 'none'}`,
    ),
    done: record.outcome === AuditOutcome.PARTLY_APPLIED ? 'partly' : record.outcome === AuditOutcome.APPLIED,
    reason: record.reason,
    request_id: record.requestId,
    credential: record.credential,
    entry_id: record.entryId,
    record_id: record.recordId,
  };
}

function nameOf(number: KillSwitchNumber): string {
  return KILL_SWITCHES.find((name) => NUMBERS[name] === number) ?? `(switch ${number})`;
}

function parseSwitch(text: string): KillSwitchName {
  const name = KILL_SWITCHES.find((candidate) => candidate === text);
  if (name === undefined) throw new InvalidArgumentError(`give one of ${KILL_SWITCHES.join(', ')}.`);
  return name;
}

function parseState(text: string): boolean {
  if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('give on or off.');
  return text === 'on';
}
