// Owns what somebody sees who is not signed in.

import { Alert, Button, Stack, Text, Title } from '@mantine/core';
import { CenteredCard } from '../part/centered-card.tsx';
import { useDocumentTitle } from '../part/document-title.ts';
import { STRINGS } from '../strings.ts';
import { PRODUCT_NAME } from './product.ts';

/** Leads to the issuer, and back to where the person is now. */
export function SignInPage({ hasEnded }: { readonly hasEnded: boolean }) {
  useDocumentTitle(STRINGS.signIn.action);
  const here = `${location.pathname}${location.search}`;
  return (
    <CenteredCard>
      <Stack gap="lg">
        <Stack gap={6}>
          <Title order={1} size="h2">
            {STRINGS.signIn.title(PRODUCT_NAME)}
          </Title>
          <Text c="dimmed">{STRINGS.signIn.text}</Text>
        </Stack>
        {hasEnded && (
          <Alert color="gray" variant="light">
            {STRINGS.signIn.ended}
          </Alert>
        )}
        <Button component="a" href={`/auth/login?return_to=${encodeURIComponent(here)}`} size="md" fullWidth>
          {STRINGS.signIn.action}
        </Button>
        <Text size="sm" c="dimmed">
          {STRINGS.signIn.hint}
        </Text>
      </Stack>
    </CenteredCard>
  );
}
