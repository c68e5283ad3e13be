// What is told when a session is not what it was.

import { expect, it } from 'vitest';
import type { MyWorkspace, User } from '../../bff/console/src/api/type.ts';
import { describeChange } from '../../bff/console/src/session/session-change.ts';

const ADA: User = {
  user_id: 'usr_ada',
  email: 'ada@example.com',
  display_name: null,
  create_time: '2026-01-01T00:00:00Z',
};
const OTTO: User = { ...ADA, user_id: 'usr_otto', email: 'otto@example.com' };

function workspace(name: string, status: MyWorkspace['status'] = 'active'): MyWorkspace {
  return {
    workspace_id: `ten_${name}`,
    display_name: name,
    slug: name,
    owner_user_id: null,
    close_time: null,
    status,
    role: 'tenant_admin',
    project_roles: [],
    create_time: '2026-01-01T00:00:00Z',
  };
}

it.each([
  ['nothing', [workspace('a')], undefined],
  ['a workspace that is left', [], 'You are no longer in “a”.'],
  ['one that is closed', [workspace('a', 'closed')], undefined],
])('is %s', (_words, now, told) => {
  expect(describeChange({ user: ADA, workspaces: [workspace('a')] }, { user: ADA, workspaces: now })).toBe(told);
});

it('is the other person, and not what the first has left', () => {
  const change = describeChange({ user: ADA, workspaces: [workspace('a')] }, { user: OTTO, workspaces: [] });
  expect(change).toBe('This browser is signed in as otto@example.com now.');
});
