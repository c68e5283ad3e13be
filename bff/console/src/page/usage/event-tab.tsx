// Owns the list of metered events: filters, rows, what stands behind one, and all of them as a file.

import { Button, Group, Stack } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { tellProblem } from '../../data/act.ts';
import { useProjects, useUsageEvents } from '../../data/billing-query.ts';
import { saveFile } from '../../data/file.ts';
import { serviceNow } from '../../data/service-clock.ts';
import { EmptyNote } from '../../part/empty-note.tsx';
import { Loaded } from '../../part/loaded.tsx';
import { useWorkspace } from '../../session/session.ts';
import { STRINGS } from '../../strings.ts';
import { type FilterChoice, limits, readChoice, toFilter, writeChoice } from './event-filter.ts';
import { EventTable } from './event-table.tsx';
import { FilterBar } from './filter-bar.tsx';

const WORDS = STRINGS.usage;
const ExplanationDrawer = lazy(async () => ({
  default: (await import('./explanation-drawer.tsx')).ExplanationDrawer,
}));

/** Shows the list. */
export function EventTab() {
  const { api } = useWorkspace();
  const [parameters, setParameters] = useSearchParams();
  const choice = useMemo(() => readChoice(parameters), [parameters]);
  // The time that spans are counted from stands still until another span is chosen: each page of the list has the same.
  const filter = useMemo(() => toFilter(choice, serviceNow()), [choice]);
  const events = useUsageEvents(filter);
  const projects = useProjects();
  const [explained, setExplained] = useState<string>();
  const download = useMutation({
    mutationFn: () => api.exportUsage(filter),
    onSuccess: (file) => saveFile(file, WORDS.csvFile),
    onError: tellProblem,
  });
  const choose = (next: FilterChoice): void => setParameters(writeChoice(next), { replace: true });
  return (
    <Stack gap="md">
      <Group justify="space-between" align="flex-end" gap="md">
        <FilterBar choice={choice} projects={projects.data ?? []} onChoose={choose} />
        <Button
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden />}
          loading={download.isPending}
          onClick={() => download.mutate()}
        >
          {WORDS.csv}
        </Button>
      </Group>
      <Loaded query={events} what={WORDS.tabs.events} height={320}>
        {({ pages }) => {
          const rows = pages.flatMap((page) => page.events);
          if (rows.length === 0 && !events.hasNextPage) return <NoEvents isFiltered={limits(choice)} />;
          return <EventTable events={rows} projects={projects.data ?? []} onExplain={setExplained} />;
        }}
      </Loaded>
      {events.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
            {STRINGS.common.loadMore}
          </Button>
        </Group>
      )}
      {explained !== undefined && (
        <Suspense fallback={null}>
          <ExplanationDrawer
            entryId={explained}
            projects={projects.data ?? []}
            onClose={() => setExplained(undefined)}
          />
        </Suspense>
      )}
    </Stack>
  );
}

function NoEvents({ isFiltered }: { readonly isFiltered: boolean }) {
  return isFiltered ? (
    <EmptyNote title={WORDS.emptyFiltered} />
  ) : (
    <EmptyNote title={WORDS.empty} text={WORDS.emptyText} />
  );
}
