// Owns the fields by which metered events are limited. Does not own what a choice means (event-filter.ts).

import { Anchor, Group, NativeSelect, TextInput } from '@mantine/core';
import type { Project } from '../../api/type.ts';
import { useActionPrices } from '../../data/billing-query.ts';
import { toProjectOptions } from '../../part/project-name.ts';
import { STRINGS } from '../../strings.ts';
import { type FilterChoice, limits, RANGES } from './event-filter.ts';

const WORDS = STRINGS.usage.filter;
const NO_LIMIT: FilterChoice = { action: '', project: '', range: 'all', from: '', to: '' };

interface FilterBarProps {
  readonly choice: FilterChoice;
  readonly projects: readonly Project[];
  readonly onChoose: (choice: FilterChoice) => void;
}

/** Shows the fields. */
export function FilterBar({ choice, projects, onChoose }: FilterBarProps) {
  const actions = useActionPrices().data ?? [];
  const change = (part: Partial<FilterChoice>): void => onChoose({ ...choice, ...part });
  return (
    <Group gap="sm" align="flex-end">
      <NativeSelect
        label={WORDS.action}
        value={choice.action}
        onChange={({ currentTarget }) => change({ action: currentTarget.value })}
        data={[{ value: '', label: WORDS.all }, ...actions.map(({ action }) => ({ value: action, label: action }))]}
      />
      <NativeSelect
        label={WORDS.project}
        value={choice.project}
        onChange={({ currentTarget }) => change({ project: currentTarget.value })}
        data={[{ value: '', label: WORDS.allProjects }, ...toProjectOptions(projects)]}
      />
      <NativeSelect
        label={WORDS.range}
        value={choice.range}
        onChange={({ currentTarget }) =>
          change({ range: RANGES.find((range) => range === currentTarget.value) ?? 'all' })
        }
        data={RANGES.map((value) => ({ value, label: WORDS.ranges[value] }))}
      />
      {choice.range === 'custom' && (
        <>
          <TextInput
            type="date"
            label={WORDS.from}
            value={choice.from}
            onChange={({ currentTarget }) => change({ from: currentTarget.value })}
          />
          <TextInput
            type="date"
            label={WORDS.to}
            value={choice.to}
            onChange={({ currentTarget }) => change({ to: currentTarget.value })}
          />
        </>
      )}
      {limits(choice) && (
        <Anchor component="button" type="button" size="sm" pb={8} onClick={() => onChoose(NO_LIMIT)}>
          {WORDS.clear}
        </Anchor>
      )}
    </Group>
  );
}
