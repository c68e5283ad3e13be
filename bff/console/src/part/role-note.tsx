// Owns what is shown in the place of what somebody's role does not include.

import { Stack, Text, ThemeIcon, Title } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { useWorkspace } from '../session/session.ts';
import { STRINGS } from '../strings.ts';

/** Says what is missing, and who can help; in the place of a whole page. */
export function RoleNote({ text }: { readonly text: string }) {
  const { role } = useWorkspace().workspace;
  const name = role === null ? STRINGS.role.none : STRINGS.role[role];
  return (
    <Stack align="center" ta="center" gap="sm" py={72} px="md">
      <ThemeIcon variant="light" color="gray" size="xl" radius="xl" aria-hidden>
        <IconLock size={20} />
      </ThemeIcon>
      <Title order={2} size="h4">
        {STRINGS.role.hiddenTitle}
      </Title>
      <Text c="dimmed" maw={440}>
        {text}
      </Text>
      <Text size="sm" c="dimmed">
        {STRINGS.role.yours(name)}
      </Text>
    </Stack>
  );
}
