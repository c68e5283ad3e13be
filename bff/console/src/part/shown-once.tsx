// Owns how a secret is shown the one time that it can be shown.

import { Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { STRINGS } from '../strings.ts';
import classes from './shown-once.module.css';

interface ShownOnceProps {
  readonly secret: string;
  readonly label: string;
  /** Says what it is for, and that it is not shown again. */
  readonly text: string;
  readonly onClose: () => void;
}

/** Shows the secret, to be copied. */
export function ShownOnce({ secret, label, text, onClose }: ShownOnceProps) {
  return (
    <Stack gap="md">
      <Alert color="yellow" variant="light">
        <Text size="sm">{text}</Text>
      </Alert>
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <Code block className={classes['secret']} aria-label={label}>
          {secret}
        </Code>
        <CopyButton value={secret}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy}>
              {copied ? STRINGS.common.copied : STRINGS.common.copy}
            </Button>
          )}
        </CopyButton>
      </Group>
      <Group justify="flex-end">
        <Button onClick={onClose}>{STRINGS.common.done}</Button>
      </Group>
    </Stack>
  );
}
