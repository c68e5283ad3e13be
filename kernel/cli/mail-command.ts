// Owns the operators' commands `mail list` and `mail redrive`. Does not own sending mail (the kernel).

import { type Command, Option } from 'commander';
import { type Mail, MailState } from '../../gen/wheelhouse/operator/v1/mail.ts';
import {
  ListMailsRequest,
  MailServiceService as Mails,
  RedriveMailRequest,
} from '../../gen/wheelhouse/operator/v1/mail_service.ts';
import {
  addListOptions,
  addWriteOptions,
  type CommandStreams,
  type OutputOptions,
  optionsForOne,
  readPages,
  type WriteOptions,
  withKernel,
  write,
} from './operator-command.ts';
import { printRows, type Row } from './table.ts';

const PAGE_SIZE = 500;
const STATES = {
  pending: MailState.PENDING,
  sent: MailState.SENT,
  dead: MailState.DEAD,
  all: MailState.UNSPECIFIED,
} as const;

const COLUMNS = [
  ...[{ field: 'mail_id' }, { field: 'template' }, { field: 'to' }, { field: 'state' }, { field: 'created' }],
  ...[{ field: 'attempts', isNumber: true }, { field: 'failure' }],
];

type RedriveOptions = WriteOptions & { readonly all?: boolean };

/** Adds the commands about mails. */
export function addMailCommands(program: Command, streams: CommandStreams): void {
  const mail = program.command('mail').description('looks after the mails that go out');
  addListOptions(mail.command('list'))
    .description('lists mails, those that are dead unless told otherwise, the earliest first')
    .addOption(new Option('--state <state>', 'where mails stand').choices(Object.keys(STATES)).default('dead'))
    .action(async ({ state, json = false }: OutputOptions & { readonly state: keyof typeof STATES }) => {
      printRows(streams.out, (await listMails(streams, STATES[state])).map(toRow), COLUMNS, json);
    });
  addWriteOptions(mail.command('redrive'))
    .description('makes dead mails pending again')
    .argument('[mail...]', 'ids of mails')
    .option('--all', 'all that are dead')
    .action((mailIds: string[], options: RedriveOptions) => redrive(streams, mailIds, options));
}

async function redrive(
  streams: CommandStreams,
  named: readonly string[],
  { all = false, ...options }: RedriveOptions,
): Promise<void> {
  if (all === named.length > 0) throw new Error('Name the mails to drive again, or say --all for all that are dead.');
  const mailIds = all ? (await listMails(streams, MailState.DEAD)).map(({ mailId }) => mailId) : named;
  const rows: Row[] = [];
  for (const mailId of mailIds) {
    const { mail } = await write(streams, optionsForOne(options, mailId, all || named.length > 1), (kernel, request) =>
      kernel.ask(Mails.redriveMail, RedriveMailRequest.fromPartial({ ...request, mailId })),
    );
    if (mail !== undefined) rows.push(toRow(mail));
  }
  printRows(streams.out, rows, COLUMNS, options.json === true);
}

function listMails(streams: CommandStreams, state: MailState): Promise<readonly Mail[]> {
  return withKernel(streams, (kernel) =>
    readPages(async (pageToken) => {
      const request = ListMailsRequest.fromPartial({ state, pageSize: PAGE_SIZE, pageToken });
      const { mails: items, nextPageToken } = await kernel.ask(Mails.listMails, request);
      return { items, nextPageToken };
    }),
  );
}

function toRow({ mailId, template, to, state, createTime, attempts, failure }: Mail): Row {
  const name = Object.entries(STATES).find(([, value]) => value === state)?.[0] ?? String(state);
  return { mail_id: mailId, template, to, state: name, created: createTime?.toISOString() ?? '', attempts, failure };
}
