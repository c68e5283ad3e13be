// Owns the free dimensions of the usage of a range: what services named beside it, with what each came to.

import { Badge, Group, Stack, Text } from '@mantine/core';
import type { UsageDimensions } from '../../api/type.ts';
import { formatCreditsShort } from '../../format/credit.ts';
import { Panel } from '../../part/panel.tsx';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.analytics;
/** More of one dimension are a list to search, not to read. */
const VALUES_MAX = 12;

/** Shows the dimensions, where there are any. */
export function DimensionPanel({ dimensions: { dimensions, truncated } }: { readonly dimensions: UsageDimensions }) {
  if (dimensions.length === 0) return null;
  return (
    <Panel title={WORDS.dimensions} text={WORDS.dimensionsText}>
      <Stack gap="md">
        {dimensions.map(({ name, values }) => (
          <Stack key={name} gap={6}>
            <Text size="sm" fw={550}>
              {name}
            </Text>
            <Group gap={8}>
              {[...values]
                .sort((left, right) => right.cost_microcredits - left.cost_microcredits)
                .slice(0, VALUES_MAX)
                .map(({ value, cost_microcredits }) => (
                  <Badge key={value} variant="default" size="lg" radius="sm" tt="none" fw={450}>
                    {`${value ?? STRINGS.common.none} · ${formatCreditsShort(cost_microcredits)}`}
                  </Badge>
                ))}
            </Group>
          </Stack>
        ))}
        {truncated && (
          <Text size="sm" c="dimmed">
            {WORDS.truncated}
          </Text>
        )}
      </Stack>
    </Panel>
  );
}
