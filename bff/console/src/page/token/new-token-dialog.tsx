// Owns making a personal access token, and showing it the one time that it can be shown.

import { Button, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { type SyntheticEvent, useState } from 'react';
import type { Role } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { serviceNow } from '../../data/service-clock.ts';
import { EmptyNote } from '../../part/empty-note.tsx';
import { useFocusBack } from '../../part/focus-back.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { ShownOnce } from '../../part/shown-once.tsx';
import { includesRole, useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.tokens;
const ROLES = ['tenant_admin', 'project_contributor', 'project_viewer'] as const satisfies readonly Role[];
const NAME_LENGTH_MAX = 100;
const DAY_MS = 86_400_000;
const EXPIRY_DAYS = { d30: 30, d90: 90, d365: 365, never: undefined } as const;
type Expiry = keyof typeof EXPIRY_DAYS;
const EXPIRIES = ['d30', 'd90', 'd365', 'never'] as const satisfies readonly Expiry[];

/** Shows the form, and then the token. */
export function NewTokenDialog({ onClose }: { readonly onClose: () => void }) {
  useFocusBack();
  const [token, setToken] = useState<string | null>();
  return (
    <Modal
      opened
      onClose={onClose}
      title={WORDS.dialogTitle}
      // What is shown once is left by its own button.
      closeOnClickOutside={token === undefined}
      closeOnEscape={typeof token !== 'string'}
    >
      {token === undefined && <TokenForm onMade={setToken} onClose={onClose} />}
      {token === null && <EmptyNote title={WORDS.lost} />}
      {typeof token === 'string' && (
        <ShownOnce secret={token} label={WORDS.tokenLabel} text={WORDS.shownOnce} onClose={onClose} />
      )}
    </Modal>
  );
}

interface TokenFormProps {
  /** Takes the token; null where it was made by an earlier press, whose answer was lost. */
  readonly onMade: (token: string | null) => void;
  readonly onClose: () => void;
}

function TokenForm({ onMade, onClose }: TokenFormProps) {
  const { api, workspace } = useWorkspace();
  // A token can do at most what whoever makes it can.
  const roles = ROLES.filter((role) => includesRole(workspace.role, role));
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>(roles.at(-1) ?? 'project_viewer');
  const [expiry, setExpiry] = useState<Expiry>('d90');
  // From one time on, so that what is asked for again is the same.
  const [now] = useState(serviceNow);
  const act = useAct(() => api.createAccessToken({ display_name: name.trim(), role, ...toExpireTime(now, expiry) }), {
    onDone: (made) => onMade(made.token),
    showsProblem: true,
  });
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (name.trim() !== '') act.mutate(undefined);
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label={WORDS.name}
          description={WORDS.nameHint}
          placeholder={WORDS.namePlaceholder}
          value={name}
          maxLength={NAME_LENGTH_MAX}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          data-autofocus
        />
        <NativeSelect
          label={WORDS.role}
          value={role}
          onChange={({ currentTarget }) =>
            setRole(roles.find((known) => known === currentTarget.value) ?? 'project_viewer')
          }
          data={roles.map((value) => ({ value, label: STRINGS.role[value] }))}
        />
        <NativeSelect
          label={WORDS.expiry}
          value={expiry}
          onChange={({ currentTarget }) => setExpiry(EXPIRIES.find((known) => known === currentTarget.value) ?? 'd90')}
          data={EXPIRIES.map((value) => ({ value, label: WORDS.expiries[value] }))}
        />
        {act.error !== null && <ProblemNote error={act.error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            {STRINGS.common.cancel}
          </Button>
          <Button type="submit" loading={act.isPending} disabled={name.trim() === ''}>
            {WORDS.action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function toExpireTime(now: Date, expiry: Expiry): { readonly expire_time?: string } {
  const days = EXPIRY_DAYS[expiry];
  return days === undefined ? {} : { expire_time: new Date(now.getTime() + days * DAY_MS).toISOString() };
}
