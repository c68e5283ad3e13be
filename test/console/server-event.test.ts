import { describe, expect, it } from 'vitest';
import { readServerEvents, type ServerEvent } from '../../bff/console/src/data/server-event.ts';

/** Reads a stream that arrives in these pieces. */
async function read(...pieces: readonly string[]): Promise<readonly ServerEvent[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
  const events: ServerEvent[] = [];
  for await (const event of readServerEvents(body)) events.push(event);
  return events;
}

describe('server-sent events', () => {
  it('are read however they are cut into pieces', async () => {
    const text = 'retry: 2000\n\n: alive\n\nid: 7\nevent: balance\ndata: {"available":1}\n\n';
    const events = [{ type: 'balance', data: '{"available":1}', id: '7' }];
    expect(await read(text)).toEqual(events);
    expect(await read(...text)).toEqual(events);
  });

  it('have their lines of data put together, and may have no name', async () => {
    expect(await read('data: one\ndata: two\n\n')).toEqual([{ type: 'message', data: 'one\ntwo', id: undefined }]);
  });

  it('count only when they are whole', async () => {
    expect(await read('data: one')).toEqual([]);
  });
});
