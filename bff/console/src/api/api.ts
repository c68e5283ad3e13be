// Owns which calls of the API the Console makes: the only module that knows their addresses.
// Does not own how they travel (request.ts), or how long their answers count (data/).

import { type RequestOptions, type RequestScope, send, sendForJson } from './request.ts';
import type {
  AccessToken,
  ActionPrice,
  AppliedCode,
  AutoTopUp,
  Balance,
  CodeForecast,
  CreditRow,
  Invitation,
  Member,
  MyWorkspace,
  Page,
  Payment,
  PaymentMethod,
  Plan,
  PlanChangePreview,
  Project,
  ProjectRole,
  Role,
  SubscriptionChange,
  SubscriptionState,
  TopUp,
  TopUpOffer,
  Trial,
  UsageDimensions,
  UsageEvent,
  UsageExplanation,
  User,
  Workspace,
} from './type.ts';

/** Is who is signed in. */
export interface Me {
  readonly user: User;
  readonly csrf_token: string | null;
}

/** Limits metered events; what is absent limits nothing. */
export interface UsageFilter {
  readonly action?: string | undefined;
  readonly project_id?: string | undefined;
  readonly start_time?: string | undefined;
  readonly end_time?: string | undefined;
}

/** Asks how credits were used over time. */
export interface AnalyticsQuery {
  readonly start_time: string;
  readonly end_time: string;
  readonly interval?: 'hour' | 'day';
  readonly group_by?: 'action' | 'project' | 'workflow';
  readonly project_id?: string | undefined;
}

/** Buys credits. */
export interface TopUpOrder {
  readonly amount_cents: number;
  readonly microcredits: number;
  readonly currency: string;
  readonly use_stored_card: boolean;
}

/** Sets the rule by which credits are bought without a person. */
export interface AutoTopUpRule {
  readonly enabled: boolean;
  readonly consent: boolean;
  readonly threshold_microcredits: number;
  readonly amount_cents: number;
  readonly currency: string;
  readonly microcredits: number;
  readonly monthly_limit_cents: number;
}

/** Asks for a personal access token. */
export interface NewAccessToken {
  readonly display_name: string;
  readonly role: Role;
  readonly project_ids?: readonly string[];
  readonly expire_time?: string;
}

/** Says what a member may do. */
export interface MemberRoles {
  readonly tenant_admin: boolean;
  readonly project_roles: readonly ProjectRole[];
}

const BILLING = '/v1/billing';
const PAGE_SIZE = '50';
/** The largest page there is of people and what is theirs. */
const PEOPLE_PAGE_SIZE = '200';
const SERIES_PAGE_SIZE = '1000';

/** Makes the calls of one session, about one workspace at most. */
export function createApi(scope: RequestScope) {
  const get = <Answer>(path: string, options?: RequestOptions): Promise<Answer> =>
    sendForJson<Answer>(scope, 'GET', path, options);
  const post = <Answer>(path: string, body: object = {}): Promise<Answer> =>
    sendForJson<Answer>(scope, 'POST', path, { body });
  return {
    scope,
    ...createPersonCalls(scope, get, post),
    ...createBillingCalls(get, post),
    ...createPaymentCalls(scope, get, post),
    ...createUsageCalls(scope, get),
    ...createPeopleCalls(scope, get, post),
  };
}

/** The calls of one session. */
export type Api = ReturnType<typeof createApi>;

type Get = <Answer>(path: string, options?: RequestOptions) => Promise<Answer>;
type Post = <Answer>(path: string, body?: object) => Promise<Answer>;

function createPersonCalls(scope: RequestScope, get: Get, post: Post) {
  return {
    getMe: () => get<Me>('/v1/me'),
    listWorkspaces: () =>
      get<Page & { workspaces: MyWorkspace[] }>('/v1/workspaces', { query: { page_size: PEOPLE_PAGE_SIZE } }),
    createWorkspace: (displayName: string) => post<Workspace>('/v1/workspaces', { display_name: displayName }),
    signOut: () => send(scope, 'POST', '/auth/logout'),
  };
}

function createBillingCalls(get: Get, post: Post) {
  const subscription = `${BILLING}/subscription`;
  return {
    listPlans: () => get<{ plans: Plan[] }>(`${BILLING}/plans`),
    getBalance: () => get<Balance>(`${BILLING}/usage`),
    getSubscription: () => get<SubscriptionState>(subscription),
    /** Has the service read Stripe again, on the way back from a page. */
    refreshSubscription: () => post<SubscriptionState>(`${subscription}/refresh`),
    startTrial: (planCode: string) => post<Trial>(`${BILLING}/trial`, { plan_code: planCode }),
    cancelTrial: () => post<Trial>(`${BILLING}/trial/cancel`),
    activate: (order: { plan_code: string; hosted_page: boolean; promotion_code?: string; return_path: string }) =>
      post<SubscriptionChange>(subscription, order),
    convertTrial: (order: { hosted_page: boolean; return_path: string }) =>
      post<SubscriptionChange>(`${subscription}/convert-trial-now`, order),
    previewPlanChange: (planCode: string) =>
      post<PlanChangePreview>(`${subscription}/preview`, { plan_code: planCode }),
    changePlan: (planCode: string) => post<SubscriptionChange>(`${subscription}/change-plan`, { plan_code: planCode }),
    cancelSubscription: () => post<SubscriptionChange>(`${subscription}/cancel`),
    resumeSubscription: () => post<SubscriptionChange>(`${subscription}/resume`),
    validateCode: (code: string, planCode?: string) =>
      post<CodeForecast>(`${BILLING}/discounts/validate`, {
        code,
        ...(planCode !== undefined && { plan_code: planCode }),
      }),
    applyCode: (code: string) => post<AppliedCode>(`${BILLING}/codes/apply`, { code }),
  };
}

function createPaymentCalls(scope: RequestScope, get: Get, post: Post) {
  const methods = `${BILLING}/payment-methods`;
  const topUps = `${BILLING}/topups`;
  return {
    listPaymentMethods: () => get<{ payment_methods: PaymentMethod[] }>(methods),
    /** Opens the page to store a card on; with consent, the trial becomes the paid plan at its end. */
    setUpPaymentMethod: (order: { consent_to_charge: boolean; return_path: string }) =>
      post<{ url: string | null }>(`${methods}/setup`, { hosted_page: true, ...order }),
    setDefaultPaymentMethod: (paymentMethodId: string) =>
      sendForJson<PaymentMethod>(scope, 'PUT', `${methods}/default`, { body: { payment_method_id: paymentMethodId } }),
    openPortal: (returnPath: string) => post<{ url: string }>(`${BILLING}/portal`, { return_path: returnPath }),
    getTopUpOffer: () => get<TopUpOffer>(`${topUps}/packages`),
    createTopUp: (order: TopUpOrder) => post<TopUp>(`${topUps}/payg/intent`, order),
    getTopUp: (topUpId: string) => get<TopUp>(`${topUps}/${encodeURIComponent(topUpId)}`),
    cancelTopUp: (topUpId: string) => post<TopUp>(`${topUps}/${encodeURIComponent(topUpId)}/cancel`),
    getAutoTopUp: () => get<AutoTopUp>(`${topUps}/auto`),
    setAutoTopUp: (rule: AutoTopUpRule) => sendForJson<AutoTopUp>(scope, 'PUT', `${topUps}/auto`, { body: rule }),
    listThresholds: () =>
      get<{ thresholds: { microcredits: number; below: boolean }[] }>(`${BILLING}/alerts/thresholds`),
    listPayments: (pageToken: string | undefined) =>
      get<Page & { payments: Payment[] }>(`${BILLING}/payment-history`, {
        query: { page_size: PAGE_SIZE, page_token: pageToken },
      }),
  };
}

function createUsageCalls(scope: RequestScope, get: Get) {
  const history = `${BILLING}/usage-history`;
  return {
    listActionPrices: () => get<{ action_prices: ActionPrice[] }>(`${BILLING}/action-pricing`),
    listUsageEvents: (filter: UsageFilter, pageToken: string | undefined) =>
      get<Page & { events: UsageEvent[] }>(history, {
        query: { ...filter, page_size: PAGE_SIZE, page_token: pageToken },
      }),
    explainUsageEvent: (entryId: string) => get<UsageExplanation>(`${history}/${encodeURIComponent(entryId)}`),
    exportUsage: async (filter: UsageFilter): Promise<Blob> => {
      const response = await send(scope, 'GET', history, { query: { ...filter }, accept: 'text/csv' });
      return await response.blob();
    },
    /** Opens the stream of the balance. */
    openBalanceStream: (signal: AbortSignal, lastEventId: string | undefined) =>
      send(scope, 'GET', `${BILLING}/usage/stream`, { accept: 'text/event-stream', signal, lastEventId }),
    listUsageDimensions: (range: Pick<AnalyticsQuery, 'start_time' | 'end_time' | 'project_id'>) =>
      get<UsageDimensions>(`${BILLING}/usage-dimensions`, { query: { ...range } }),
    listCreditAnalytics: (query: AnalyticsQuery) =>
      get<Page & { rows: CreditRow[] }>(`${BILLING}/analytics/credits`, {
        query: { ...query, page_size: SERIES_PAGE_SIZE },
      }),
  };
}

function createPeopleCalls(scope: RequestScope, get: Get, post: Post) {
  const workspace = `/v1/workspaces/${encodeURIComponent(scope.workspaceId ?? '')}`;
  const query = { page_size: PEOPLE_PAGE_SIZE };
  const remove = async (path: string): Promise<void> => {
    await send(scope, 'DELETE', path);
  };
  return {
    listMembers: () => get<Page & { members: Member[] }>(`${workspace}/members`, { query }),
    updateMember: (userId: string, roles: MemberRoles) =>
      sendForJson<Member>(scope, 'PATCH', `${workspace}/members/${encodeURIComponent(userId)}`, { body: roles }),
    removeMember: (userId: string) => remove(`${workspace}/members/${encodeURIComponent(userId)}`),
    listInvitations: () =>
      get<Page & { invitations: Invitation[] }>(`${workspace}/invitations`, { query: { ...query, status: 'pending' } }),
    invite: (invitation: { email: string } & MemberRoles) => post<Invitation>(`${workspace}/invitations`, invitation),
    revokeInvitation: (invitationId: string) => remove(`${workspace}/invitations/${encodeURIComponent(invitationId)}`),
    listProjects: () => get<Page & { projects: Project[] }>(`${workspace}/projects`, { query }),
    createProject: (displayName: string) => post<Project>(`${workspace}/projects`, { display_name: displayName }),
    listAccessTokens: () => get<Page & { access_tokens: AccessToken[] }>('/v1/tokens', { query }),
    createAccessToken: (token: NewAccessToken) =>
      post<{ access_token: AccessToken; token: string | null }>('/v1/tokens', token),
    revokeAccessToken: (accessTokenId: string) => remove(`/v1/tokens/${encodeURIComponent(accessTokenId)}`),
  };
}
