// Owns the head of every page: its title, what it is for, and what can be done on all of it.

import { Group, Stack, Text, Title } from '@mantine/core';
import type { PropsWithChildren, ReactNode } from 'react';
import { useDocumentTitle } from './document-title.ts';

interface PageFrameProps {
  readonly title: string;
  readonly text: string;
  readonly actions?: ReactNode;
}

/** Shows a page. */
export function PageFrame({ title, text, actions, children }: PropsWithChildren<PageFrameProps>) {
  useDocumentTitle(title);
  return (
    <Stack gap="xl">
      <Group justify="space-between" align="flex-end" gap="md">
        <Stack gap={4}>
          <Title order={1} size="h2">
            {title}
          </Title>
          <Text c="dimmed">{text}</Text>
        </Stack>
        {actions !== undefined && <Group gap="sm">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}
