// Owns how the heading of a part of a page looks: its name, and what it is about.

import { Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

interface SectionHeadingProps {
  readonly id?: string;
  readonly title: string;
  readonly text?: ReactNode;
}

/** Shows the heading of a part of a page. */
export function SectionHeading({ id, title, text }: SectionHeadingProps) {
  return (
    <Stack gap={2}>
      <Title order={2} size="h5" {...(id !== undefined && { id })}>
        {title}
      </Title>
      {text !== undefined && (
        <Text size="sm" c="dimmed">
          {text}
        </Text>
      )}
    </Stack>
  );
}
