// What may happen to a workspace as a group of people, as tables, and what must hold after any history of it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../kernel/domain/error.ts';
import type { InvitationId, PlanCode, ProductCode, ProjectId, TenantId, UserId } from '../../kernel/domain/id.ts';
import { computeSlug, computeSlugVariant, isSlug } from '../../kernel/domain/slug.ts';
import {
  acceptInvitation,
  addInvitation,
  addProject,
  assertUsable,
  changeOwner,
  changeProject,
  changeStanding,
  computeRole,
  type Invitation,
  isOpen,
  MEMBERS_MAX,
  type Member,
  OPEN_INVITATIONS_MAX,
  PROJECTS_MAX,
  type Project,
  putMember,
  ROLES_MAX,
  removeMember,
  revokeInvitation,
  type Standing,
  statusOfInvitation,
  type Workspace,
} from '../../kernel/domain/workspace.ts';
import { roundCount } from '../support/round-count.ts';

const NOW = 1_767_225_600_000;
const WEEK_MS = 7 * 86_400_000;
const ADMIN: Standing = { tenantAdmin: true, projectRoles: [] };
const NOBODY: Standing = { tenantAdmin: false, projectRoles: [] };

const userOf = (name: string | number) => `usr_${name}` as UserId;
const projectIdOf = (name: string | number) => `prj_${name}` as ProjectId;
const projectOf = (name: string | number, fields: Partial<Project> = {}): Project => ({
  ...{ projectId: projectIdOf(name), displayName: `Project ${name}`, createdAt: NOW, ...fields },
});
const memberOf = (name: string | number, standing: Standing = NOBODY): Member => ({
  ...{ userId: userOf(name), joinedAt: NOW, ...standing },
});
const viewerOf = (project: string | number): Standing => ({
  tenantAdmin: false,
  projectRoles: [{ projectId: projectIdOf(project), role: 'project_viewer' }],
});

/** Does something that must be refused. */
function refusalOf(act: () => unknown): DomainError {
  try {
    act();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

function workspaceOf(fields: Partial<Workspace> = {}): Workspace {
  return {
    tenantId: 'ten_a' as TenantId,
    productCode: 'agentruntime' as ProductCode,
    displayName: 'Acme',
    slug: 'acme',
    ownerUserId: userOf('ann'),
    planCode: 'free' as PlanCode,
    status: 'active',
    createdAt: NOW,
    members: [memberOf('ann', ADMIN)],
    invitations: [],
    projects: [],
    ...fields,
  };
}

function invitationOf(name: string | number, fields: Partial<Invitation> = {}): Invitation {
  return {
    invitationId: `inv_${name}` as InvitationId,
    email: `${name}@example.com`,
    tokenDigest: `digest ${name}`,
    status: 'pending',
    invitedBy: userOf('ann'),
    createdAt: NOW,
    expiresAt: NOW + WEEK_MS,
    ...NOBODY,
    ...fields,
  };
}

const accept = (workspace: Workspace, name: string, { now = NOW, memberLimit = null as number | null } = {}) =>
  acceptInvitation(
    workspace,
    `digest ${name}`,
    { userId: userOf(name), email: `${name}@example.com` },
    { now, memberLimit },
  );

describe('a role', () => {
  it.each<[Standing, string | undefined]>([
    [ADMIN, 'tenant_admin'],
    [NOBODY, undefined],
    [viewerOf(1), 'project_viewer'],
    [
      {
        ...NOBODY,
        projectRoles: [...viewerOf(1).projectRoles, { projectId: projectIdOf(2), role: 'project_contributor' }],
      },
      'project_contributor',
    ],
  ])('of %j is %s, the highest of its projects', (standing, role) => {
    expect(computeRole(standing)).toBe(role);
  });
});

describe('the last admin', () => {
  const bob = workspaceOf({ members: [memberOf('ann', ADMIN), memberOf('bob')] });

  it.each([
    ['leave', () => removeMember(bob, userOf('ann'))],
    ['be made less', () => changeStanding(bob, userOf('ann'), NOBODY)],
    ['be put in as less', () => putMember(bob, memberOf('ann'), null)],
  ])('can’t %s', (_, act) => {
    expect(refusalOf(act)).toMatchObject({ reason: 'LAST_ADMIN' });
  });

  it('can where somebody else is one, to whom the workspace goes', () => {
    const two = workspaceOf({ members: [memberOf('ann', ADMIN), memberOf('bob'), memberOf('cid', ADMIN)] });
    expect(removeMember(two, userOf('ann'))).toMatchObject({ ownerUserId: 'usr_cid' });
    expect(changeStanding(two, userOf('ann'), NOBODY)).toMatchObject({ ownerUserId: 'usr_cid' });
    // Whoever is not the owner changes nothing of that.
    expect(removeMember(two, userOf('cid'))).toMatchObject({ ownerUserId: 'usr_ann' });
  });

  it('is not asked for in a workspace of an earlier release, which has none', () => {
    const { ownerUserId: _, ...earlier } = workspaceOf({ members: [memberOf('bob')] });
    expect(changeStanding(earlier, userOf('bob'), NOBODY).members).toHaveLength(1);
    expect(removeMember(earlier, userOf('bob')).members).toEqual([]);
  });

  it('can’t give the workspace to whoever is no admin, or not there', () => {
    expect(refusalOf(() => changeOwner(bob, userOf('bob')))).toMatchObject({ reason: 'INVALID_FIELD' });
    expect(refusalOf(() => changeOwner(bob, userOf('eve')))).toMatchObject({ reason: 'MEMBER_NOT_FOUND' });
    expect(changeOwner(putMember(bob, memberOf('bob', ADMIN), null), userOf('bob')).ownerUserId).toBe('usr_bob');
  });
});

describe('the member limit', () => {
  it('keeps new members out, and lets those who are there change', () => {
    const full = workspaceOf({ members: [memberOf('ann', ADMIN), memberOf('bob')], projects: [projectOf(1)] });
    expect(refusalOf(() => putMember(full, memberOf('cid'), 2))).toMatchObject({
      reason: 'MEMBER_LIMIT_REACHED',
      metadata: { limit: '2' },
    });
    expect(putMember(full, memberOf('cid'), 3).members).toHaveLength(3);
    // Also where a plan allows fewer than there are by now.
    expect(putMember(full, memberOf('bob', viewerOf(1)), 1).members[1]).toMatchObject(viewerOf(1));
    expect(refusalOf(() => addInvitation(full, invitationOf('cid'), 2, NOW)).reason).toBe('MEMBER_LIMIT_REACHED');
  });

  it.each([null, MEMBERS_MAX + 5])('of %s still stands under that of every workspace', (limit) => {
    const members = Array.from({ length: MEMBERS_MAX }, (_, index) => memberOf(index, index === 0 ? ADMIN : NOBODY));
    const refusal = refusalOf(() => putMember(workspaceOf({ members }), memberOf('new'), limit));
    expect(refusal).toMatchObject({ reason: 'MEMBER_LIMIT_REACHED', metadata: { limit: String(MEMBERS_MAX) } });
  });
});

describe('a role in a project', () => {
  const workspace = workspaceOf({
    members: [memberOf('ann', ADMIN), memberOf('bob')],
    projects: [projectOf(1), projectOf(2, { archivedAt: NOW })],
  });

  it.each(['nosuch', 2])('%s is refused, whether it was never there or is archived', (project) => {
    for (const act of [
      () => changeStanding(workspace, userOf('bob'), viewerOf(project)),
      () => putMember(workspace, memberOf('cid', viewerOf(project)), null),
      () => addInvitation(workspace, invitationOf('cid', viewerOf(project)), null, NOW),
    ]) {
      expect(refusalOf(act)).toMatchObject({
        reason: 'PROJECT_NOT_FOUND',
        metadata: { project_id: `prj_${project}` },
      });
    }
  });

  it('stays while the project is archived, and counts again after', () => {
    const viewer = changeStanding(workspace, userOf('bob'), viewerOf(1));
    const archived = changeProject(viewer, 'prj_1', { archived: true }, NOW + 1);
    expect(archived.projects[0]).toMatchObject({ archivedAt: NOW + 1, displayName: 'Project 1' });
    // Archiving it again keeps the time of the first.
    expect(changeProject(archived, 'prj_1', { archived: true }, NOW + 2).projects[0]?.archivedAt).toBe(NOW + 1);
    const back = changeProject(archived, 'prj_1', { archived: false, displayName: 'Back' }, NOW + 3);
    expect(back.projects[0]).toEqual(projectOf(1, { displayName: 'Back' }));
    expect(back.members[1]).toMatchObject(viewerOf(1));
  });

  it('is not given by an invitation to a project that was archived since, and the person is welcome', () => {
    const invited = addInvitation(workspace, invitationOf('cid', viewerOf(1)), null, NOW);
    const archived = changeProject(invited, 'prj_1', { archived: true }, NOW);
    expect(accept(archived, 'cid').members.at(-1)).toEqual(memberOf('cid'));
    expect(accept(invited, 'cid').members.at(-1)).toEqual(memberOf('cid', viewerOf(1)));
  });

  it('has as many roles in projects all together as fit one document', () => {
    const projects = Array.from({ length: PROJECTS_MAX }, (_, index) => projectOf(index));
    const everywhere = {
      tenantAdmin: false,
      projectRoles: projects.flatMap(({ projectId }) => viewerOf(projectId.slice(4)).projectRoles),
    };
    const members = Array.from({ length: ROLES_MAX / PROJECTS_MAX }, (_, index) => memberOf(index, everywhere));
    const full: Workspace = { ...workspaceOf(), projects, members };
    const refused = { reason: 'WORKSPACE_LIMIT_REACHED', metadata: { limit: String(ROLES_MAX) } };
    expect(refusalOf(() => putMember(full, memberOf('more', viewerOf(0)), null))).toMatchObject(refused);
    expect(putMember(full, memberOf('admin', ADMIN), null).members).toHaveLength(members.length + 1);
  });

  it('has a bound on the number of projects', () => {
    const projects = Array.from({ length: PROJECTS_MAX }, (_, index) => projectOf(index));
    const refusal = refusalOf(() => addProject(workspaceOf({ projects }), projectOf('more')));
    expect(refusal).toMatchObject({ reason: 'WORKSPACE_LIMIT_REACHED', metadata: { limit: String(PROJECTS_MAX) } });
  });
});

describe('an invitation', () => {
  const invited = addInvitation(workspaceOf(), invitationOf('bob'), null, NOW);

  it('makes a member once, and says so again to the same person', () => {
    const joined = accept(invited, 'bob', { now: NOW + 1 });
    expect(joined.members[1]).toEqual({ ...memberOf('bob'), joinedAt: NOW + 1 });
    expect(joined.invitations[0]).toMatchObject({ status: 'accepted', acceptedBy: 'usr_bob' });
    expect(accept(joined, 'bob')).toBe(joined);
  });

  it('does not let in again who was taken out since', () => {
    const left = removeMember(accept(invited, 'bob'), userOf('bob'));
    expect(refusalOf(() => accept(left, 'bob'))).toMatchObject({
      reason: 'INVITATION_ENDED',
      metadata: { status: 'accepted' },
    });
  });

  it('ends at its very instant', () => {
    expect(isOpen(invitationOf('bob'), NOW + WEEK_MS - 1)).toBe(true);
    expect(isOpen(invitationOf('bob'), NOW + WEEK_MS)).toBe(false);
    expect(statusOfInvitation(invitationOf('bob'), NOW + WEEK_MS)).toBe('expired');
    expect(accept(invited, 'bob', { now: NOW + WEEK_MS - 1 }).members).toHaveLength(2);
    expect(refusalOf(() => accept(invited, 'bob', { now: NOW + WEEK_MS }))).toMatchObject({
      metadata: { status: 'expired' },
    });
  });

  it.each<[string, string | undefined, string]>([
    ['of nobody known', undefined, 'EMAIL_NOT_VERIFIED'],
    ['of somebody else', 'eve@example.com', 'EMAIL_MISMATCH'],
  ])('refuses an address %s, whatever became of it', (_, email, reason) => {
    const invitee = { userId: userOf('eve'), ...(email === undefined ? {} : { email }) };
    for (const workspace of [invited, accept(invited, 'bob'), revokeInvitation(invited, 'inv_bob', NOW)]) {
      const act = () => acceptInvitation(workspace, 'digest bob', invitee, { now: NOW, memberLimit: null });
      expect(refusalOf(act)).toMatchObject({ reason });
    }
  });

  it('is refused to a member, and where the workspace is full by now', () => {
    const full = putMember(invited, memberOf('cid'), null);
    expect(refusalOf(() => accept(full, 'bob', { memberLimit: 2 }))).toMatchObject({ reason: 'MEMBER_LIMIT_REACHED' });
    const member = putMember(invited, memberOf('bob'), null);
    expect(refusalOf(() => accept(member, 'bob'))).toMatchObject({ reason: 'ALREADY_MEMBER' });
  });

  it('is replaced by another one of the same address', () => {
    const again = addInvitation(invited, invitationOf('again', { email: 'bob@example.com' }), null, NOW);
    expect(again.invitations.map(({ status }) => status)).toEqual(['revoked', 'pending']);
    expect(refusalOf(() => accept(again, 'bob'))).toMatchObject({ metadata: { status: 'revoked' } });
  });

  it('can be taken back again and again while it is open', () => {
    const revoked = revokeInvitation(invited, 'inv_bob', NOW);
    expect(revokeInvitation(revoked, 'inv_bob', NOW)).toBe(revoked);
    expect(refusalOf(() => revokeInvitation(accept(invited, 'bob'), 'inv_bob', NOW)).reason).toBe('INVITATION_ENDED');
    expect(refusalOf(() => revokeInvitation(invited, 'inv_bob', NOW + WEEK_MS)).reason).toBe('INVITATION_ENDED');
    expect(refusalOf(() => revokeInvitation(invited, 'inv_x', NOW)).reason).toBe('INVITATION_NOT_FOUND');
  });

  it('is one of a bounded number of open ones, and of ended ones the oldest go', () => {
    const fill = (workspace: Workspace, count: number, now: number): Workspace =>
      Array.from({ length: count }, (_, index) => index).reduce(
        (seen, index) => addInvitation(seen, invitationOf(`${now}.${index}`, { expiresAt: now + 1 }), null, now),
        workspace,
      );
    const full = fill(workspaceOf(), OPEN_INVITATIONS_MAX, NOW);
    expect(refusalOf(() => addInvitation(full, invitationOf('more'), null, NOW))).toMatchObject({
      reason: 'WORKSPACE_LIMIT_REACHED',
      metadata: { limit: String(OPEN_INVITATIONS_MAX) },
    });
    const later = fill(fill(full, OPEN_INVITATIONS_MAX, NOW + 1), OPEN_INVITATIONS_MAX, NOW + 2);
    expect(later.invitations.length).toBeLessThanOrEqual(2 * OPEN_INVITATIONS_MAX + 1);
    expect(later.invitations.filter((invitation) => isOpen(invitation, NOW + 2))).toHaveLength(OPEN_INVITATIONS_MAX);
    expect(later.invitations[0]?.invitationId).not.toBe(full.invitations[0]?.invitationId);
  });
});

describe('a workspace that may not be used', () => {
  it.each([
    ['suspended', 'TENANT_SUSPENDED'],
    ['closed', 'TENANT_CLOSED'],
  ] as const)('because it is %s says so', (status, reason) => {
    expect(refusalOf(() => assertUsable(workspaceOf({ status })))).toMatchObject({
      reason,
      metadata: { tenant_id: 'ten_a' },
    });
    expect(() => assertUsable(workspaceOf())).not.toThrow();
  });
});

describe('after any history', () => {
  type Step = (workspace: Workspace, now: number) => Workspace;
  const who = fc.constantFrom('ann', 'bob', 'cid', 'dan');
  const project = fc.constantFrom(1, 2, 3);
  const standing: fc.Arbitrary<Standing> = fc.oneof(
    fc.constant(ADMIN),
    fc.constant(NOBODY),
    project.map((name) => viewerOf(name)),
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(who, standing).map(
      ([name, role]): Step =>
        (seen) =>
          putMember(seen, memberOf(name, role), 3),
    ),
    fc.tuple(who, standing).map(
      ([name, role]): Step =>
        (seen) =>
          changeStanding(seen, userOf(name), role),
    ),
    who.map(
      (name): Step =>
        (seen) =>
          removeMember(seen, userOf(name)),
    ),
    fc.tuple(who, standing).map(
      ([name, role]): Step =>
        (seen, now) =>
          addInvitation(seen, invitationOf(name, { ...role, expiresAt: now + 3 }), 3, now),
    ),
    who.map(
      (name): Step =>
        (seen, now) =>
          accept(seen, name, { now, memberLimit: 3 }),
    ),
    who.map(
      (name): Step =>
        (seen, now) =>
          revokeInvitation(seen, `inv_${name}`, now),
    ),
    who.map(
      (name): Step =>
        (seen) =>
          changeOwner(seen, userOf(name)),
    ),
    project.map(
      (name): Step =>
        (seen) =>
          seen.projects.some(({ projectId }) => projectId === projectIdOf(name))
            ? seen
            : addProject(seen, projectOf(name)),
    ),
    fc.tuple(project, fc.boolean()).map(
      ([name, archived]): Step =>
        (seen, now) =>
          changeProject(seen, projectIdOf(name), { archived }, now),
    ),
  );

  /** A refusal changes nothing; anything else than a refusal is a fault. */
  function orRefused(workspace: Workspace, act: (seen: Workspace) => Workspace): Workspace {
    try {
      return act(workspace);
    } catch (error) {
      if (error instanceof DomainError) return workspace;
      throw error;
    }
  }

  function assertWhole({ members, invitations, projects, ownerUserId, productCode }: Workspace, now: number): void {
    expect(members.find(({ userId }) => userId === ownerUserId)?.tenantAdmin).toBe(true);
    expect(new Set(members.map(({ userId }) => userId)).size).toBe(members.length);
    expect(members.length).toBeLessThanOrEqual(3);
    const known = new Set(projects.map(({ projectId }) => projectId));
    for (const { tenantAdmin, projectRoles } of members) {
      expect(projectRoles.every(({ projectId }) => known.has(projectId))).toBe(true);
      expect(tenantAdmin && projectRoles.length > 0).toBe(false);
    }
    const open = invitations.filter((invitation) => isOpen(invitation, now)).map(({ email }) => email);
    expect(new Set(open).size).toBe(open.length);
    expect(productCode).toBe('agentruntime');
  }

  it('there is an admin, to whom it belongs, nobody is in it twice, and no more than the plan allows', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let workspace = workspaceOf();
        for (const [index, act] of steps.entries()) {
          workspace = orRefused(workspace, (seen) => act(seen, NOW + index));
          assertWhole(workspace, NOW + index);
        }
      }),
      { numRuns: roundCount(300, 20_000) },
    );
  });
});

describe('a slug', () => {
  it.each([
    ['Acme', 'acme'],
    ['  Acme & Söhne GmbH!  ', 'acme-sohne-gmbh'],
    ['Ａｃｍｅ １２', 'acme-12'],
    ['日本', 'workspace'],
    ['ab', 'workspace'],
    ['---', 'workspace'],
    ['x'.repeat(100), 'x'.repeat(48)],
    [`${'x'.repeat(47)} y`, 'x'.repeat(47)],
  ])('of %j is %s', (name, slug) => {
    expect(computeSlug(name)).toBe(slug);
  });

  it.each(['ab', 'x'.repeat(49), '-abc', 'abc-', 'Abc', 'a_b', 'a b', 'äbc', 'abc\n', ''])('is not %j', (text) => {
    expect(isSlug(text)).toBe(false);
  });

  it.each(['abc', 'a-1', 'a--b', '123', 'x'.repeat(48)])('can be %s', (text) => {
    expect(isSlug(text)).toBe(true);
  });

  it('and its variants are slugs, whatever the name and the chance', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 120 }),
        fc.stringMatching(/^[A-Za-z0-9_-]{20}[a-zA-Z0-9]{6}$/),
        (name, random) => {
          const slug = computeSlug(name);
          expect(isSlug(slug)).toBe(true);
          const variant = computeSlugVariant(slug, random);
          expect(isSlug(variant)).toBe(true);
          expect(variant.endsWith(random.slice(-6).toLowerCase())).toBe(true);
        },
      ),
      { numRuns: roundCount(300, 20_000) },
    );
  });
});
