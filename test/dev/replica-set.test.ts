import { describe, expect, it } from 'vitest';
import { ensureReplicaSet } from '../../dev/engine/replica-set.ts';

/** Answers as a `mongod` would whose data hold this configuration, and notes what it was told to change. */
function fakeMongod(config: Record<string, unknown> | undefined) {
  const changes: Record<string, unknown>[] = [];
  const command = (request: Record<string, unknown>): Promise<Record<string, unknown>> => {
    if (!('replSetGetConfig' in request)) changes.push(request);
    else if (config === undefined) return Promise.reject(Object.assign(new Error('no config'), { code: 94 }));
    return Promise.resolve({ ok: 1, config });
  };
  return { command, changes };
}

describe('the replica set of one', () => {
  it('is initiated on a new data folder', async () => {
    const { command, changes } = fakeMongod(undefined);
    await ensureReplicaSet(command, '127.0.0.1:27117');
    expect(changes).toEqual([
      { replSetInitiate: { _id: 'wheelhouse', members: [{ _id: 0, host: '127.0.0.1:27117' }] } },
    ]);
  });

  it('is left as it is at the same address', async () => {
    const { command, changes } = fakeMongod({ _id: 'wheelhouse', version: 1, members: [{ _id: 0, host: 'here:1' }] });
    await ensureReplicaSet(command, 'here:1');
    expect(changes).toEqual([]);
  });

  it('moves with its server to another port', async () => {
    const settings = { chainingAllowed: true };
    const member = { _id: 0, host: 'here:1', priority: 1 };
    const { command, changes } = fakeMongod({ _id: 'wheelhouse', version: 4, members: [member], settings });
    await ensureReplicaSet(command, 'here:2');
    const moved = { _id: 'wheelhouse', version: 5, members: [{ ...member, host: 'here:2' }], settings };
    expect(changes).toEqual([{ replSetReconfig: moved, force: true }]);
  });

  it('passes on what else the server says', async () => {
    const refusal = Object.assign(new Error('not authorized'), { code: 13 });
    await expect(ensureReplicaSet(() => Promise.reject(refusal), 'here:1')).rejects.toBe(refusal);
  });
});
