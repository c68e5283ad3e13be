// Owns the part about REST: what customers ask most, through a BFF against empty servers; how late answers are at seven tenths of
// that; and what connections that nobody uses cost.

import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as newUuid } from 'uuid';
import { startIssuer } from '../../dev/issuer/issuer.ts';
import { loadSigningKey } from '../../dev/issuer/signing-key.ts';
import { startBff } from '../../dev/program.ts';
import {
  CatalogServiceService,
  ListPlansRequest,
  ListPlansResponse,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import {
  GetBalanceRequest,
  GetBalanceResponse,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { MemberServiceService, PutMemberRequest } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { type EmptyAnswers, startEmptyHttp } from './empty-stage.ts';
import { readMemory } from './footprint-part.ts';
import { type Measurement, measureInterleaved } from './measurement.ts';
import { measurePaced } from './paced.ts';
import { type PartContext, toList } from './part-context.ts';
import type { PartResult, Row } from './row.ts';
import type { Stage } from './stage.ts';
import { createGets, createGetsInTurn, type GetTarget } from './workload/http.ts';

const PRODUCT_CODE = 'agentruntime';
const PERSON = 'usr_bench';
const HTTP_IN_FLIGHT = 64;
const PLANS = '/v1/billing/plans';
const USAGE = '/v1/billing/usage';
const LOAD_SHARE = 0.7;
const CONNECTIONS = 1_000;
const OPENED_AT_ONCE = 50;
/** Requests and connections are counted, as in production, but none is too many. */
const COUNTED_BUT_UNLIMITED = { RATE_LIMIT_PER_ADDRESS: '10000000', RATE_LIMIT_PER_CALLER: '10000000' };

interface RestStage {
  readonly bff: GetTarget;
  /** Are the headers of requests about as many workspaces as are in flight: no two ask the same at once. */
  readonly apart: readonly GetTarget['headers'][];
  readonly empty: GetTarget;
  readonly bffPid: number;
}

/** `GET /plans` and `GET /usage` through a BFF, and its connections. */
export async function measureRest(context: PartContext): Promise<PartResult> {
  const { bff, apart, empty, bffPid } = await startRestStage(context);
  const measured = await measureInterleaved(
    {
      emptyPlans: createGets('empty Express + empty gRPC hop, plans', empty, PLANS, HTTP_IN_FLIGHT),
      plans: createGets(`GET ${PLANS} through the BFF`, bff, PLANS, HTTP_IN_FLIGHT),
      emptyUsage: createGets('empty Express + empty gRPC hop, usage', empty, USAGE, HTTP_IN_FLIGHT),
      usage: createGets(`GET ${USAGE} through the BFF`, bff, USAGE, HTTP_IN_FLIGHT),
      usageApart: createGetsInTurn(`GET ${USAGE}, each of another workspace`, bff.url, apart, USAGE, HTTP_IN_FLIGHT),
    },
    context.measure,
  );
  const { plans, emptyPlans, usage, usageApart, emptyUsage } = measured;
  const toPaced = (target: GetTarget, { name, operationsPerSecond }: Measurement) => ({
    name,
    perSecond: Math.round(operationsPerSecond * LOAD_SHARE),
    call: createGets(name, target, USAGE, HTTP_IN_FLIGHT).call,
  });
  const paced = await measurePaced({ empty: toPaced(empty, emptyUsage), usage: toPaced(bff, usage) }, context.measure);
  const rows: Row[] = [
    { kind: 'comparison', subject: plans, baseline: emptyPlans, ratioAtLeast: 0.6 },
    { kind: 'comparison', subject: usage, baseline: emptyUsage, ratioAtLeast: 0.6 },
    { kind: 'comparison', subject: usageApart, baseline: emptyUsage },
    { kind: 'latency', subject: paced.usage, baseline: paced.empty },
    await measureConnections(bff, bffPid),
  ];
  return { rows, measurements: toList(measured) };
}

async function startRestStage(context: PartContext): Promise<RestStage> {
  const { stage, lifetime, hotTenantId } = context;
  const [kernel] = stage.kernels;
  if (kernel === undefined) throw new Error('The stage has no kernel.');
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bench-issuer-'));
  lifetime.add(() => rm(folder, { recursive: true, force: true }));
  const issuer = await startIssuer(await loadSigningKey(join(folder, 'issuer-key.json')), 0);
  lifetime.add(() => issuer.stop());
  const bff = await startBff({
    ...{ environment: process.env, settings: COUNTED_BUT_UNLIMITED, productCode: PRODUCT_CODE },
    ...{ kernels: [kernel.grpc], kernelToken: stage.bffToken, issuer: issuer.url, port: 0 },
  });
  lifetime.addProcess(bff.process);
  const token = await issuer.mint({ productCode: PRODUCT_CODE, userId: PERSON, email: 'person@example.com' });
  const others = await stage.createTenants(HTTP_IN_FLIGHT);
  await Promise.all([hotTenantId, ...others].map((tenantId) => makeAdmin(stage, tenantId, issuer.url)));
  const headersOf = (tenantId: string) => ({ authorization: `Bearer ${token}`, 'x-workspace-id': tenantId });
  const headers = headersOf(hotTenantId);
  const emptyUrl = await startEmptyHttp(context, await loadAnswers(stage, hotTenantId));
  return {
    bff: { url: bff.url, headers },
    apart: others.map(headersOf),
    empty: { url: emptyUrl, headers },
    bffPid: bff.process.pid,
  };
}

async function makeAdmin({ operator }: Stage, tenantId: string, issuer: string): Promise<void> {
  const person = { issuer, subject: PERSON, email: 'person@example.com', tenantAdmin: true };
  const by = { requestId: newUuid(), actor: 'bench', reason: 'bench' };
  await operator.call(MemberServiceService.putMember, PutMemberRequest.fromPartial({ tenantId, ...person, ...by }));
}

/** What a kernel answers, for the empty server to answer. */
async function loadAnswers({ operator }: Stage, tenantId: string): Promise<EmptyAnswers> {
  const plansRequest = ListPlansRequest.fromPartial({ productCode: PRODUCT_CODE, offeredOnly: true });
  const plans = await operator.call(CatalogServiceService.listPlans, plansRequest);
  const balance = await operator.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));
  return {
    plans: Buffer.from(ListPlansResponse.encode(plans).finish()),
    balance: Buffer.from(GetBalanceResponse.encode(balance).finish()),
  };
}

/** Opens many connections, makes one request on each, and leaves them open. */
async function measureConnections(target: GetTarget, pid: number): Promise<Row> {
  const name = `memory of ${CONNECTIONS.toLocaleString('en-US')} idle connections of a BFF`;
  const before = await readMemory(pid);
  const sockets: Socket[] = [];
  try {
    while (sockets.length < CONNECTIONS) {
      sockets.push(...(await Promise.all(Array.from({ length: OPENED_AT_ONCE }, () => openIdle(target)))));
    }
    const after = await readMemory(pid);
    if (before === undefined || after === undefined) {
      return { kind: 'missing', name, why: 'this system does not tell the memory of a process' };
    }
    const note = `resident, more than before them; ${after.nowMib} MiB in all`;
    return { kind: 'size', name, value: after.nowMib - before.nowMib, unit: 'MiB', note };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

function openIdle({ url, headers }: GetTarget): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const lines = Object.entries({ host: hostname, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('error', reject);
    socket.once('data', (answer) => {
      if (answer.toString('latin1').startsWith('HTTP/1.1 200 ')) resolve(socket);
      else reject(new Error(`GET ${USAGE} was answered with ${answer.toString('latin1').split('\r\n')[0]}`));
    });
    socket.write(`GET ${USAGE} HTTP/1.1\r\n${lines.join('')}\r\n`);
  });
}
