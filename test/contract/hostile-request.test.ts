// Every method gets requests that nobody sends who means well. Each is answered by a status that says something, none tells of what is inside,
// and the kernel goes on: it is ready, its memory has not grown, and the ledger verifies.

import { readFileSync } from 'node:fs';
import { connect as connectHttp2, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { createFileRegistry, type DescMethod, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KernelClient } from '../../dev/kernel-client.ts';
import { LedgerAuditServiceService, VerifyLedgerRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { ACCESS, isServedMethod, METHOD_PATHS } from '../../kernel/grpc/access.ts';
import { Random } from '../simulation/random.ts';
import { createFundedTenant, sendDebit } from '../support/debit-driver.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { HostileMessages } from '../support/hostile-message.ts';
import { roundCount } from '../support/round-count.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const PRODUCT = 'agentruntime';
const SEED = Number(process.env['HOSTILE_SEED'] ?? Date.now());
const PLAY_AGAIN = `HOSTILE_SEED=${SEED} sends the same again`;
const DEADLINE_MS = 20_000;
/** How many calls are under way at once. */
const LANES = 16;
const MEBIBYTE = 1_048_576;
/** What says something, but for what says that nobody knows. */
const SPEAKING: ReadonlySet<unknown> = new Set(
  Object.values(status).filter((code) => code !== status.UNKNOWN && code !== status.INTERNAL),
);
/** What no answer may tell of. */
const INSIDES =
  /node_modules|\.ts\b|\bat (Object|async|new)\b|mongo|BSON|TypeError|RangeError|SyntaxError|\/kernel\/|undefined|\[object/i;

let stack: TestStack;
let client: Client;
let internal: KernelClient;
let tenantId: string;
let adminToken: string;

beforeAll(async () => {
  stack = await startStack({ mongodbUri: freshDatabaseUri(), productCodes: [PRODUCT] });
  internal = stack.connect(stack.credentials.internal);
  tenantId = await createFundedTenant(stack, 1_000n);
  adminToken = await stack.mint(PRODUCT, 'tenant_admin', tenantId);
  client = new Client(stack.kernels[0]?.grpc ?? '', credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
  });
});
afterAll(async () => {
  client.close();
  await stack.stop();
});

/** How one call ended. */
interface Ending {
  readonly what: string;
  readonly code: status;
  readonly details: string;
}

function loadMethods(): readonly DescMethod[] {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(new URL('../../gen/wheelhouse.binpb', import.meta.url)));
  const registry = createFileRegistry(set);
  return [...registry].flatMap((type) => (type.kind === 'service' ? type.methods : []));
}

const pathOf = ({ parent, name }: DescMethod): string => `/${parent.typeName}/${name}`;

/** What a caller who may call the method sends along. */
function metadataFor(path: string): Metadata {
  const metadata = new Metadata();
  const access = isServedMethod(path) ? ACCESS[path] : undefined;
  if (access === undefined || access.person === 'nobody') {
    const token = access?.internal ? stack.credentials.internal : stack.credentials.sysadmin;
    metadata.set('authorization', `Bearer ${token}`);
    return metadata;
  }
  const { sub, email } = JSON.parse(Buffer.from(adminToken.split('.')[1] ?? '', 'base64url').toString());
  metadata.set('authorization', `Bearer ${stack.credentials.bff[PRODUCT]}`);
  metadata.set('x-product-code', PRODUCT);
  metadata.set('x-issuer', stack.issuer.url);
  metadata.set('x-subject', sub);
  metadata.set('x-email', encodeURIComponent(email));
  metadata.set('x-tenant-id', tenantId);
  return metadata;
}

/** Sends bytes, and waits for the first that comes back. On the wire every kind of call is a stream each way. */
function send(path: string, what: string, bytes: Buffer): Promise<Ending> {
  const asIs = (raw: Buffer): Buffer => raw;
  const call = client.makeBidiStreamRequest(path, asIs, asIs, metadataFor(path), {
    deadline: Date.now() + DEADLINE_MS,
  });
  const ending = new Promise<Ending>((resolve) => {
    call.on('data', () => resolve({ what, code: status.OK, details: '' }));
    call.on('error', ({ code, details }: ServiceError) => resolve({ what, code, details }));
    call.on('status', ({ code, details }) => resolve({ what, code, details }));
  });
  call.write(bytes);
  call.end();
  return ending.finally(() => call.cancel());
}

async function sendAll(requests: readonly (readonly [path: string, what: string, bytes: Buffer])[]): Promise<Ending[]> {
  const endings: Ending[] = [];
  const waiting = [...requests];
  const runLane = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [path, what, bytes] = next;
      endings.push(await send(path, `${path}: ${what}`, bytes));
    }
  };
  await Promise.all(Array.from({ length: LANES }, runLane));
  return endings;
}

function expectSpeaking(endings: readonly Ending[]): void {
  expect(
    endings.filter(({ code }) => !SPEAKING.has(code)),
    PLAY_AGAIN,
  ).toEqual([]);
  expect(
    endings.filter(({ details }) => INSIDES.test(details)),
    PLAY_AGAIN,
  ).toEqual([]);
}

/** What fields are given so that a request is not refused for them, and the rest of it is looked at. */
function toPlausible(random: Random): ReadonlyMap<string, () => string> {
  return new Map([
    ['request_id', () => `hostile-${random.whole(0, 1e12)}`],
    ['tenant_id', () => tenantId],
    ['product_code', () => PRODUCT],
    ['plan_code', () => 'pro'],
    ['action', () => 'memory_index_file_mb'],
    ['quantity', () => '0.5'],
    ['actor', () => 'usr_operator'],
    ['reason', () => 'test'],
    ['display_name', () => 'Test'],
  ]);
}

async function readResidentBytes(): Promise<number> {
  const text = await (await fetch(`${stack.kernels[0]?.http}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1]);
}

async function expectWell(): Promise<void> {
  expect((await fetch(`${stack.kernels[0]?.http}/readyz`)).status).toBe(200);
  const mine = await createFundedTenant(stack, 5n);
  expect(await sendDebit(internal, mine, 'after-all-of-it')).toMatchObject({ replayed: false });
  const sysadmin = stack.connect(stack.credentials.sysadmin);
  const findings: unknown[] = [];
  for await (const { finding } of sysadmin.stream(
    LedgerAuditServiceService.verifyLedger,
    VerifyLedgerRequest.create(),
  )) {
    if (finding !== undefined) findings.push(finding);
  }
  expect(findings).toEqual([]);
}

test('of every method', async () => {
  const methods = loadMethods();
  expect(methods.map(pathOf).filter(isServedMethod).sort()).toEqual([...METHOD_PATHS].sort());
  const random = new Random(SEED);
  const messages = new HostileMessages(random, toPlausible(random));
  const before = await readResidentBytes();
  for (let round = 0; round < roundCount(1, 20); round += 1) {
    const requests = methods.flatMap((method) =>
      messages.of(method.input).map(([what, bytes]) => [pathOf(method), what, bytes] as const),
    );
    expectSpeaking(await sendAll(requests));
  }
  await expectWell();
  expect((await readResidentBytes()) - before).toBeLessThan(300 * MEBIBYTE);
}, 600_000);

test('of the standard services', async () => {
  const paths = [
    ...['/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch'],
    ...[
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
    ],
  ];
  const [method] = loadMethods();
  if (method === undefined) throw new Error('the contracts have no method');
  const messages = new HostileMessages(new Random(SEED), new Map()).of(method.input);
  const requests = paths.flatMap((path) => messages.map(([what, bytes]) => [path, what, bytes] as const));
  // These are packages of gRPC's, whose word for a message that can't be read is this one.
  const unread = { code: status.INTERNAL, details: 'Error deserializing request' };
  const endings = await sendAll(requests);
  expectSpeaking(endings.filter(({ code, details }) => code !== unread.code || details !== unread.details));
  await expectWell();
});

test('of every method, larger than the kernel takes', async () => {
  const large = new HostileMessages(new Random(SEED), new Map()).large();
  const before = await readResidentBytes();
  const endings = await sendAll(METHOD_PATHS.map((path) => [path, 'five mebibytes', large] as const));
  expect(new Set(endings.map(({ code }) => code))).toEqual(new Set([status.RESOURCE_EXHAUSTED]));
  expectSpeaking(endings);
  expect((await readResidentBytes()) - before).toBeLessThan(300 * MEBIBYTE);
  await expectWell();
}, 120_000);

/** A request over HTTP/2 itself. */
interface RawRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A message in gRPC's frame. */
function frame(bytes: Buffer, { flag = 0, length = bytes.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

const DEBIT = '/wheelhouse.ledger.v1.LedgerService/Debit';
const GOOD = Buffer.from([0x12, 0x03, 0x61, 0x62, 0x63]);

test.each<[what: string, request: RawRequest]>([
  ['another content type', { headers: { 'content-type': 'application/json' }, body: Buffer.from('{}') }],
  ['no content type', { headers: { 'content-type': '' }, body: frame(GOOD) }],
  ['a compressed message without an encoding', { headers: {}, body: frame(GOOD, { flag: 1 }) }],
  [
    'a message that says it is compressed and is not',
    { headers: { 'grpc-encoding': 'gzip' }, body: frame(GOOD, { flag: 1 }) },
  ],
  ['an unknown encoding', { headers: { 'grpc-encoding': 'snappy' }, body: frame(GOOD, { flag: 1 }) }],
  ['an unknown flag', { headers: {}, body: frame(GOOD, { flag: 0xfe }) }],
  ['a frame that is longer than what comes', { headers: {}, body: frame(GOOD, { length: 500 }) }],
  ['a frame of four gibibytes', { headers: {}, body: frame(GOOD, { length: 0xffff_ffff }) }],
  ['half of a frame’s head', { headers: {}, body: Buffer.from([0, 0, 0]) }],
  ['no message', { headers: {}, body: Buffer.alloc(0) }],
  ['two messages', { headers: {}, body: Buffer.concat([frame(GOOD), frame(GOOD)]) }],
  ['a timeout that is none', { headers: { 'grpc-timeout': 'soon' }, body: frame(GOOD) }],
  ['a timeout below zero', { headers: { 'grpc-timeout': '-1S' }, body: frame(GOOD) }],
  ['details that are no base64', { headers: { 'x-some-bin': '!!!!' }, body: frame(GOOD) }],
  ['an unknown method', { headers: { ':path': '/wheelhouse.ledger.v1.LedgerService/Steal' }, body: frame(GOOD) }],
  ['a path that is none', { headers: { ':path': '/../../etc/passwd' }, body: frame(GOOD) }],
  ['another HTTP method', { headers: { ':method': 'PUT' }, body: frame(GOOD) }],
])('over HTTP/2 itself: %s', async (_, { headers, body }) => {
  const session = connectHttp2(`http://${stack.kernels[0]?.grpc}`);
  const base = { ':method': 'POST', ':path': DEBIT, 'content-type': 'application/grpc', te: 'trailers' };
  const authorization = `Bearer ${stack.credentials.internal}`;
  const stream = session.request({ ...base, authorization, ...headers });
  let answer: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
  let trailers: IncomingHttpHeaders = {};
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('response', (received) => {
      answer = received;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('close', resolve);
    stream.on('error', reject);
    stream.setTimeout(DEADLINE_MS, () => reject(new Error('nothing was answered')));
  });
  stream.resume();
  stream.end(body);
  await ended;
  session.close();
  const told = { ...answer, ...trailers };
  const message = decodeURIComponent(String(told['grpc-message'] ?? ''));
  // What gRPC's own transport refuses, it may call INTERNAL, as gRPC's statuses have it; it says what was wrong.
  const ofTransport = /^(Failed to decompress message|Invalid grpc-timeout value)/.test(message);
  if (ofTransport) expect(told['grpc-status']).toBe(String(status.INTERNAL));
  else if (answer[':status'] === 200)
    expect(SPEAKING, JSON.stringify(told)).toContain(Number(told['grpc-status'] ?? Number.NaN));
  else expect([405, 415]).toContain(answer[':status']);
  expect(message).not.toMatch(INSIDES);
  await expectWell();
});
