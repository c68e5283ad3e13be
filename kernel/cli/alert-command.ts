// Owns the operators' commands `alert events`, `alert endpoints` and `alert deliveries`. Does not own alerting (the kernel).

import type { Command } from 'commander';
import {
  type AlertDelivery,
  AlertDeliveryState,
  type AlertEndpoint,
  AlertEndpointState,
} from '../../gen/wheelhouse/alert/v1/alert_endpoint.ts';
import {
  AlertEndpointServiceService as Endpoints,
  ListDeliveriesRequest,
} from '../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import { AlertServiceService as Alerts, ListEventsRequest } from '../../gen/wheelhouse/alert/v1/alert_service.ts';
import type { BillingEvent } from '../../gen/wheelhouse/alert/v1/billing_event.ts';
import { addListOptions, type CommandStreams, type OutputOptions, readPages, withKernel } from './operator-command.ts';
import { type Column, enumNameOf, printRows, type Row } from './table.ts';

const PAGE_SIZE = 200;
const EVENT_COLUMNS: readonly Column[] = [
  ...[{ field: 'event_id' }, { field: 'type' }, { field: 'created' }, { field: 'data' }],
];
const ENDPOINT_COLUMNS: readonly Column[] = [
  ...[{ field: 'endpoint_id' }, { field: 'url' }, { field: 'state' }, { field: 'failing_since' }, { field: 'types' }],
];
const DELIVERY_COLUMNS: readonly Column[] = [
  ...[{ field: 'delivery_id' }, { field: 'endpoint_id' }, { field: 'type' }, { field: 'state' }, { field: 'created' }],
  ...[{ field: 'attempts', isNumber: true }, { field: 'status', isNumber: true }, { field: 'failure' }],
];

/** Adds the commands about alerts. */
export function addAlertCommands(program: Command, streams: CommandStreams): void {
  const alert = program.command('alert').description('looks at what workspaces are told of their money and credits');
  const addReader = (name: string, description: string, columns: readonly Column[], read: Reader): void => {
    addListOptions(alert.command(name))
      .description(description)
      .argument('<tenant>', 'the id of the workspace')
      .action(async (tenantId: string, { json = false }: OutputOptions) => {
        printRows(streams.out, await read(streams, tenantId), columns, json);
      });
  };
  addReader('events', 'lists the billing events of a workspace, the newest first', EVENT_COLUMNS, listEvents);
  addReader('endpoints', 'lists where they are delivered to', ENDPOINT_COLUMNS, listEndpoints);
  addReader('deliveries', 'lists deliveries, the newest first, and why they failed', DELIVERY_COLUMNS, listDeliveries);
}

type Reader = (streams: CommandStreams, tenantId: string) => Promise<Row[]>;

const listEvents: Reader = async (streams, tenantId) => {
  const events = await withKernel(streams, (kernel) =>
    readPages(async (pageToken) => {
      const request = ListEventsRequest.fromPartial({ tenantId, pageSize: PAGE_SIZE, pageToken });
      const { events: items, nextPageToken } = await kernel.ask(Alerts.listEvents, request);
      return { items, nextPageToken };
    }),
  );
  return events.map(toEventRow);
};

const listEndpoints: Reader = async (streams, tenantId) => {
  const { endpoints } = await withKernel(streams, (kernel) => kernel.ask(Endpoints.listEndpoints, { tenantId }));
  return endpoints.map(toEndpointRow);
};

const listDeliveries: Reader = async (streams, tenantId) => {
  const deliveries = await withKernel(streams, (kernel) =>
    readPages(async (pageToken) => {
      const request = ListDeliveriesRequest.fromPartial({ tenantId, pageSize: PAGE_SIZE, pageToken });
      const { deliveries: items, nextPageToken } = await kernel.ask(Endpoints.listDeliveries, request);
      return { items, nextPageToken };
    }),
  );
  return deliveries.map(toDeliveryRow);
};

function toEventRow({ eventId, type, createTime, data }: BillingEvent): Row {
  const shown = [...data].map(([name, value]) => `${name}=${value}`).join(' ');
  return { event_id: eventId, type, created: timeText(createTime), data: shown };
}

function toEndpointRow({ endpointId, url, state, failingSinceTime, types }: AlertEndpoint): Row {
  return {
    endpoint_id: endpointId,
    url,
    state: enumNameOf(AlertEndpointState, state),
    failing_since: timeText(failingSinceTime),
    types: types.length === 0 ? 'all' : types.join(' '),
  };
}

function toDeliveryRow({ deliveryId, endpointId, event, state, createTime, ...delivery }: AlertDelivery): Row {
  const { attempts, status, failure } = delivery;
  return {
    ...{ delivery_id: deliveryId, endpoint_id: endpointId, type: event?.type ?? '' },
    ...{ state: enumNameOf(AlertDeliveryState, state), created: timeText(createTime), attempts, status, failure },
  };
}

function timeText(at: Date | undefined): string {
  return at?.toISOString() ?? '';
}
