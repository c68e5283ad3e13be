// Owns choosing a role, and the projects that it holds in.

import { Checkbox, Radio, Stack, Text } from '@mantine/core';
import type { Role } from '../../api/type.ts';
import { useProjects } from '../../data/billing-query.ts';
import { isArchived } from '../../part/project-name.ts';
import { STRINGS } from '../../strings.ts';
import { ROLES, type RoleChoice } from './role-choice.ts';

const WORDS = STRINGS.people;

interface RoleFieldProps {
  readonly choice: RoleChoice;
  readonly onChange: (choice: RoleChoice) => void;
}

/** Shows the roles; below them the projects, where the role is one of projects. */
export function RoleField({ choice, onChange }: RoleFieldProps) {
  return (
    <Stack gap="md">
      <Radio.Group
        label={WORDS.role}
        value={choice.role}
        onChange={(value) => onChange({ ...choice, role: toRole(value) })}
      >
        <Stack gap="sm" mt={8}>
          {ROLES.map((role) => (
            <Radio key={role} value={role} label={STRINGS.role[role]} description={WORDS.roleHints[role]} />
          ))}
        </Stack>
      </Radio.Group>
      {choice.role !== 'tenant_admin' && <ProjectField choice={choice} onChange={onChange} />}
    </Stack>
  );
}

function toRole(value: string): Role {
  return ROLES.find((role) => role === value) ?? 'project_viewer';
}

function ProjectField({ choice, onChange }: RoleFieldProps) {
  const projects = (useProjects().data ?? []).filter((project) => !isArchived(project));
  if (projects.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {WORDS.projectsNone}
      </Text>
    );
  }
  return (
    <Checkbox.Group
      label={WORDS.projects}
      description={WORDS.projectsHint}
      value={[...choice.projectIds]}
      onChange={(projectIds) => onChange({ ...choice, projectIds })}
    >
      <Stack gap="xs" mt={8}>
        {projects.map(({ project_id, display_name }) => (
          <Checkbox key={project_id} value={project_id} label={display_name} />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}
