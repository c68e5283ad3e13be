// Owns who a workspace belongs to, and handing it to another of its administrators.

import { Button, Group, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import type { Member } from '../../api/type.ts';
import { useMembers } from '../../data/billing-query.ts';
import { Loaded } from '../../part/loaded.tsx';
import { nameOfMember } from '../../part/member-name.ts';
import { Panel } from '../../part/panel.tsx';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.workspace.owner;
const OwnerDialog = lazy(async () => ({ default: (await import('./owner-dialog.tsx')).OwnerDialog }));

/** Shows the owner. */
export function OwnerPanel() {
  const members = useMembers();
  return (
    <Panel title={WORDS.title} text={WORDS.text}>
      <Loaded query={members} what={WORDS.title} height={36}>
        {(known) => <Owner members={known} />}
      </Loaded>
    </Panel>
  );
}

function Owner({ members }: { readonly members: readonly Member[] }) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const owner = members.find(({ owner: isOwner }) => isOwner);
  const heirs = members.filter((member) => member.tenant_admin && !member.owner);
  return (
    <>
      <Group justify="space-between" gap="sm">
        <Text size="sm" fw={500}>
          {owner === undefined ? WORDS.nobody : nameOfMember(owner)}
        </Text>
        {heirs.length > 0 && (
          <Button variant="default" onClick={open}>
            {WORDS.transfer}
          </Button>
        )}
      </Group>
      {heirs.length === 0 && (
        <Text size="sm" c="dimmed">
          {WORDS.noHeirs}
        </Text>
      )}
      {isOpen && (
        <Suspense fallback={null}>
          <OwnerDialog owner={owner} heirs={heirs} onClose={close} />
        </Suspense>
      )}
    </>
  );
}
