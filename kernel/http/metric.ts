// Owns the figures that operators watch: calls, the ledger's work, the clock, database commands, the process itself.
// Does not own when something is counted; whoever sees it happen says so.
// Invariant: a label has few values, and none of them is a tenant.

import { status } from '@grpc/grpc-js';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AlertObserver } from '../app/alert/ports.ts';
import type { SyncObserver } from '../app/catalog-sync/ports.ts';
import type { MailObserver } from '../app/mail/ports.ts';
import type { TopUpObserver } from '../app/payment/ports.ts';
import type { LedgerObserver, WatchObserver } from '../app/ports.ts';
import type { ReconciliationObserver } from '../app/reconciliation/ports.ts';
import type { IntentObserver } from '../app/subscription/ports.ts';
import type { WebhookObserver } from '../app/webhook/ports.ts';

/** What is counted of calls; it fulfils the gRPC adapter's meter. */
export interface CallFigures {
  begin(): void;
  end(path: string, code: number, durationMs: number): void;
  beginStream(path: string): StreamFigures;
}

/** What is counted of one stream. */
export interface StreamFigures {
  received(): void;
  sent(): void;
  end(code: number): void;
}

/** What tells how well the time is known. */
export interface ClockFigures {
  offsetMs(): number;
  doubtMs(): number;
}

const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const ENTRIES_PER_COMMIT = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The kernel's metrics. */
export class Metrics {
  readonly registry: Registry = new Registry();
  readonly calls: CallFigures;
  readonly ledger: LedgerObserver;
  readonly watches: WatchObserver;
  readonly webhooks: WebhookObserver;
  readonly mails: MailObserver;
  readonly alerts: AlertObserver;
  readonly syncs: SyncObserver;
  readonly intents: IntentObserver;
  readonly reconciliation: Pick<ReconciliationObserver, 'ended'>;
  readonly topUps: TopUpObserver;
  readonly #databaseCommands: Counter;
  readonly #stripeResponses: Counter;
  readonly #refusedConnections: Counter;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.calls = createCallFigures(this.registry);
    this.ledger = createLedgerFigures(this.registry);
    this.watches = createWatchFigures(this.registry);
    this.webhooks = createWebhookFigures(this.registry);
    this.mails = createMailFigures(this.registry);
    this.alerts = createAlertFigures(this.registry);
    this.syncs = createSyncFigures(this.registry);
    this.intents = createIntentFigures(this.registry);
    this.reconciliation = createReconciliationFigures(this.registry);
    this.topUps = createTopUpFigures(this.registry);
    this.#stripeResponses = new Counter({
      name: 'wheelhouse_stripe_responses_total',
      help: 'Answers of Stripe, by HTTP status.',
      labelNames: ['status'],
      registers: [this.registry],
    });
    this.#refusedConnections = new Counter({
      name: 'wheelhouse_http_connections_refused_total',
      help: 'Connections over HTTP that were closed at once, since there were too many.',
      registers: [this.registry],
    });
    this.#databaseCommands = new Counter({
      name: 'wheelhouse_db_commands_total',
      help: 'Commands sent to the database, by name.',
      labelNames: ['command'],
      registers: [this.registry],
    });
  }

  /** Counts a command that was sent to the database. */
  countDatabaseCommand(command: string): void {
    this.#databaseCommands.inc({ command });
  }

  /** Counts an answer of Stripe. */
  countStripeResponse(status: number): void {
    this.#stripeResponses.inc({ status });
  }

  /** Counts a connection over HTTP that was closed at once. */
  countRefusedConnection(): void {
    this.#refusedConnections.inc();
  }

  /** Shows how well the time is known, from now on. */
  watchClock(clock: ClockFigures): void {
    const registers = [this.registry];
    new Gauge({
      name: 'wheelhouse_clock_offset_seconds',
      help: "How far this machine's wall clock is behind the database's.",
      registers,
      collect() {
        this.set(clock.offsetMs() / 1_000);
      },
    });
    new Gauge({
      name: 'wheelhouse_clock_doubt_seconds',
      help: "How far the kernel's time could be off; beyond 2 s it does not write.",
      registers,
      collect() {
        this.set(clock.doubtMs() / 1_000);
      },
    });
  }
}

function createCallFigures(registry: Registry): CallFigures {
  const registers = [registry];
  const inFlight = new Gauge({
    name: 'wheelhouse_grpc_calls_in_flight',
    help: 'Calls that began and are not answered.',
    registers,
  });
  const latency = new Histogram({
    name: 'wheelhouse_grpc_call_seconds',
    help: 'How long calls took, by method and gRPC status code.',
    labelNames: ['method', 'code'],
    buckets: CALL_SECONDS,
    registers,
  });
  return {
    begin: () => inFlight.inc(),
    end: (path, code, durationMs) => {
      inFlight.dec();
      latency.observe({ method: path, code: status[code] ?? code }, durationMs / 1_000);
    },
    beginStream: createStreamFigures(registry),
  };
}

function createStreamFigures(registry: Registry): CallFigures['beginStream'] {
  const registers = [registry];
  const open = new Gauge({
    name: 'wheelhouse_grpc_streams_open',
    help: 'Streams that began and have not ended, by method.',
    labelNames: ['method'],
    registers,
  });
  const begun = new Counter({
    name: 'wheelhouse_grpc_streams_begun_total',
    help: 'Streams that began, by method.',
    labelNames: ['method'],
    registers,
  });
  const ended = new Counter({
    name: 'wheelhouse_grpc_streams_ended_total',
    help: 'Streams that ended, by method and gRPC status code.',
    labelNames: ['method', 'code'],
    registers,
  });
  const messages = new Counter({
    name: 'wheelhouse_grpc_stream_messages_total',
    help: 'Messages of streams, by method and direction (received, sent).',
    labelNames: ['method', 'direction'],
    registers,
  });
  return (method) => {
    open.inc({ method });
    begun.inc({ method });
    const received = messages.labels({ method, direction: 'received' });
    const sent = messages.labels({ method, direction: 'sent' });
    return {
      received: () => received.inc(),
      sent: () => sent.inc(),
      end: (code) => {
        open.dec({ method });
        ended.inc({ method, code: status[code] ?? code });
      },
    };
  };
}

function createWatchFigures(registry: Registry): WatchObserver {
  const registers = [registry];
  const watches = new Gauge({ name: 'wheelhouse_balance_watches', help: 'Balances that callers watch.', registers });
  const polling = new Gauge({
    name: 'wheelhouse_balance_watch_polling',
    help: '1 where the database has no change streams, so that watches ask every second.',
    registers,
  });
  const lost = new Counter({
    name: 'wheelhouse_commit_feed_lost_total',
    help: 'Times that the feed of commits broke, or could not be replaced by asking.',
    registers,
  });
  return {
    watching: (count) => watches.set(count),
    feedLost: () => lost.inc(),
    feedUnsupported: () => polling.set(1),
  };
}

function createWebhookFigures(registry: Registry): WebhookObserver {
  const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
    new Counter({ name: `wheelhouse_webhook_${name}`, help, labelNames, registers: [registry] });
  const received = counter('received_total', 'Deliveries of Stripe, by what they were.', ['outcome']);
  const refused = counter('refused_total', 'Deliveries that were not taken in, by why.', ['reason']);
  const processed = counter('processed_total', 'Events that were processed, by type.', ['type']);
  const failed = counter('failed_total', 'Attempts at events that failed and are made again.');
  const died = counter('died_total', 'Events that failed too often: look at them.');
  const background = counter('background_failures_total', 'Failures of background work, by what it was.', ['work']);
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `wheelhouse_webhook_${name}`, help, registers: [registry] });
  const oldest = gauge('oldest_pending_seconds', 'How long the oldest event that is not processed yet waits.');
  const dead = gauge('dead', 'Events that failed too often and wait for an operator.');
  return {
    received: (outcome) => received.inc({ outcome }),
    refused: (reason) => refused.inc({ reason }),
    processed: (type) => processed.inc({ type }),
    failed: () => failed.inc(),
    died: () => died.inc(),
    backlog: (oldestMs, deadCount) => {
      oldest.set(oldestMs / 1_000);
      dead.set(deadCount);
    },
    backgroundFailed: (work) => background.inc({ work }),
  };
}

function createMailFigures(registry: Registry): MailObserver {
  const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
    new Counter({ name: `wheelhouse_mail_${name}`, help, labelNames, registers: [registry] });
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `wheelhouse_mail_${name}`, help, registers: [registry] });
  const sent = counter('sent_total', 'Mails that the mail server has taken, by what they say.', ['template']);
  const failed = counter('failed_total', 'Attempts at mails that failed and are made again.');
  const died = counter('died_total', 'Mails that failed too often or for good: look at them.');
  const background = counter('background_failures_total', 'Failures of background work, by what it was.', ['work']);
  const oldest = gauge('oldest_pending_seconds', 'How long the oldest mail that is not sent yet waits.');
  const dead = gauge('dead', 'Mails that failed too often or for good and wait for an operator.');
  return {
    sent: ({ content }) => sent.inc({ template: content.template }),
    failed: () => failed.inc(),
    died: () => died.inc(),
    backlog: (oldestMs, deadCount) => {
      oldest.set(oldestMs / 1_000);
      dead.set(deadCount);
    },
    backgroundFailed: (work) => background.inc({ work }),
  };
}

function createAlertFigures(registry: Registry): AlertObserver {
  const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
    new Counter({ name: `wheelhouse_alert_${name}`, help, labelNames, registers: [registry] });
  const delivered = counter('delivered_total', 'Events that endpoints of workspaces have taken, by their type.', [
    'type',
  ]);
  const failed = counter('failed_total', 'Attempts to deliver events that failed (last: no other one follows).', [
    'last',
  ]);
  const disabled = counter('endpoints_disabled_total', 'Endpoints that were switched off, by why.', ['because']);
  const background = counter('background_failures_total', 'Failures of background work, by what it was.', ['work']);
  return {
    delivered: ({ event }) => delivered.inc({ type: event.type }),
    failed: (_delivery, _failure, isLast) => failed.inc({ last: String(isLast) }),
    disabled: (_endpoint, because) => disabled.inc({ because }),
    backgroundFailed: (work) => background.inc({ work }),
  };
}

function createIntentFigures(registry: Registry): IntentObserver {
  const registers = [registry];
  const tries = new Counter({
    name: 'wheelhouse_stripe_intent_tries_total',
    help: 'Tries at changes at Stripe, by what was asked and what they came to (retry: to nothing yet).',
    labelNames: ['kind', 'result'],
    registers,
  });
  const background = new Counter({
    name: 'wheelhouse_stripe_intent_background_failures_total',
    help: 'Failures of background work, by what it was.',
    labelNames: ['work'],
    registers,
  });
  const oldest = new Gauge({
    name: 'wheelhouse_stripe_intent_oldest_open_seconds',
    help: 'How long the oldest change at Stripe that has come to no result waits.',
    registers,
  });
  return {
    ended: ({ request }, result) => tries.inc({ kind: request.kind, result: result.kind }),
    failed: ({ request }) => tries.inc({ kind: request.kind, result: 'retry' }),
    backlog: (oldestMs) => oldest.set(oldestMs / 1_000),
    backgroundFailed: (work) => background.inc({ work }),
  };
}

function createTopUpFigures(registry: Registry): TopUpObserver {
  const registers = [registry];
  const ended = new Counter({
    name: 'wheelhouse_topups_ended_total',
    help: 'Top-ups that came to their end, by what that was and who wanted them.',
    labelNames: ['status', 'cause'],
    registers,
  });
  const failed = new Counter({
    name: 'wheelhouse_topup_tries_failed_total',
    help: 'Tries at top-ups that came to no result and are made again.',
    registers,
  });
  const background = new Counter({
    name: 'wheelhouse_topup_background_failures_total',
    help: 'Failures of background work, by what it was.',
    labelNames: ['work'],
    registers,
  });
  const oldest = new Gauge({
    name: 'wheelhouse_topup_oldest_due_seconds',
    help: 'How long the top-up that is due longest waits to be looked at.',
    registers,
  });
  return {
    ended: ({ status, cause }) => ended.inc({ status, cause }),
    failed: () => failed.inc(),
    backlog: (oldestMs) => oldest.set(oldestMs / 1_000),
    backgroundFailed: (work) => background.inc({ work }),
  };
}

function createSyncFigures(registry: Registry): SyncObserver {
  const registers = [registry];
  const seconds = new Histogram({
    name: 'wheelhouse_catalog_sync_seconds',
    help: 'How long syncs of the catalog took.',
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  const changes = new Counter({
    name: 'wheelhouse_catalog_sync_changes_total',
    help: 'Plans that syncs have changed.',
    registers,
  });
  const badRows = new Gauge({
    name: 'wheelhouse_catalog_sync_bad_rows',
    help: 'Problems of rows at Stripe that the last sync of this kernel left.',
    registers,
  });
  const failures = new Counter({
    name: 'wheelhouse_catalog_sync_failures_total',
    help: 'Syncs that failed and are tried again.',
    registers,
  });
  return {
    synced: (figures) => {
      seconds.observe(figures.durationMs / 1_000);
      changes.inc(figures.changes);
      badRows.set(figures.badRows);
    },
    syncFailed: () => failures.inc(),
  };
}

function createReconciliationFigures(registry: Registry): Pick<ReconciliationObserver, 'ended'> {
  const registers = [registry];
  const workspaces = new Gauge({
    name: 'wheelhouse_reconciliation_workspaces',
    help: 'Workspaces that the last daily comparison with Stripe by this kernel has looked at.',
    registers,
  });
  const differences = new Gauge({
    name: 'wheelhouse_reconciliation_differences',
    help: 'What that comparison found to differ: an operator must look.',
    registers,
  });
  return {
    ended: (figures) => {
      workspaces.set(figures.workspaces);
      differences.set(figures.differences);
    },
  };
}

function createLedgerFigures(registry: Registry): LedgerObserver {
  const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
    new Counter({ name: `wheelhouse_ledger_${name}`, help, labelNames, registers: [registry] });
  const commits = counter('commits_total', 'Commits that the database acknowledged.');
  const races = counter('lost_races_total', 'Commits that another kernel was faster with.');
  const unknown = counter('unknown_outcomes_total', 'Commits of which the database did not tell what became of them.');
  const replays = counter('replays_total', 'Requests that were answered with what an earlier one had done.');
  const future = counter(
    'heads_from_future_total',
    'Accounts whose newest commit lay in the future: look at the clocks.',
  );
  const corrupt = counter('corrupt_total', 'Accounts whose commits contradict each other: verify them.');
  const background = counter('background_failures_total', 'Failures of background work, by what it was.', ['work']);
  const queue = new Gauge({
    name: 'wheelhouse_ledger_queue_depth',
    help: 'Commands that wait for their commit.',
    registers: [registry],
  });
  const sizes = new Histogram({
    name: 'wheelhouse_ledger_commit_entries',
    help: 'Entries in each commit.',
    buckets: ENTRIES_PER_COMMIT,
    registers: [registry],
  });
  return {
    committed: (entries) => {
      commits.inc();
      sizes.observe(entries);
    },
    raceLost: () => races.inc(),
    outcomeUnknown: () => unknown.inc(),
    replayed: () => replays.inc(),
    headFromFuture: () => future.inc(),
    corrupt: () => corrupt.inc(),
    queued: (commands) => queue.set(commands),
    backgroundFailed: (work) => background.inc({ work }),
  };
}
