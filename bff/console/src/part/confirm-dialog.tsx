// Owns asking before something is done that can't be undone, or costs something: what will happen, and both ways on.

import { Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import { ProblemNote } from './problem-note.tsx';

/** Is a change that is asked for, see data/act.ts. */
interface Act {
  readonly error: Error | null;
  readonly isPending: boolean;
  readonly reset: () => void;
  readonly mutate: (input: undefined) => void;
}

interface ConfirmDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly title: string;
  /** Say what will happen. */
  readonly lines: readonly string[];
  readonly action: string;
  readonly keep: string;
  readonly act: Act;
  /** Says that nothing is lost by it. */
  readonly isHarmless?: boolean;
}

/** Asks. */
export function ConfirmDialog({ isOpen, onClose, title, lines, action, keep, act, isHarmless }: ConfirmDialogProps) {
  const close = (): void => {
    act.reset();
    onClose();
  };
  return (
    <Modal opened={isOpen} onClose={close} title={title}>
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
