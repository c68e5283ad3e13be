// Owns the page of the personal access tokens: which there are, and taking one back.

import { Anchor, Button, Code, Stack, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense } from 'react';
import type { AccessToken } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useAccessTokens } from '../../data/billing-query.ts';
import { formatDate, formatDateTime } from '../../format/time.ts';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { DataTable } from '../../part/data-table.tsx';
import { EmptyNote } from '../../part/empty-note.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { PageFrame } from '../../part/page-frame.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.tokens;
const NewTokenDialog = lazy(async () => ({ default: (await import('./new-token-dialog.tsx')).NewTokenDialog }));

/** Shows the tokens. */
export function TokenPage() {
  const tokens = useAccessTokens();
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <PageFrame title={WORDS.title} text={WORDS.text} actions={<Button onClick={open}>{WORDS.create}</Button>}>
      <Stack gap="md">
        <Loaded query={tokens} what={WORDS.title} height={200}>
          {(known) =>
            known.length === 0 ? (
              <EmptyNote title={WORDS.empty} text={WORDS.emptyText} />
            ) : (
              <TokenTable tokens={known} />
            )
          }
        </Loaded>
        <Anchor href="/docs" size="sm" target="_blank" rel="noreferrer">
          {WORDS.docs}
          <span className="hidden"> {STRINGS.common.opensNewTab}</span>
        </Anchor>
      </Stack>
      {isOpen && (
        <Suspense fallback={null}>
          <NewTokenDialog onClose={close} />
        </Suspense>
      )}
    </PageFrame>
  );
}

function TokenTable({ tokens }: { readonly tokens: readonly AccessToken[] }) {
  const { columns } = WORDS;
  return (
    <DataTable
      label={WORDS.title}
      columns={[
        { words: columns.name },
        { words: columns.token },
        { words: columns.role },
        { words: columns.used },
        { words: columns.expires },
        { words: STRINGS.common.actions, isHidden: true },
      ]}
    >
      {tokens.map((token) => (
        <TokenRow key={token.access_token_id} token={token} />
      ))}
    </DataTable>
  );
}

function TokenRow({ token }: { readonly token: AccessToken }) {
  const { api } = useWorkspace();
  const [isOpen, { open, close }] = useDisclosure(false);
  const revoke = useAct(() => api.revokeAccessToken(token.access_token_id), {
    tell: () => WORDS.revoked,
    onDone: close,
    showsProblem: true,
  });
  const { columns } = WORDS;
  const { display_name, token_prefix, role, last_use_time, expire_time } = token;
  return (
    <Table.Tr>
      <Table.Td data-label={columns.name} data-place="title" fw={500}>
        {display_name}
      </Table.Td>
      <Table.Td data-label={columns.token}>
        <Code>{token_prefix}…</Code>
      </Table.Td>
      <Table.Td data-label={columns.role}>{STRINGS.role[role]}</Table.Td>
      <Table.Td data-label={columns.used} c="dimmed">
        <Text size="sm">{last_use_time === null ? WORDS.never : formatDateTime(last_use_time)}</Text>
      </Table.Td>
      <Table.Td data-label={columns.expires} c="dimmed">
        <Text size="sm">{expire_time === null ? WORDS.never : formatDate(expire_time)}</Text>
      </Table.Td>
      <Table.Td data-label="" data-place="act" ta="right">
        <Button size="compact-sm" variant="subtle" color="red" onClick={open} aria-label={WORDS.revokeOf(display_name)}>
          {WORDS.revoke}
        </Button>
        <ConfirmDialog
          isOpen={isOpen}
          onClose={close}
          title={WORDS.revokeTitle(display_name)}
          lines={[WORDS.revokeText]}
          action={WORDS.revoke}
          keep={STRINGS.common.cancel}
          act={revoke}
        />
      </Table.Td>
    </Table.Tr>
  );
}
