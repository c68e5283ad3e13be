// Owns the frame that a part of a page stands in: a heading, what can be done, and its content.

import { Group, Paper, Stack } from '@mantine/core';
import { type PropsWithChildren, type ReactNode, useId } from 'react';
import classes from './panel.module.css';
import { SectionHeading } from './section-heading.tsx';

interface PanelProps {
  readonly title: string;
  readonly text?: ReactNode;
  readonly aside?: ReactNode;
  /** Stand at the bottom, apart from the content. */
  readonly actions?: ReactNode;
}

/** Shows a part of a page. */
export function Panel({ title, text, aside, actions, children }: PropsWithChildren<PanelProps>) {
  const id = useId();
  return (
    <Paper component="section" className={classes['panel']} withBorder aria-labelledby={id}>
      <Stack gap="md" className={classes['content']}>
        <Group justify="space-between" align="flex-start" gap="sm">
          <SectionHeading id={id} title={title} text={text} />
          {aside}
        </Group>
        {children}
      </Stack>
      {actions !== undefined && (
        <Group className={classes['actions']} gap="xs">
          {actions}
        </Group>
      )}
    </Paper>
  );
}
