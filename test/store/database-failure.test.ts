import { mongo } from 'mongoose';
import { describe, expect, test } from 'vitest';
import { guardDatabase } from '../../kernel/store/database-failure.ts';

/** Makes an error as Node makes them: the driver lets some of them through as they are. */
function nodeError(code: string): Error {
  return Object.assign(new Error('This socket has been ended by the other party'), { code });
}

const refuse = (error: Error) => guardDatabase(() => Promise.reject(error));

describe('what a failure of the database means', () => {
  test.each([
    ['a socket that the other side has ended', nodeError('EPIPE')],
    ['a connection that was reset', nodeError('ECONNRESET')],
    ['a stream that is gone', nodeError('ERR_STREAM_DESTROYED')],
    ['an error of the driver', new mongo.MongoNetworkError('connection closed')],
    ['an error of the server', new mongo.MongoServerError({ errmsg: 'no', code: 91 })],
  ])('%s: DATABASE_UNAVAILABLE, with a delay to retry after', async (_, error) => {
    await expect(refuse(error)).rejects.toMatchObject({
      reason: 'DATABASE_UNAVAILABLE',
      retryDelayMs: expect.any(Number),
      cause: error,
    });
  });

  test.each([
    ['a fault of this program', new TypeError('x is not a function')],
    ['an argument that Node refuses', nodeError('ERR_INVALID_ARG_TYPE')],
  ])('%s is nothing of the database', async (_, error) => {
    await expect(refuse(error)).rejects.toBe(error);
  });
});
