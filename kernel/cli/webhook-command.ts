// Owns the operators' commands `webhooks list` and `webhooks redrive`. Does not own what becomes of events (the kernel).

import { type Command, Option } from 'commander';
import { type WebhookEvent, WebhookEventState } from '../../gen/wheelhouse/operator/v1/webhook_event.ts';
import {
  ListWebhookEventsRequest,
  RedriveWebhookEventRequest,
  WebhookServiceService as Webhooks,
} from '../../gen/wheelhouse/operator/v1/webhook_service.ts';
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
  pending: WebhookEventState.PENDING,
  processed: WebhookEventState.PROCESSED,
  ignored: WebhookEventState.IGNORED,
  dead: WebhookEventState.DEAD,
  all: WebhookEventState.UNSPECIFIED,
} as const;
type StateName = keyof typeof STATES;

const COLUMNS = [
  ...[{ field: 'event_id' }, { field: 'type' }, { field: 'state' }, { field: 'received' }],
  ...[{ field: 'attempts', isNumber: true }, { field: 'failure' }],
];

interface EventListOptions extends OutputOptions {
  readonly state: StateName;
  readonly type?: string;
}

/** Adds the commands about Stripe's events. */
export function addWebhookCommands(program: Command, streams: CommandStreams): void {
  const webhooks = program.command('webhooks').description("looks after Stripe's events");
  addListOptions(webhooks.command('list'))
    .description('lists events, those that are dead unless told otherwise, the earliest first')
    .addOption(new Option('--state <state>', 'where events stand').choices(Object.keys(STATES)).default('dead'))
    .option('--type <type>', "only events of one of Stripe's types, such as price.updated")
    .action(async ({ state, type = '', json = false }: EventListOptions) => {
      printRows(streams.out, (await listEvents(streams, STATES[state], type)).map(toRow), COLUMNS, json);
    });
  addWriteOptions(webhooks.command('redrive'))
    .description('makes dead events pending again')
    .argument('[event...]', 'ids of events')
    .option('--all', 'all that are dead')
    .action((eventIds: string[], options: WriteOptions & { readonly all?: boolean }) =>
      redrive(streams, eventIds, options),
    );
}

async function redrive(
  streams: CommandStreams,
  named: readonly string[],
  { all = false, ...options }: WriteOptions & { readonly all?: boolean },
): Promise<void> {
  if (all === named.length > 0) throw new Error('Name the events to drive again, or say --all for all that are dead.');
  const dead = all ? await listEvents(streams, WebhookEventState.DEAD, '') : [];
  const eventIds = all ? dead.map(({ eventId }) => eventId) : named;
  const events: Row[] = [];
  for (const eventId of eventIds) {
    const { event } = await write(
      streams,
      optionsForOne(options, eventId, all || named.length > 1),
      (kernel, request) =>
        kernel.ask(Webhooks.redriveWebhookEvent, RedriveWebhookEventRequest.fromPartial({ ...request, eventId })),
    );
    if (event !== undefined) events.push(toRow(event));
  }
  printRows(streams.out, events, COLUMNS, options.json === true);
}

function listEvents(streams: CommandStreams, state: WebhookEventState, type: string): Promise<readonly WebhookEvent[]> {
  return withKernel(streams, (kernel) =>
    readPages(async (pageToken) => {
      const request = ListWebhookEventsRequest.fromPartial({ state, type, pageSize: PAGE_SIZE, pageToken });
      const { events: items, nextPageToken } = await kernel.ask(Webhooks.listWebhookEvents, request);
      return { items, nextPageToken };
    }),
  );
}

function toRow({ eventId, type, state, receiveTime, attempts, failure }: WebhookEvent): Row {
  const name = Object.entries(STATES).find(([, value]) => value === state)?.[0] ?? String(state);
  return { event_id: eventId, type, state: name, received: receiveTime?.toISOString() ?? '', attempts, failure };
}
