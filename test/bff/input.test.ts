// What a request may not contain: each is refused by name, as a problem, and the kernel hears nothing of it.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GetBalanceResponse, ListEntriesResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => {
  stage.kernel.reset();
  stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});
  stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
});

const HISTORY = '/v1/billing/usage-history';

describe('the query', () => {
  test.each([
    ['page_size=-1', 'page_size'],
    ['page_size=1.5', 'page_size'],
    ['page_size=1e3', 'page_size'],
    ['page_size=%2B5', 'page_size'],
    ['page_size=0x10', 'page_size'],
    ['page_size=', 'page_size'],
    ['page_size=ten', 'page_size'],
    ['page_size=%20 5', 'page_size'],
    [`page_size=${'9'.repeat(33)}`, 'page_size'],
    ['page_size=1&page_size=2', 'page_size'],
    ['action=', 'action'],
    ['action=a%00b', 'action'],
    ['action=%C2%85', 'action'],
    [`action=${'a'.repeat(129)}`, 'action'],
    ['action=a&action=b', 'action'],
    ['project_id=', 'project_id'],
    [`project_id=${'a'.repeat(129)}`, 'project_id'],
    ['project_id=a%0Ab', 'project_id'],
    ['project_id=a%E2%80%A8b', 'project_id'],
    ['start_time=', 'start_time'],
    ['start_time=yesterday', 'start_time'],
    ['start_time=1767225600', 'start_time'],
    ['start_time=2026-01-01', 'start_time'],
    ['start_time=2026-01-01T00:00:00', 'start_time'],
    ['start_time=2026-01-01T00:00:00+02:00', 'start_time'],
    ['start_time=2026-13-01T00:00:00Z', 'start_time'],
    ['start_time=2026-02-29T00:00:00Z', 'start_time'],
    ['start_time=2026-01-01T24:00:00Z', 'start_time'],
    ['start_time=2026-01-01T23:59:60Z', 'start_time'],
    ['start_time=2026-01-01T00:00:00.Z', 'start_time'],
    ['start_time=2026-01-01T00:00:00%2B99:00', 'start_time'],
    ['start_time=%2B012026-01-01T00:00:00Z', 'start_time'],
    ['end_time=2026-01-01T00:00:00Zjunk', 'end_time'],
    ['end_time=2026-01-01T00:00:00Z&end_time=2026-01-02T00:00:00Z', 'end_time'],
    [`page_token=${'a'.repeat(1_025)}`, 'page_token'],
    ['page_token=a%20b', 'page_token'],
    ['page_token=a&page_token=b', 'page_token'],
    ['pagesize=5', 'pagesize'],
    ['Action=a', 'Action'],
    ['tenant_id=ten_other', 'tenant_id'],
    ['product_code=otherproduct', 'product_code'],
    ['action[$ne]=x', 'action[$ne]'],
    ['action[]=x', 'action[]'],
    ['action[0]=x', 'action[0]'],
    ['action.a=x', 'action.a'],
    ['action=%zz', 'action'],
    ['action=%', 'action'],
    ['action=a%2', 'action'],
    ['action=%ff', 'action'],
    ['action=%C3%28', 'action'],
    ['action=%ED%A0%80', 'action'],
    ['project_id=%E2%82', 'project_id'],
    ['page_token=%zz', 'page_token'],
    ['a=%zz', 'a'],
    ['act%zzion=a', 'act%zzion'],
    ['%ff=a', '%ff'],
    ['action=a&action=%zz', 'action'],
    ['action=a&action=a', 'action'],
    ['action=a&%61ction=a', 'action'],
    ['__proto__=x', '__proto__'],
    ['constructor=x', 'constructor'],
    ['=x', ''],
  ])('%s is refused', async (query, field) => {
    const answer = await stage.get(`${HISTORY}?${query}`);

    expect(answer.status).toBe(400);
    expect(answer.problem()).toMatchObject({
      type: 'https://wheelhouse.dev/errors/INVALID_FIELD',
      reason: 'INVALID_FIELD',
      errors: [{ field, message: expect.stringMatching(/\.$/) }],
    });
    expect(stage.kernel.calls).toEqual([]);
  });

  test('is told everything that is wrong with it at once', async () => {
    const answer = await stage.get(`${HISTORY}?page_size=-1&start_time=now&foo=1`);

    expect(
      answer
        .problem()
        .errors?.map(({ field }) => field)
        .sort(),
    ).toEqual(['foo', 'page_size', 'start_time']);
  });

  test('is told what a call takes, what it expects, and what it got', async () => {
    const answer = await stage.get(`${HISTORY}?page_size=-1&foo=1`);

    expect(answer.problem().errors).toEqual([
      {
        field: 'foo',
        message:
          'This call has no such parameter; it takes action, project_id, workflow_id, start_time, end_time, format, page_size, page_token.',
      },
      { field: 'page_size', message: 'It must be a whole number, at most 1000 (more counts as 1000), not "-1".' },
    ]);
  });

  test('is told of percent-encoding that is broken, beside what else is wrong', async () => {
    const answer = await stage.get(`${HISTORY}?action=%zz&project_id=%ff&page_size=%zz&foo=%zz`);

    const message =
      'Its percent-encoding is broken; send text in UTF-8, with each byte of it as % and two hexadecimal digits.';
    expect(answer.status).toBe(400);
    expect(answer.problem().errors).toEqual(
      expect.arrayContaining([
        { field: 'action', message },
        { field: 'project_id', message },
        { field: 'page_size', message },
        { field: 'foo', message: expect.stringContaining('This call has no such parameter') },
      ]),
    );
  });

  test.each([
    ['action=a%20b', { action: 'a b' }],
    ['action=a+b', { action: 'a b' }],
    ['action=a%2Bb%26c%3Dd', { action: 'a+b&c=d' }],
    ['project_id=Z%C3%BCrich%20%F0%9F%8E%A1', { projectId: 'Zürich 🎡' }],
    ['project_id=%EF%BF%BD', { projectId: '\ufffd' }],
    ['project_id=a=b', { projectId: 'a=b' }],
    ['&action=a&&project_id=b&', { action: 'a', projectId: 'b' }],
  ])('%s reaches the kernel as it was meant', async (query, filter) => {
    expect((await stage.get(`${HISTORY}?${query}`)).status).toBe(200);
    expect(stage.kernel.calls).toMatchObject([{ request: { filter } }]);
  });

  test.each(['/v1/billing/plans', '/v1/billing/usage', '/v1/billing/action-pricing'])(
    'of %s must be empty',
    async (path) => {
      expect((await stage.get(`${path}?at_time=now`)).problem()).toMatchObject({
        status: 400,
        errors: [{ field: 'at_time', message: 'This call has no such parameter; it takes no parameter.' }],
      });
    },
  );

  test('is not echoed at any length', async () => {
    const answer = await stage.get(`${HISTORY}?${'n'.repeat(5_000)}=1&action=${'v'.repeat(5_000)}`);

    expect(answer.status).toBe(400);
    expect(answer.text.length).toBeLessThan(2_000);
  });

  test('is refused when it holds more parameters than a query has', async () => {
    const query = Array.from({ length: 1_500 }, (_, index) => `p${index}`).join('&');

    expect((await stage.get(`${HISTORY}?${query}`)).problem()).toMatchObject({
      ...{ status: 400, reason: 'INVALID_FIELD' },
      errors: [{ field: 'query', message: 'It has 1500 parameters; send at most 100.' }],
    });
  });
});

describe('a body', () => {
  const send = async (
    body: string | Buffer,
    headers: Record<string, string>,
  ): Promise<{ status: number; reason: string; detail: string }> => {
    const authorization = `Bearer ${await stage.issuer.sign()}`;
    const fields = Object.entries({ authorization, host: 'localhost', connection: 'close', ...headers });
    const head = fields.map(([name, value]) => `${name}: ${value}`).join('\r\n');
    const lines = `GET /v1/billing/usage HTTP/1.1\r\n${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`;
    const answer = await stage.sendRaw(Buffer.concat([Buffer.from(lines), Buffer.from(body)]));
    return { ...answer.problem(), status: answer.status };
  };
  const JSON_TYPE = { 'content-type': 'application/json' };

  test('is refused where none is expected', async () => {
    expect(await send('{"product_code":"otherproduct"}', JSON_TYPE)).toMatchObject({
      status: 400,
      reason: 'INVALID_FIELD',
      errors: [{ field: 'body', message: 'GET takes no body here; send parameters in the query.' }],
    });
    expect(stage.kernel.calls).toEqual([]);
  });

  test.each(['{', '{"a":1,}', 'null x', '{"a":\u0000}'])('that is malformed JSON is told so: %j', async (body) => {
    expect(await send(body, JSON_TYPE)).toMatchObject({
      status: 400,
      reason: 'INVALID_FIELD',
      errors: [{ field: 'body' }],
    });
  });

  test.each([
    ['a byte that begins nothing', [0x22, 0xff, 0x22]],
    ['a character that is cut off', [0x22, 0xe2, 0x82, 0x22]],
    ['half of a surrogate pair', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['a longer form than needed', [0x22, 0xc0, 0xaf, 0x22]],
    ['another encoding than it says', [...Buffer.from('{"é":1}', 'latin1')]],
  ])('that is no UTF-8 is told so, and not read as another text: %s', async (_, bytes) => {
    expect(await send(Buffer.from(bytes), JSON_TYPE)).toMatchObject({
      ...{ status: 400, reason: 'INVALID_FIELD', detail: 'The body is no UTF-8; send JSON in UTF-8.' },
      errors: [{ field: 'body', message: 'The body has bytes that are no UTF-8.' }],
    });
  });

  test('may have the replacement character itself, and every other', async () => {
    expect(await send('"\ufffd€😀"', JSON_TYPE)).toMatchObject({ detail: expect.stringContaining('takes no body') });
  });

  test('that is too large is refused', async () => {
    expect(await send(`"${'x'.repeat(70_000)}"`, JSON_TYPE)).toMatchObject({
      status: 413,
      reason: 'REQUEST_TOO_LARGE',
    });
  });

  test.each([
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    {},
    { 'content-type': 'application/json; charset=latin1' },
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  ])('that is no plain JSON is refused: %j', async (headers) => {
    expect(await send('{}', headers)).toMatchObject({ status: 415, reason: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  test('is not even read before the token is checked', async () => {
    expect(await send('{', { ...JSON_TYPE, authorization: 'Bearer x' })).toMatchObject({ status: 401 });
  });

  test('in chunks is refused too', async () => {
    const answer = await stage.sendRaw(
      `GET /v1/billing/usage HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${await stage.issuer.sign()}\r\n` +
        'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
    );

    expect(answer.problem()).toMatchObject({ status: 400, errors: [{ field: 'body' }] });
  });
});
