// Owns how an act on a workspace is put into words: what was done, to whom, by whom, and what is another thing since.

import type { Member, Project, WorkspaceRecord } from '../../api/type.ts';
import { nameOfMember } from '../../part/member-name.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.activity;
const ACTS: Readonly<Record<string, string>> = WORDS.acts;
const FIELDS: Readonly<Record<string, string>> = WORDS.fields;
const VALUES: Readonly<Record<string, string>> = WORDS.values;
const PERSON = /^usr_/;
/** An id, or the name of a role. */
const NAME = /\b[a-z]+_[\w-]+/g;
/** Hold what somebody has typed. */
const TYPED: ReadonlySet<string> = new Set(['display_name', 'slug']);

/** Is by what the ids in a record are named. */
export interface KnownNames {
  readonly members: readonly Member[];
  readonly projects: readonly Project[];
}

/** Writes what was done, such as `Changed a role: Ada`; one that this release does not know, as the API names it. */
export function describeAct({ method, subject_id: subject }: WorkspaceRecord, known: KnownNames): string {
  const act = ACTS[method] ?? method;
  const name = subject === null ? undefined : findName(subject, known);
  return name === undefined ? act : WORDS.about(act, name);
}

/** Writes who did it, and whether by a token. */
export function describeActor({ actor, access_token_id: token }: WorkspaceRecord, members: readonly Member[]): string {
  if (!PERSON.test(actor)) return WORDS.operator(actor);
  const name = findName(actor, { members, projects: [] }) ?? WORDS.formerMember;
  return token === null ? name : WORDS.byToken(name);
}

/** Writes each field that is another one since, but for what {@link describeAct} has said. */
export function describeChanges(
  { changes, subject_id: subject }: WorkspaceRecord,
  known: KnownNames,
): readonly string[] {
  const name = subject === null ? undefined : findName(subject, known);
  const isSaid = ({ before, after }: WorkspaceRecord['changes'][number]): boolean => before === '' && after === name;
  return changes
    .filter((change) => !isSaid(change))
    .map(({ field, before, after }) => {
      const write = (value: string): string => (TYPED.has(field) ? value : describeValue(value, known));
      const words = FIELDS[field] ?? field;
      return before === '' ? WORDS.set(words, write(after)) : WORDS.changed(words, write(before), write(after));
    });
}

function describeValue(value: string, known: KnownNames): string {
  if (value === '') return STRINGS.common.none;
  return VALUES[value] ?? value.replaceAll(NAME, (name) => findName(name, known) ?? VALUES[name] ?? name);
}

function findName(id: string, { members, projects }: KnownNames): string | undefined {
  const member = members.find(({ user_id }) => user_id === id);
  return member === undefined
    ? projects.find(({ project_id }) => project_id === id)?.display_name
    : nameOfMember(member);
}
