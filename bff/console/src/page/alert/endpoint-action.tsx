// Owns what can be done to an endpoint: changing it, trying it, another secret, and its end.

import { Modal } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import type { AlertEndpoint } from '../../api/type.ts';
import { useAct } from '../../data/act.ts';
import { ActionMenu } from '../../part/action-menu.tsx';
import { ConfirmDialog } from '../../part/confirm-dialog.tsx';
import { ShownOnce } from '../../part/shown-once.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.alerts.endpoints;
const EndpointDialog = lazy(async () => ({ default: (await import('./endpoint-dialog.tsx')).EndpointDialog }));

/** Shows what can be done. */
export function EndpointActions({ endpoint }: { readonly endpoint: AlertEndpoint }) {
  const { api } = useWorkspace();
  const [shown, setShown] = useState<'edit' | 'rotation' | 'removal'>();
  const close = (): void => setShown(undefined);
  const { endpoint_id: id, url } = endpoint;
  const test = useAct(() => api.testAlertEndpoint(id), { tell: () => WORDS.tested });
  return (
    <>
      <ActionMenu
        label={WORDS.actionsOf(url)}
        items={[
          { words: WORDS.edit, act: () => setShown('edit') },
          { words: WORDS.test, act: () => test.mutate(undefined) },
          { words: WORDS.rotate, act: () => setShown('rotation') },
          { words: WORDS.remove, act: () => setShown('removal'), isDestructive: true },
        ]}
      />
      {shown === 'rotation' && <Rotation endpointId={id} onClose={close} />}
      {shown === 'removal' && <Removal endpoint={endpoint} onClose={close} />}
      {shown === 'edit' && (
        <Suspense fallback={null}>
          <EndpointDialog endpoint={endpoint} onClose={close} />
        </Suspense>
      )}
    </>
  );
}

function Rotation({ endpointId, onClose }: { readonly endpointId: string; readonly onClose: () => void }) {
  const { api } = useWorkspace();
  const [secret, setSecret] = useState<string>();
  const act = useAct(() => api.rotateAlertEndpointSecret(endpointId), {
    onDone: (answer) => setSecret(answer.secret ?? ''),
    showsProblem: true,
  });
  if (secret !== undefined) {
    return (
      <Modal opened onClose={onClose} title={WORDS.secretTitle} closeOnClickOutside={false}>
        <ShownOnce secret={secret} label={WORDS.secretLabel} text={WORDS.secretText} onClose={onClose} />
      </Modal>
    );
  }
  return (
    <ConfirmDialog
      isOpen
      isHarmless
      onClose={onClose}
      title={WORDS.rotateTitle}
      lines={[WORDS.rotateText]}
      action={WORDS.rotate}
      keep={STRINGS.common.cancel}
      act={act}
    />
  );
}

function Removal({ endpoint, onClose }: { readonly endpoint: AlertEndpoint; readonly onClose: () => void }) {
  const { api } = useWorkspace();
  const act = useAct(() => api.deleteAlertEndpoint(endpoint.endpoint_id), {
    tell: () => WORDS.removed,
    onDone: onClose,
    showsProblem: true,
  });
  return (
    <ConfirmDialog
      isOpen
      onClose={onClose}
      title={WORDS.removeTitle}
      lines={[WORDS.removeText(endpoint.url)]}
      action={WORDS.remove}
      keep={STRINGS.common.cancel}
      act={act}
    />
  );
}
