// Owns how the pages ask for what belongs to the workspace that is shown. Does not own the calls (api/api.ts).

import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { readAllPages } from '../api/all-pages.ts';
import type { AnalyticsQuery, Api, UsageFilter } from '../api/api.ts';
import type { AutoTopUp, Subscription } from '../api/type.ts';
import { isArchived } from '../part/project-name.ts';
import { useRole, useWorkspace } from '../session/session.ts';
import { computeAskAgainMs } from './next-change.ts';
import { noteServiceTime } from './service-clock.ts';

/** Names an answer about a workspace. */
function keyOf(api: Api, ...parts: readonly unknown[]): readonly unknown[] {
  return ['workspace', api.scope.workspaceId, ...parts];
}

/** Returns what forgets all that is known about the workspace, so that it is read again. */
export function useForgetWorkspace(): () => Promise<void> {
  const client = useQueryClient();
  const { api } = useWorkspace();
  return () => client.invalidateQueries({ queryKey: keyOf(api) });
}

/** Returns the key of the balance, which a stream keeps up to date. */
export function useBalanceKey(): readonly unknown[] {
  return keyOf(useWorkspace().api, 'balance');
}

export function useBalance() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: useBalanceKey(),
    queryFn: () => api.getBalance(),
    enabled: useRole('project_contributor'),
  });
}

/** What is under way at Stripe, or in another tab, is over soon; the page that shows it is not to be reloaded for that. */
const UNDER_WAY_ASKED_MS = 3_000;

export function useSubscription() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'subscription'),
    queryFn: async () => {
      const state = await api.getSubscription();
      noteServiceTime(state.as_of_time);
      return state;
    },
    refetchInterval: ({ state }) => {
      if (state.data === undefined) return false;
      return isUnderWay(state.data.subscription) ? UNDER_WAY_ASKED_MS : computeAskAgainMs(state.data);
    },
    enabled: useRole('project_contributor'),
  });
}

function isUnderWay(subscription: Subscription | null | undefined): boolean {
  return subscription?.status === 'past_due' || subscription?.status === 'renewal_pending';
}

const PLANS_STALE_MS = 300_000;

export function usePlans() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'plans'),
    queryFn: async () => (await api.listPlans()).plans,
    staleTime: PLANS_STALE_MS,
    enabled: useRole('project_contributor'),
  });
}

export function usePaymentMethods() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'payment-methods'),
    queryFn: async () => (await api.listPaymentMethods()).payment_methods,
    enabled: useRole('tenant_admin'),
  });
}

export function useTopUpOffer() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'top-up-offer'),
    queryFn: () => api.getTopUpOffer(),
    enabled: useRole('tenant_admin'),
  });
}

/** It can rest for minutes between two purchases. */
const RULE_ASKED_MS = 5_000;

export function useAutoTopUp() {
  const { api } = useWorkspace();
  const available = useBalance().data?.available;
  return useQuery({
    queryKey: keyOf(api, 'auto-top-up'),
    queryFn: () => api.getAutoTopUp(),
    // A purchase that the rule asks for is made, or declined, within seconds.
    refetchInterval: ({ state }) => (isDue(state.data, available) ? RULE_ASKED_MS : false),
    enabled: useRole('tenant_admin'),
  });
}

function isDue(rule: AutoTopUp | undefined, available: number | undefined): boolean {
  if (rule?.state !== 'active' || rule.threshold_microcredits === null) return false;
  return available !== undefined && available < rule.threshold_microcredits;
}

export function useThresholds() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'thresholds'),
    queryFn: async () => (await api.listThresholds()).thresholds,
    enabled: useRole('tenant_admin'),
  });
}

export function useAlertEndpoints() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'alert-endpoints'),
    queryFn: async () => (await api.listAlertEndpoints()).endpoints,
    enabled: useRole('tenant_admin'),
  });
}

export function useAlertDeliveries() {
  const { api } = useWorkspace();
  return useInfiniteQuery({
    queryKey: keyOf(api, 'alert-deliveries'),
    queryFn: ({ pageParam }) => api.listAlertDeliveries(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_page_token ?? undefined,
    enabled: useRole('tenant_admin'),
    // One that is on its way has an end soon.
    refetchInterval: ({ state }) =>
      state.data?.pages[0]?.deliveries.some((delivery) => delivery.state === 'pending') === true
        ? UNDER_WAY_ASKED_MS
        : false,
  });
}

export function useActionPrices() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'action-prices'),
    queryFn: async () => (await api.listActionPrices()).action_prices,
    enabled: useRole('project_contributor'),
  });
}

export function useUsageEvents(filter: UsageFilter) {
  const { api } = useWorkspace();
  return useInfiniteQuery({
    queryKey: keyOf(api, 'usage', filter),
    queryFn: ({ pageParam }) => api.listUsageEvents(filter, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_page_token ?? undefined,
  });
}

export function useUsageExplanation(entryId: string | undefined) {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'explanation', entryId),
    queryFn: () => api.explainUsageEvent(entryId ?? ''),
    enabled: entryId !== undefined,
  });
}

export function usePayments() {
  const { api } = useWorkspace();
  return useInfiniteQuery({
    queryKey: keyOf(api, 'payments'),
    queryFn: ({ pageParam }) => api.listPayments(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_page_token ?? undefined,
    enabled: useRole('tenant_admin'),
  });
}

export function useCreditAnalytics(query: AnalyticsQuery) {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'analytics', query),
    queryFn: () => api.listCreditAnalytics(query),
    placeholderData: (before) => before,
  });
}

export function useUsageDimensions(range: Pick<AnalyticsQuery, 'start_time' | 'end_time' | 'project_id'>) {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'dimensions', range),
    queryFn: () => api.listUsageDimensions(range),
    placeholderData: (before) => before,
  });
}

export function useActivity() {
  const { api } = useWorkspace();
  return useInfiniteQuery({
    queryKey: keyOf(api, 'activity'),
    queryFn: ({ pageParam }) => api.listActivity(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_page_token ?? undefined,
    enabled: useRole('tenant_admin'),
  });
}

/** Are archived ones, too, the last: what they used is still told of. */
export function useProjects() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'projects'),
    queryFn: async () => {
      const projects = await readAllPages(api.listProjects, (page) => page.projects);
      return [...projects.filter((one) => !isArchived(one)), ...projects.filter(isArchived)];
    },
  });
}

export function useMembers() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'members'),
    queryFn: () => readAllPages(api.listMembers, ({ members }) => members),
    enabled: useRole('project_contributor'),
  });
}

export function useInvitations() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'invitations'),
    queryFn: () => readAllPages(api.listInvitations, ({ invitations }) => invitations),
    enabled: useRole('tenant_admin'),
  });
}

export function useAccessTokens() {
  const { api } = useWorkspace();
  return useQuery({
    queryKey: keyOf(api, 'access-tokens'),
    queryFn: () => readAllPages(api.listAccessTokens, (page) => page.access_tokens),
    enabled: useRole('project_viewer'),
  });
}
