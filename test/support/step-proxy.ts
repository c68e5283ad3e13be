// Proxies in front of the database and the Stripe of a kernel that note what it writes about one workspace, and keep back the
// answer to any of those writes, for ever or until a test lets it go: so a kernel can be ended, or overtaken, between any two of
// its steps. The drivers in between are the real ones.

import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { startDatabaseProxy } from './database-proxy.ts';

const HEADER_BYTES = 16;
const FLAG_BYTES = 4;
const MESSAGE_OPCODE = 2013;
const STRING_ELEMENT = 0x02;
/** Of a message: the header, its flags, the kind of its first section, and the length of that. */
const FIRST_ELEMENT = HEADER_BYTES + FLAG_BYTES + 1 + 4;
const DATABASE_WRITES: ReadonlySet<string> = new Set(['insert', 'update', 'delete', 'findAndModify']);
/** Such as `sub_1Abc…`, or `sub_sched_…`. */
const STRIPE_ID = /^[a-z]+(_[a-z]+)*_[A-Za-z0-9]{10,}$/;

/** Whom a step is about: it names one of these ids. */
export type Subject = readonly string[];

/** Where a step is kept back: before it is done, or when it is done, before its answer. */
export type Moment = 'before' | 'after';

/** A step that is kept back. */
export interface HeldStep {
  /** Resolves when it has come. */
  readonly reached: Promise<void>;
  /** Lets it go on. */
  release(): void;
}

export interface StepProxy {
  /** The database's connection string, through the proxy. */
  readonly mongodbUri: string;
  /** Stripe's address, through the proxy. */
  readonly stripeUrl: string;
  /** Lists the writes about a subject so far, such as `insert ledger_commits` or `POST /v1/subscriptions/:id`. */
  writesAbout(subject: () => Subject): readonly string[];
  /**
   * Keeps back the step of this name about a subject: the first one from now on, or a later one by its number. What Stripe is only
   * asked to read can be held too, such as `GET /v1/subscriptions`.
   */
  hold(step: string, moment: Moment, subject: () => Subject, number?: number): HeldStep;
  /**
   * Keeps back a step as {@link hold} does, and every write about the subject that comes after it, for ever: what its drivers send
   * again when they have waited for long enough gets no further. Resolves when the step has come.
   */
  stopAt(step: string, moment: Moment, subject: () => Subject, number?: number): Promise<void>;
  /** Never answers again what a worker takes of these collections, which it does without naming a workspace. */
  stallWorkers(...collections: readonly string[]): void;
  stop(): Promise<void>;
}

interface Step {
  readonly name: string;
  /** All that was sent. */
  readonly text: string;
}

interface Hold extends HeldStep {
  readonly step: string;
  readonly moment: Moment;
  readonly subject: () => Subject;
  /** How many more are let through before. */
  left: number;
  /** Says that nothing about the subject goes on after it. */
  readonly isEnd: boolean;
  readonly reach: () => void;
  readonly released: Promise<void>;
}

/** Such as a workspace, and what is kept of it under an id of its own. */
const OWNER_ID = /ten_[0-9a-f-]{36}/;
const OWNED_ID = /pay_[0-9a-f-]{36}/;

/** What both proxies tell, and ask. */
class StepBook {
  readonly writes: Step[] = [];
  /** Whose top-ups are which: they are named without their workspace once they are there. */
  readonly #owners = new Map<string, string>();
  readonly #holds: Hold[] = [];
  readonly #stalled = new Set<string>();
  readonly #stopped: (() => Subject)[] = [];

  note(step: Step): void {
    this.writes.push(step);
    const [owner, owned] = [OWNER_ID.exec(step.text)?.[0], OWNED_ID.exec(step.text)?.[0]];
    if (owner !== undefined && owned !== undefined) this.#owners.set(owned, owner);
  }

  isAbout({ text }: Step, subject: Subject): boolean {
    const owner = this.#owners.get(OWNED_ID.exec(text)?.[0] ?? '') ?? '';
    return subject.some((id) => text.includes(id) || owner === id);
  }

  hold(step: string, moment: Moment, subject: () => Subject, number: number, isEnd: boolean): HeldStep {
    const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const hold: Hold = {
      ...{ step, moment, subject, left: number, isEnd, reach: reached.resolve },
      ...{ reached: reached.promise, released: released.promise, release: released.resolve },
    };
    this.#holds.push(hold);
    return hold;
  }

  stall(collections: readonly string[]): void {
    for (const collection of collections) this.#stalled.add(`findAndModify ${collection}`);
  }

  /** Says whether nobody is to hear of a write: a worker asks for whatever there is, or its subject was stopped before. */
  isStalled(step: Step): boolean {
    const { name, text } = step;
    const isAnyOne = this.#stalled.has(name) && !text.includes('ten_') && !OWNED_ID.test(text);
    return isAnyOne || this.#stopped.some((subject) => this.isAbout(step, subject()));
  }

  /** Answers the hold of a step, once. */
  takeHold(step: Step): Hold | undefined {
    const index = this.#holds.findIndex(
      ({ step: name, subject }) => name === step.name && this.isAbout(step, subject()),
    );
    const hold = this.#holds[index];
    if (hold === undefined) return undefined;
    hold.left -= 1;
    if (hold.left > 0) return undefined;
    this.#holds.splice(index, 1);
    if (hold.isEnd) this.#stopped.push(hold.subject);
    return hold;
  }
}

/** Starts both proxies, on free ports. */
export async function startStepProxy(databaseUri: string, stripeUrl: string): Promise<StepProxy> {
  const book = new StepBook();
  const database = await startDatabaseProxy(databaseUri, ({ client, upstream }) =>
    pipeDatabase(book, client, upstream),
  );
  const server = createServer((request, response) => void passOn(book, stripeUrl, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of that kind.
  const { port } = server.address() as AddressInfo;
  return {
    mongodbUri: database.uri,
    stripeUrl: `http://127.0.0.1:${port}`,
    writesAbout: (subject) => book.writes.filter((step) => book.isAbout(step, subject())).map(({ name }) => name),
    hold: (step, moment, subject, number = 1) => book.hold(step, moment, subject, number, false),
    stopAt: (step, moment, subject, number = 1) => book.hold(step, moment, subject, number, true).reached,
    stallWorkers: (...collections) => book.stall(collections),
    stop: async () => {
      await stopServer(server);
      await database.stop();
    },
  };
}

function stopServer(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A connection carries one command at a time. */
function pipeDatabase(book: StepBook, client: Socket, upstream: Socket): void {
  let held: Hold | undefined;
  let kept: Buffer[] = [];
  let isStalled = false;
  const keep = (data: Buffer, { reach, released }: Hold, to: Socket): void => {
    kept.push(data);
    if (kept.length > 1) return;
    reach();
    void released.then(() => {
      held = undefined;
      for (const part of kept) to.write(part);
      kept = [];
    });
  };
  client.on('data', (data: Buffer) => {
    // What waits for an answer that never comes sends nothing but the rest of its command.
    if (isStalled) return;
    const step = readCommand(data);
    if (step !== undefined) {
      book.note(step);
      isStalled = book.isStalled(step);
      if (isStalled) return;
      held = book.takeHold(step);
    }
    if (held?.moment === 'before') keep(data, held, upstream);
    else upstream.write(data);
  });
  upstream.on('data', (data: Buffer) => {
    if (held?.moment === 'after') keep(data, held, client);
    else client.write(data);
  });
}

/** Reads a command that writes; undefined where it is none, or the middle of one. */
function readCommand(data: Buffer): Step | undefined {
  if (data.length <= FIRST_ELEMENT || data.readInt32LE(HEADER_BYTES - 4) !== MESSAGE_OPCODE) return undefined;
  if (data[FIRST_ELEMENT] !== STRING_ELEMENT) return undefined;
  const nameEnd = data.indexOf(0, FIRST_ELEMENT + 1);
  const command = data.toString('latin1', FIRST_ELEMENT + 1, nameEnd);
  if (!DATABASE_WRITES.has(command)) return undefined;
  const collection = data.toString('latin1', nameEnd + 5, data.indexOf(0, nameEnd + 5));
  return { name: `${command} ${collection}`, text: data.toString('latin1') };
}

async function passOn(
  book: StepBook,
  stripeUrl: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  const body = await readAll(request);
  const [path = ''] = url.split('?');
  const key = request.headers['idempotency-key'] ?? '';
  const step = { name: `${method} ${toPattern(path)}`, text: decodeURIComponent(`${url} ${body} ${key}`) };
  if (method !== 'GET') {
    book.note(step);
    if (book.isStalled(step)) return;
  }
  const hold = book.takeHold(step);
  const pause = async (moment: Moment): Promise<void> => {
    if (hold?.moment !== moment) return;
    hold.reach();
    await hold.released;
  };
  await pause('before');
  const headers = { ...request.headers, host: new URL(stripeUrl).host };
  const onward = forward(`${stripeUrl}${url}`, { method, headers }, (answer) => {
    void readAll(answer).then(async (text) => {
      await pause('after');
      if (response.destroyed) return;
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      response.end(text);
    });
  });
  onward.on('error', () => response.destroy());
  onward.end(body);
}

function toPattern(path: string): string {
  return path
    .split('/')
    .map((part) => (STRIPE_ID.test(part) ? ':id' : part))
    .join('/');
}

async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}
