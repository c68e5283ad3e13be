// What the body of a request may be: each mistake is refused by name, and the kernel hears nothing of it.

import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findTextFault } from '../../bff/json-text.ts';
import { UpdateMemberResponse } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => {
  stage.kernel.reset();
  stage.kernel.answers.updateMember = () =>
    UpdateMemberResponse.fromPartial({ member: { userId: 'usr_2', createTime: new Date(0) } });
});

const WORKSPACE = `/v1/workspaces/${TENANT_ID}`;
const PATH = `${WORKSPACE}/members/usr_2`;
const GOOD = { tenant_admin: true, project_roles: [] };

describe('a field', () => {
  test.each([
    ['{}', ['project_roles', 'tenant_admin']],
    ['{"tenant_admin":true}', ['project_roles']],
    ['{"tenant_admin":"true","project_roles":[]}', ['tenant_admin']],
    ['{"tenant_admin":1,"project_roles":{}}', ['project_roles', 'tenant_admin']],
    ['{"tenant_admin":null,"project_roles":[]}', ['tenant_admin']],
    ['{"tenant_admin":false,"project_roles":[{}]}', ['project_roles.0.project_id', 'project_roles.0.role']],
    ['{"tenant_admin":false,"project_roles":[{"project_id":"prj_1","role":"tenant_admin"}]}', ['project_roles.0.role']],
    [
      '{"tenant_admin":false,"project_roles":[{"project_id":{"$ne":""},"role":"project_viewer"}]}',
      ['project_roles.0.project_id'],
    ],
    [
      '{"tenant_admin":false,"project_roles":[{"project_id":"prj_1","role":"project_viewer","__proto__":{}}]}',
      ['project_roles.0.__proto__'],
    ],
    ['{"tenant_admin":false,"project_roles":[],"tenantAdmin":true}', ['tenantAdmin']],
    ['{"tenant_admin":false,"project_roles":[],"owner":true,"user_id":"usr_1"}', ['owner', 'user_id']],
  ])('%s is told what is wrong with it', async (body, fields) => {
    const answer = await stage.write('PATCH', PATH, body);

    expect(answer.status).toBe(400);
    const errors = answer.problem().errors ?? [];
    expect(errors.map(({ field }) => field).sort()).toEqual(fields);
    for (const { message } of errors) expect(message).toMatch(/\.$/);
    expect(stage.kernel.calls).toEqual([]);
  });

  test('that is null is refused where it may be left out', async () => {
    const answer = await stage.write('PATCH', WORKSPACE, { display_name: null, slug: null });

    expect(answer.problem().errors?.map(({ field }) => field)).toEqual(['display_name', 'slug']);
    expect(stage.kernel.calls).toEqual([]);
  });

  test('is told which fields there are, and not at any length', async () => {
    const answer = await stage.write('PATCH', PATH, { ...GOOD, ['x'.repeat(5_000)]: 'y'.repeat(5_000) });

    expect(answer.problem().errors?.[0]?.message).toBe(
      'This call has no such field; it takes tenant_admin, project_roles.',
    );
    expect(answer.text.length).toBeLessThan(1_000);
  });
});

describe('a body', () => {
  test.each(['[]', '"x"', '1', 'true', 'null', '[{"tenant_admin":true}]'])(
    'that is no object is refused: %s',
    async (body) => {
      expect((await stage.write('PATCH', PATH, body)).problem()).toMatchObject({ errors: [{ field: 'body' }] });
    },
  );

  test.each([
    ['{"tenant_admin":false,"project_roles":[],"tenant_admin":true}', 'tenant_admin'],
    ['{"tenant_admin":false,"project_roles":[],"\\u0074enant_admin":true}', 'tenant_admin'],
    ['{"tenant_admin":false,"project_roles":[{"role":"project_viewer","role":"project_contributor"}]}', 'role'],
  ])('that names a field twice is refused: %s', async (body, name) => {
    expect((await stage.write('PATCH', PATH, body)).problem()).toMatchObject({
      errors: [{ field: 'body', message: `An object in it names "${name}" more than once; name it once.` }],
    });
    expect(stage.kernel.calls).toEqual([]);
  });

  test('with half a character is refused, since it would not arrive as it was sent', async () => {
    const body = '{"tenant_admin":false,"project_roles":[],"note":"a\\ud800b"}';
    expect((await stage.write('PATCH', PATH, body)).problem()).toMatchObject({
      errors: [{ field: 'body', message: expect.stringContaining('half a character') }],
    });
    for (const half of ['"\\uD83D"', '"\\ude00\\ud83d"', '{"\\udfff":1}'])
      expect(findTextFault(half)).toContain('half');
    for (const whole of ['"\\ud83d\\ude00"', '"\\\\ud800"', '"\\ufffd"']) expect(findTextFault(whole)).toBeUndefined();
  });

  test.each([
    [{ 'content-type': 'text/plain' }, 415],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 415],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, 415],
    [{ 'content-type': 'application/json; charset=latin1' }, 415],
    [{ 'content-type': 'application/json; charset=utf-16le' }, 415],
    [{ 'content-type': 'application/json; charset=UTF-32' }, 415],
    [{ 'content-encoding': 'gzip' }, 415],
  ])('%j is refused', async (headers, status) => {
    expect((await stage.write('PATCH', PATH, GOOD, headers)).status).toBe(status);
    expect(stage.kernel.calls).toEqual([]);
  });

  test('in UTF-16 that says so is refused, though its bytes are UTF-8, too', async () => {
    const type = { 'content-type': 'application/json; charset=utf-16le' };
    const body = new Uint8Array(Buffer.from(JSON.stringify(GOOD), 'utf16le'));
    expect((await stage.getUnnamed(PATH, type, { method: 'PATCH', body })).status).toBe(415);
  });

  test('of 64 KiB at most is read', async () => {
    const roles = (count: number) =>
      Array.from({ length: count }, () => ({ project_id: 'p'.repeat(20), role: 'project_viewer' }));
    expect((await stage.write('PATCH', PATH, { ...GOOD, project_roles: roles(1_000) })).status).toBe(200);
    expect((await stage.write('PATCH', PATH, { ...GOOD, project_roles: roles(1_001) })).status).toBe(400);
    expect((await stage.write('PATCH', PATH, { ...GOOD, project_roles: roles(1_300) })).status).toBe(413);
  });

  test('of many levels is refused', async () => {
    for (const depth of [17, 30_000]) {
      const deep = `{"tenant_admin":true,"project_roles":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      expect((await stage.write('PATCH', PATH, deep)).problem()).toMatchObject({
        errors: [{ field: 'body', message: expect.stringContaining('more than 16 deep') }],
      });
    }
  });

  test('may be missing where nothing is required, and is refused with DELETE', async () => {
    expect(
      (await stage.write('PATCH', PATH))
        .problem()
        .errors?.map(({ field }) => field)
        .sort(),
    ).toEqual(['project_roles', 'tenant_admin']);
    expect((await stage.write('DELETE', PATH, {})).problem()).toMatchObject({ errors: [{ field: 'body' }] });
  });
});

test.each(['%20', 'a b', 'usr_1%0d%0ax-role:admin', 'u'.repeat(129), '%E2%82%AC', '{}'])(
  'an id in the path that is none is refused: %s',
  async (id) => {
    const answer = await stage.write('PATCH', `${WORKSPACE}/members/${id}`, GOOD);
    expect(answer.problem()).toMatchObject({ status: 400, errors: [{ field: 'user_id' }] });
    expect(stage.kernel.calls).toEqual([]);
  },
);

test('a path whose percent-encoding is broken is refused', async () => {
  const answer = await stage.write('PATCH', `${WORKSPACE}/members/%ff`, GOOD);
  expect(answer.problem()).toMatchObject({ status: 400, errors: [{ field: 'path' }] });
});

describe('the search for repeated names', () => {
  test('finds none in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.json({ depthSize: 'small', maxDepth: 8 }), (text) => {
        expect(findTextFault(JSON.stringify(JSON.parse(text)))).toBeUndefined();
      }),
    );
  });

  test('finds one wherever it stands', () => {
    const wrap = fc.constantFrom(
      (text: string) => `[1,${text},"}"]`,
      (text: string) => `{"a":"{\\"","b":${text}}`,
      (text: string) => ` { "a" : [ ${text} ] , "c":"," } `,
    );
    fc.assert(
      fc.property(
        fc.string(),
        fc.jsonValue({ maxDepth: 4 }),
        fc.array(wrap, { maxLength: 5 }),
        (name, value, wraps) => {
          const member = `${JSON.stringify(name)}:${JSON.stringify(value)}`;
          const inner = `{${member},"${'x'.repeat(50)}":[],${member}}`;
          const text = wraps.reduce((outer, each) => each(outer), inner);
          expect(findTextFault(text)).toMatch(/^An object in it names ".* more than once; name it once\.$/s);
        },
      ),
    );
  });
});
