// Owns what all pages stand in: theme, answers of the API, notifications, the session, and the router.

import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core';
import { QueryClientProvider } from '@tanstack/react-query';
import { createQueryClient } from './data/query-client.ts';
import { resolveVariables, THEME } from './look/theme.ts';
import { FailureBoundary } from './part/failure-boundary.tsx';
import { Toaster } from './part/toaster.tsx';
import { Router } from './router.tsx';
import { STYLE_NONCE } from './session/product.ts';
import { SessionGate } from './session/session-gate.tsx';

const schemeManager = localStorageColorSchemeManager({ key: 'color-scheme' });
const queryClient = createQueryClient();

/** Is the Console. */
export function App() {
  return (
    <MantineProvider
      theme={THEME}
      cssVariablesResolver={resolveVariables}
      colorSchemeManager={schemeManager}
      defaultColorScheme="auto"
      getStyleNonce={() => STYLE_NONCE}
    >
      <QueryClientProvider client={queryClient}>
        <Toaster />
        <FailureBoundary>
          <SessionGate>
            <Router />
          </SessionGate>
        </FailureBoundary>
      </QueryClientProvider>
    </MantineProvider>
  );
}
