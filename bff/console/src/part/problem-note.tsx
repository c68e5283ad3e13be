// Owns how a person is told that something could not be loaded or done.

import { Alert, Button, Stack, Text } from '@mantine/core';
import { IconAlertCircle } from '@tabler/icons-react';
import { ApiProblem, describeProblem } from '../api/problem.ts';
import { STRINGS } from '../strings.ts';

interface ProblemNoteProps {
  readonly error: unknown;
  readonly title?: string;
  readonly onRetry?: () => void;
  readonly isRetrying?: boolean;
}

/** Says what went wrong, in words, with the id of the request for whoever is asked for help. */
export function ProblemNote({ error, title = STRINGS.problem.title, onRetry, isRetrying = false }: ProblemNoteProps) {
  const requestId = error instanceof ApiProblem ? error.requestId : null;
  return (
    <Alert role="alert" color="red" variant="light" icon={<IconAlertCircle aria-hidden />} title={title}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{describeProblem(error)}</Text>
        {requestId !== null && (
          <Text size="xs" c="dimmed">
            {STRINGS.common.requestId(requestId)}
          </Text>
        )}
        {onRetry !== undefined && (
          <Button variant="default" size="xs" onClick={onRetry} loading={isRetrying}>
            {STRINGS.common.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}
