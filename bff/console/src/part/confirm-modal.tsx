// Owns how the question looks that confirm-dialog.tsx asks.

import { Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import type { Confirmation } from './confirmation.ts';
import { useFocusBack } from './focus-back.ts';
import { ProblemNote } from './problem-note.tsx';

/** Shows the question. */
export function ConfirmModal({ onClose, title, lines, action, keep, act, isHarmless }: Confirmation) {
  useFocusBack();
  const close = (): void => {
    act.reset();
    onClose();
  };
  return (
    <Modal opened onClose={close} title={title}>
      <Stack gap="lg">
        {lines.length === 1 ? (
          <Text size="sm">{lines[0]}</Text>
        ) : (
          <List size="sm" spacing={6}>
            {lines.map((line) => (
              <List.Item key={line}>{line}</List.Item>
            ))}
          </List>
        )}
        {act.error !== null && <ProblemNote error={act.error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={close} data-autofocus>
            {keep}
          </Button>
          <Button
            color={isHarmless === true ? 'brand' : 'red'}
            loading={act.isPending}
            onClick={() => act.mutate(undefined)}
          >
            {action}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
