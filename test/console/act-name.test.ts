// What the Console says of an act on a workspace: ids by the names that are known, roles as the Console calls them, and what somebody
// typed as it was typed.

import { describe, expect, it } from 'vitest';
import type { Member, Project, WorkspaceRecord } from '../../bff/console/src/api/type.ts';
import { describeAct, describeActor, describeChanges } from '../../bff/console/src/page/activity/act-name.ts';

const TIME = '2026-01-01T00:00:00.000Z';
const ADA: Member = {
  ...{ user_id: 'usr_1', email: 'ada@example.com', display_name: null, tenant_admin: true },
  ...{ project_roles: [], owner: true, create_time: TIME },
};
const LAUNCH: Project = { project_id: 'prj_1', display_name: 'Launch', create_time: TIME, archive_time: null };
const KNOWN = { members: [ADA], projects: [LAUNCH] };
const RECORD: WorkspaceRecord = {
  ...{ record_id: 'wrk_1', create_time: TIME, method: 'MemberService/UpdateMember', actor: 'usr_1' },
  ...{ access_token_id: null, remote_address: null, request_id: 'r', subject_id: null, changes: [] },
};

describe('an act', () => {
  it.each([
    ['MemberService/UpdateMember', 'usr_1', 'Changed a role: ada@example.com'],
    ['ProjectService/UpdateProject', 'prj_1', 'Changed a project: Launch'],
    ['InvitationService/CreateInvitation', 'inv_1', 'Invited somebody'],
    ['SubscriptionService/ChangePlan', null, 'Changed the plan'],
    ['NewService/NewMethod', null, 'NewService/NewMethod'],
  ])('%s about %s is %s', (method, subject_id, words) => {
    expect(describeAct({ ...RECORD, method, subject_id }, KNOWN)).toBe(words);
  });

  it.each([
    ['usr_1', null, 'ada@example.com'],
    ['usr_1', 'pat_1', 'ada@example.com, by an access token'],
    ['usr_2', null, 'Somebody who has left'],
    ['alice', null, 'alice (support)'],
  ])('of %s by the token %s is of %s', (actor, access_token_id, words) => {
    expect(describeActor({ ...RECORD, actor, access_token_id }, [ADA])).toBe(words);
  });

  it('that made something does not say its name again', () => {
    const made = { ...RECORD, method: 'ProjectService/CreateProject', subject_id: 'prj_1' };
    const changes = [{ field: 'display_name', before: '', after: 'Launch' }];
    expect(describeChanges({ ...made, changes }, KNOWN)).toEqual([]);
    expect(describeChanges({ ...made, changes }, { members: [], projects: [] })).toEqual(['Name: Launch']);
  });

  it.each([
    [
      'role',
      'tenant_admin',
      'project_viewer of prj_1, project_contributor of prj_2',
      'Role: Administrator → Viewer of Launch, Contributor of prj_2',
    ],
    ['role', 'member', '', 'Role: No role → –'],
    ['role', '', 'tenant_admin', 'Role: Administrator'],
    ['owner_user_id', 'usr_2', 'usr_1', 'Owner: usr_2 → ada@example.com'],
    ['archived', 'false', 'true', 'Archived: No → Yes'],
    ['display_name', 'usr_1', 'tenant_admin', 'Name: usr_1 → tenant_admin'],
    ['new_field', 'a', 'b', 'new_field: a → b'],
  ])('that made %s of %j %j says so', (field, before, after, words) => {
    expect(describeChanges({ ...RECORD, changes: [{ field, before, after }] }, KNOWN)).toEqual([words]);
  });
});
