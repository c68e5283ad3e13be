import { once } from 'node:events';
import { chmod, readdir } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { waitUntilWritable } from '../../dev/engine/database-probe.ts';
import { type Engine, type EngineOptions, startEngine } from '../../dev/engine/engine.ts';
import { loadEngineChoice } from '../../dev/engine/engine-choice.ts';
import { findMemoryServer } from '../../dev/engine/memory-server.ts';
import { startEngine as startTestEngine, type TestEngine } from '../support/engine.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const BROKEN_PROGRAM = '#!/bin/sh\necho "this processor is too old" >&2\nexit 132\n';
/** Nothing listens there: the memory server's download fails at once, and without Python nothing can be installed. */
const NO_NETWORK = { MONGOMS_DOWNLOAD_MIRROR: 'http://127.0.0.1:1', MONGOMS_DOWNLOAD_DIR: '/nowhere' };

/** Makes a folder of programs to be PATH, and an empty cache, so that only what a test puts there is found. */
async function makeMachine(programs: Readonly<Record<string, string>>) {
  const folder = await writeTemporaryTree({ 'bin/.keep': '', ...programs });
  for (const name of Object.keys(programs)) await chmod(join(folder, name), 0o755);
  const environment = { PATH: join(folder, 'bin'), HOME: folder, XDG_CACHE_HOME: join(folder, 'cache'), ...NO_NETWORK };
  return { folder, environment, dataFolder: join(folder, 'data') };
}

async function run(
  machine: Pick<EngineOptions, 'environment' | 'dataFolder'>,
  settings: Readonly<Record<string, string>> = {},
  notes: string[] = [],
): Promise<Engine> {
  const environment = { ...machine.environment, ...settings };
  const choice = loadEngineChoice(environment);
  const note = (text: string): void => void notes.push(text);
  const engine = await startEngine({ ...machine, choice, environment, port: 0, database: 'test', note });
  onTestFinished(() => engine.stop());
  return engine;
}

/** Returns a program that stands for `secantusd-rs`; both servers of SecantusDB take the same arguments. */
async function findRealProgram(context: TestContext): Promise<string> {
  const engine = await startTestEngine();
  await engine.stop();
  const command = engine.kind.startsWith('secantus') ? engine.choice.programPath : undefined;
  if (command === undefined) context.skip(`needs a SecantusDB server, and the tests run on ${engine.description}`);
  return `#!/bin/sh\nexec '${command}' "$@"\n`;
}

describe('the search for an engine', () => {
  it('names in one sentence all that it tried, and what to do', async () => {
    const machine = await makeMachine({});
    const failure = await run(machine).catch(String);
    expect(failure).toMatch(
      /No MongoDB engine is to be had: tried MONGODB_URI \(not set\), mongod \(not on PATH\), secantusd-rs \(not on PATH\), memory-server \(.+\), secantusdb \(no python3 on PATH; .+\)\. Install MongoDB .+ or set MONGODB_URI/,
    );
    expect(failure).not.toContain('\n');
  });

  it('tries only what was forced', async () => {
    const machine = await makeMachine({});
    await expect(run(machine, { WHEELHOUSE_ENGINE: 'secantusd-rs' })).rejects.toThrow(
      'The engine chosen by WHEELHOUSE_ENGINE is not to be had: tried secantusd-rs (not on PATH).',
    );
  });

  it.each([
    [{ WHEELHOUSE_ENGINE: 'postgres' }, 'WHEELHOUSE_ENGINE=postgres names no engine: set it to one of mongod, secant'],
    [{ WHEELHOUSE_ENGINE: 'mongod', MONGODB_URI: 'mongodb://x' }, 'contradict each other'],
    [{ WHEELHOUSE_ENGINE_PATH: '/bin/mongod' }, 'WHEELHOUSE_ENGINE_PATH needs WHEELHOUSE_ENGINE'],
  ])('refuses %o', async (settings, message) => {
    await expect(run(await makeMachine({}), settings)).rejects.toThrow(message);
  });

  it('says which server does not answer, without its password', async () => {
    const machine = await makeMachine({});
    const failure = await run(machine, { MONGODB_URI: 'mongodb://me:secret@127.0.0.1:1' }).catch(String);
    expect(failure).toMatch(/MONGODB_URI \(127\.0\.0\.1:1\) doesn't work: .*unset MONGODB_URI/);
    expect(failure).not.toContain('secret');
  });

  it('goes on where a program is there but does not run, and says why in the end', async () => {
    const machine = await makeMachine({ 'bin/mongod': BROKEN_PROGRAM });
    await expect(run(machine)).rejects.toThrow(/mongod \(.*did not start.*exit code 132.*too old\), secantusd-rs/);
  });

  it('fails with the last words of a program that was forced and does not run', async () => {
    const machine = await makeMachine({ 'bin/mongod': BROKEN_PROGRAM });
    const failure = run(machine, { WHEELHOUSE_ENGINE: 'mongod' });
    await expect(failure).rejects.toThrow(/mongod .*did not start on port \d+ [\s\S]*this processor is too old/);
  });

  it('takes the first that runs, and stays with it when an earlier one appears', async (context) => {
    const program = await findRealProgram(context);
    const machine = await makeMachine({ 'bin/secantusd-rs': program });
    const first = await run(machine);
    expect(first.kind).toBe('secantusd-rs');
    await waitUntilWritable(first.uri, 5_000);
    await first.stop();
    const better = await makeMachine({ 'bin/mongod': BROKEN_PROGRAM, 'bin/secantusd-rs': program });
    const second = await run({ environment: better.environment, dataFolder: machine.dataFolder });
    expect(second.kind).toBe('secantusd-rs');
    expect((await readdir(machine.dataFolder)).sort()).toEqual(['engine.json', 'secantusd-rs']);
  });

  it('says so where the engine of the last start is gone', async () => {
    const machine = await makeMachine({ 'data/engine.json': '{"kind":"secantusd-rs"}', 'data/secantusd-rs/data': 'x' });
    const notes: string[] = [];
    await expect(run(machine, {}, notes)).rejects.toThrow('No MongoDB engine');
    expect(notes).toEqual(['secantusd-rs, which has the data of the last start, is gone: starting without them']);
  });
});

describe('the download of mongod', () => {
  it('that hangs is given up', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { environment } = await makeMachine({});
    const mirror = { MONGOMS_DOWNLOAD_MIRROR: `http://127.0.0.1:${port}` };
    const startedAt = performance.now();
    const found = await findMemoryServer({
      environment: { ...environment, ...mirror },
      programPath: undefined,
      note() {},
    });
    expect(found).toEqual({ kind: 'memory-server', miss: expect.stringContaining("can't be reached") });
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  });
});

describe("a test's own engine", () => {
  it('keeps what was acknowledged when it is killed and restarted, and is gone in the end', async (context) => {
    const engine: TestEngine = await startTestEngine();
    onTestFinished(() => engine.stop());
    if (!engine.isOwn) context.skip('MONGODB_URI names a server that is not ours to kill');
    await waitUntilWritable(engine.uri, 5_000);
    await engine.kill9();
    await expect(waitUntilWritable(engine.uri, 100)).rejects.toThrow('no write was possible');
    await engine.restart();
    await waitUntilWritable(engine.uri, 5_000);
    expect(engine.freshDatabaseUri()).not.toBe(engine.freshDatabaseUri());
  });
});
