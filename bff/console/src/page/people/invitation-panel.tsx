// Owns the list of who is invited, and taking an invitation back.

import { Button, Stack, Table, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { Invitation } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useInvitations } from '../../data/billing-query.ts';
import { formatDate } from '../../format/time.ts';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { DataTable } from '../../part/data-table.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { roleOf } from './member.ts';

const WORDS = STRINGS.people;

/** Shows the list. */
export function InvitationPanel() {
  const invitations = useInvitations();
  const { columns } = WORDS;
  return (
    <Stack gap="sm">
      <Title order={2} size="h5">
        {WORDS.invitations}
      </Title>
      <Loaded query={invitations} what={WORDS.invitations} height={80}>
        {(known) =>
          known.length === 0 ? (
            <Text size="sm" c="dimmed">
              {WORDS.invitationsNone}
            </Text>
          ) : (
            <DataTable
              label={WORDS.invitations}
              columns={[
                { words: columns.who },
                { words: columns.role },
                { words: columns.valid },
                { words: STRINGS.common.actions, isHidden: true },
              ]}
            >
              {known.map((invitation) => (
                <InvitationRow key={invitation.invitation_id} invitation={invitation} />
              ))}
            </DataTable>
          )
        }
      </Loaded>
    </Stack>
  );
}

function InvitationRow({ invitation }: { readonly invitation: Invitation }) {
  const { api } = useWorkspace();
  const [isOpen, { open, close }] = useDisclosure(false);
  const revoke = useAct(() => api.revokeInvitation(invitation.invitation_id), {
    tell: () => WORDS.revoked,
    onDone: close,
    showsProblem: true,
  });
  const { columns } = WORDS;
  const role = roleOf(invitation);
  return (
    <Table.Tr>
      <Table.Td data-label={columns.who} data-place="title" fw={500}>
        {invitation.email}
      </Table.Td>
      <Table.Td data-label={columns.role}>{role === null ? STRINGS.role.none : STRINGS.role[role]}</Table.Td>
      <Table.Td data-label={columns.valid} c="dimmed">
        {WORDS.expires(formatDate(invitation.expire_time))}
      </Table.Td>
      <Table.Td data-label="" data-place="act" ta="right">
        <Button
          size="compact-sm"
          variant="subtle"
          color="red"
          onClick={open}
          aria-label={WORDS.revokeOf(invitation.email)}
        >
          {WORDS.revoke}
        </Button>
        <ConfirmDialog
          isOpen={isOpen}
          onClose={close}
          title={WORDS.revokeTitle(invitation.email)}
          lines={[WORDS.revokeText]}
          action={WORDS.revoke}
          keep={STRINGS.common.cancel}
          act={revoke}
        />
      </Table.Td>
    </Table.Tr>
  );
}
