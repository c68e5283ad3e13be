// Owns what is shown where a list has nothing in it.

import { Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';

interface EmptyNoteProps {
  readonly title: string;
  readonly text?: string;
  readonly action?: ReactNode;
}

/** Says that there is nothing, and why. */
export function EmptyNote({ title, text, action }: EmptyNoteProps) {
  return (
    <Stack gap={4} align="center" py="xl" px="md" ta="center">
      <Text fw={550}>{title}</Text>
      {text !== undefined && (
        <Text size="sm" c="dimmed">
          {text}
        </Text>
      )}
      {action}
    </Stack>
  );
}
