// Owns making an endpoint, and changing one: its address, what it is for, and which events it gets.

import { Button, Checkbox, Group, Modal, Radio, Stack, Switch, TextInput } from '@mantine/core';
import { type ReactNode, type SyntheticEvent, useState } from 'react';
import type { EndpointFields } from '../../api/api.ts';
import type { AlertEndpoint } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { useFocusBack } from '../../part/focus-back.ts';
import { ProblemNote } from '../../part/problem-note.tsx';
import { ShownOnce } from '../../part/shown-once.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { EVENT_TYPES, nameEvent } from './event-type.ts';

const WORDS = STRINGS.alerts.endpoints;
const URL_LENGTH_MAX = 2_048;
const DESCRIPTION_LENGTH_MAX = 200;

interface EndpointDialogProps {
  /** Is the one that is changed; undefined makes one. */
  readonly endpoint?: AlertEndpoint;
  readonly onClose: () => void;
}

/** Shows the form, and of a new one then the secret. */
export function EndpointDialog({ endpoint, onClose }: EndpointDialogProps) {
  useFocusBack();
  const [secret, setSecret] = useState<string>();
  if (secret !== undefined) {
    return (
      <Modal opened onClose={onClose} title={WORDS.secretTitle} closeOnClickOutside={false}>
        <ShownOnce secret={secret} label={WORDS.secretLabel} text={WORDS.secretText} onClose={onClose} />
      </Modal>
    );
  }
  return (
    <Modal opened onClose={onClose} title={endpoint === undefined ? WORDS.addTitle : WORDS.editTitle}>
      {endpoint === undefined ? (
        <NewEndpoint onMade={setSecret} onClose={onClose} />
      ) : (
        <KnownEndpoint endpoint={endpoint} onClose={onClose} />
      )}
    </Modal>
  );
}

function NewEndpoint({ onMade, onClose }: { readonly onMade: (secret: string) => void; readonly onClose: () => void }) {
  const { api } = useWorkspace();
  const act = useAct((fields: EndpointFields) => api.createAlertEndpoint(fields), {
    onDone: (made) => onMade(made.secret ?? ''),
    showsProblem: true,
  });
  return <EndpointForm act={act} action={WORDS.create} onClose={onClose} onSubmit={act.mutate} />;
}

function KnownEndpoint({ endpoint, onClose }: { readonly endpoint: AlertEndpoint; readonly onClose: () => void }) {
  const { api } = useWorkspace();
  const [enabled, setEnabled] = useState(endpoint.state === 'enabled');
  const act = useAct(
    (fields: EndpointFields) => api.updateAlertEndpoint(endpoint.endpoint_id, { ...fields, enabled }),
    { tell: () => WORDS.saved, onDone: onClose, showsProblem: true },
  );
  return (
    <EndpointForm endpoint={endpoint} act={act} action={STRINGS.common.save} onClose={onClose} onSubmit={act.mutate}>
      <Switch
        label={WORDS.enabled}
        checked={enabled}
        onChange={({ currentTarget }) => setEnabled(currentTarget.checked)}
      />
    </EndpointForm>
  );
}

interface EndpointFormProps {
  readonly endpoint?: AlertEndpoint;
  readonly act: { readonly error: Error | null; readonly isPending: boolean };
  readonly action: string;
  readonly children?: ReactNode;
  readonly onSubmit: (fields: EndpointFields) => void;
  readonly onClose: () => void;
}

function EndpointForm({ endpoint, act, action, children, onSubmit, onClose }: EndpointFormProps) {
  const [url, setUrl] = useState(endpoint?.url ?? '');
  const [description, setDescription] = useState(endpoint?.description ?? '');
  const [types, setTypes] = useState<string[] | undefined>(
    endpoint === undefined || endpoint.types.length === 0 ? undefined : endpoint.types,
  );
  const isReady = URL.canParse(url.trim()) && types?.length !== 0;
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (isReady) onSubmit({ url: url.trim(), description: description.trim(), types: types ?? [] });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          type="url"
          label={WORDS.url}
          placeholder={WORDS.urlPlaceholder}
          value={url}
          maxLength={URL_LENGTH_MAX}
          onChange={({ currentTarget }) => setUrl(currentTarget.value)}
          data-autofocus
        />
        <TextInput
          label={WORDS.description}
          placeholder={WORDS.descriptionPlaceholder}
          value={description}
          maxLength={DESCRIPTION_LENGTH_MAX}
          onChange={({ currentTarget }) => setDescription(currentTarget.value)}
        />
        <TypeField types={types} onChange={setTypes} />
        {children}
        {act.error !== null && <ProblemNote error={act.error} />}
        <Group justify="flex-end" gap="sm">
          <Button variant="default" onClick={onClose}>
            {STRINGS.common.cancel}
          </Button>
          <Button type="submit" loading={act.isPending} disabled={!isReady}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface TypeFieldProps {
  /** Are those it is limited to; undefined means all. */
  readonly types: string[] | undefined;
  readonly onChange: (types: string[] | undefined) => void;
}

function TypeField({ types, onChange }: TypeFieldProps) {
  return (
    <Stack gap="sm">
      <Radio.Group
        label={WORDS.which}
        value={types === undefined ? 'all' : 'some'}
        onChange={(value) => onChange(value === 'all' ? undefined : [])}
      >
        <Stack gap={8} mt={8}>
          <Radio value="all" label={WORDS.all} />
          <Radio value="some" label={WORDS.some} />
        </Stack>
      </Radio.Group>
      {types !== undefined && (
        <Checkbox.Group aria-label={WORDS.some} value={types} onChange={onChange}>
          <Stack gap={8} pl="xl">
            {EVENT_TYPES.map((type) => (
              <Checkbox key={type} value={type} label={nameEvent(type)} />
            ))}
          </Stack>
        </Checkbox.Group>
      )}
    </Stack>
  );
}
