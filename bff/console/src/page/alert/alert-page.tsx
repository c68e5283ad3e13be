// Owns the page of what a workspace is told: thresholds of its balance, and where events are sent to.

import { Stack } from '@mantine/core';
import { PageFrame } from '../../part/page-frame.tsx';
import { RoleNote } from '../../part/role-note.tsx';
import { useRole } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { DeliveryPanel } from './delivery-panel.tsx';
import { EndpointPanel } from './endpoint-panel.tsx';
import { ThresholdPanel } from './threshold-panel.tsx';

const WORDS = STRINGS.alerts;

/** Shows the alerts. */
export function AlertPage() {
  const maySee = useRole('tenant_admin');
  return (
    <PageFrame title={WORDS.title} text={WORDS.text}>
      {maySee ? (
        <Stack gap="xl">
          <ThresholdPanel />
          <EndpointPanel />
          <DeliveryPanel />
        </Stack>
      ) : (
        <RoleNote text={STRINGS.role.needsAdmin(WORDS.admin)} />
      )}
    </PageFrame>
  );
}
