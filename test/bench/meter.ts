// Owns what is read beside the clock, before and after each round: processor time by process, and commands sent to the
// database, as the kernels count them and as the server does.

import { readFile } from 'node:fs/promises';
import { type AdminCommand, withAdminCommand } from '../../dev/engine/database-probe.ts';
import { isRecord } from '../../dev/json-file.ts';

/** Linux's clock ticks per second, as /proc shows processor time on every machine that Node runs on. */
const TICKS_PER_SECOND = 100;
const COMMAND_COUNTER = /^wheelhouse_db_commands_total\{[^}]*\} (\d+)/gm;
const SERVER_COUNTERS = ['insert', 'query', 'update', 'delete', 'getmore', 'command'];

const METERS = [
  /** Processor seconds of this process, which drives the load. */
  'client',
  /** Processor seconds of all gRPC servers: kernels and the empty one. */
  'servers',
  /** Processor seconds of the engine, where its process is ours. */
  'engine',
  /** Processor seconds of everything on the machine. */
  'machine',
  /** Commands that the kernels sent. */
  'commandsSent',
  /** Commands that the database server counted, where it does; the meter's own are among them. */
  'commandsCounted',
] as const;

/** Is what the meters show; differences of two readings tell what a round took. Undefined is what nobody tells. */
export type Reading = Readonly<Record<(typeof METERS)[number], number | undefined>>;

/** Says whose meters are read. */
export interface MeterSubjects {
  /** Are the kernels' HTTP addresses, as URLs. */
  readonly kernelUrls: readonly string[];
  readonly serverPids: readonly number[];
  readonly enginePid: number | undefined;
  readonly engineUri: string;
}

/** Reads all meters. Throws where a kernel is gone. */
export async function readMeters(subjects: MeterSubjects): Promise<Reading> {
  const { kernelUrls, serverPids, enginePid, engineUri } = subjects;
  const { user, system } = process.cpuUsage();
  return {
    client: (user + system) / 1_000_000,
    servers: sumKnown(await Promise.all(serverPids.map(readProcessSeconds))),
    engine: enginePid === undefined ? undefined : await readProcessSeconds(enginePid),
    machine: await readMachineSeconds(),
    commandsSent: sumKnown(await Promise.all(kernelUrls.map(readCommandsSent))),
    commandsCounted: await withAdminCommand(engineUri, readCommandsCounted).catch(() => undefined),
  };
}

/** Returns the difference of two readings. */
export function subtractReadings(after: Reading, before: Reading): Reading {
  return toReading((meter) => sumKnown([after[meter], before[meter] === undefined ? undefined : -before[meter]]));
}

/** Returns the sum of readings. */
export function addReadings(readings: readonly Reading[]): Reading {
  return toReading((meter) => sumKnown(readings.map((reading) => reading[meter])));
}

function toReading(read: (meter: (typeof METERS)[number]) => number | undefined): Reading {
  // The keys are the meters, all of them.
  return Object.fromEntries(METERS.map((meter) => [meter, read(meter)])) as Reading;
}

/** Sums values; one that is unknown makes the sum unknown. */
export function sumKnown(values: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const value of values) {
    if (value === undefined) return undefined;
    total += value;
  }
  return total;
}

async function readCommandsSent(kernelUrl: string): Promise<number> {
  const text = await (await fetch(`${kernelUrl}/metrics`)).text();
  const counts = [...text.matchAll(COMMAND_COUNTER)].map(([, count]) => Number(count));
  if (counts.length === 0) throw new Error(`${kernelUrl}/metrics has no wheelhouse_db_commands_total`);
  return counts.reduce((total, count) => total + count, 0);
}

/** Reads `opcounters`. An insert counts its documents there, which for one tenant are one for each command. */
async function readCommandsCounted(command: AdminCommand): Promise<number | undefined> {
  const { opcounters } = await command({ serverStatus: 1 });
  if (!isRecord(opcounters)) return undefined;
  return SERVER_COUNTERS.reduce((total, name) => total + Number(opcounters[name] ?? 0), 0);
}

async function readProcessSeconds(pid: number): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The command name stands in parentheses and may hold spaces: user and system time are the 12th and 13th after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return undefined;
  }
}

async function readMachineSeconds(): Promise<number | undefined> {
  try {
    const [total = ''] = (await readFile('/proc/stat', 'utf8')).split('\n');
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = total.trim().split(/\s+/).slice(1).map(Number);
    return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
  } catch {
    return undefined;
  }
}
