// Owns which calls of the API the Console makes: the only module that knows their addresses.
// Does not own how they travel (request.ts), or how long their answers count (data/).

import { type BodyOf, type Client, createClientOf, finish, type QueryOf, type RequestScope, read } from './request.ts';

/** Limits metered events; what is absent limits nothing. */
export type UsageFilter = Pick<
  QueryOf<'/v1/billing/usage-history'>,
  'action' | 'project_id' | 'start_time' | 'end_time'
>;
/** Asks how credits were used over time. */
export type AnalyticsQuery = Pick<QueryOf<'/v1/billing/analytics/credits'>, 'interval' | 'group_by' | 'project_id'> & {
  readonly start_time: string;
  readonly end_time: string;
};
/** Says of what usage is looked at. */
export type AnalyticsRange = Pick<AnalyticsQuery, 'start_time' | 'end_time' | 'project_id'>;

type Activation = BodyOf<'/v1/billing/subscription', 'post'>;
type Conversion = BodyOf<'/v1/billing/subscription/convert-trial-now', 'post'>;
type CardSetup = Omit<BodyOf<'/v1/billing/payment-methods/setup', 'post'>, 'hosted_page'>;
/** Buys credits. */
export type TopUpOrder = BodyOf<'/v1/billing/topups/payg/intent', 'post'>;
/** Sets the rule by which credits are bought without a person. */
export type AutoTopUpRule = BodyOf<'/v1/billing/topups/auto', 'put'>;
/** Asks for a personal access token. */
export type NewAccessToken = BodyOf<'/v1/tokens', 'post'>;
/** Says what a member may do. */
export type MemberRoles = BodyOf<'/v1/workspaces/{workspace_id}/members/{user_id}', 'patch'>;
/** Says where alerts are sent to. */
export type EndpointFields = BodyOf<'/v1/billing/alerts/endpoints', 'post'>;
type EndpointUpdate = BodyOf<'/v1/billing/alerts/endpoints/{endpoint_id}', 'put'>;
/** Says what is to be another thing of a project. */
type ProjectUpdate = BodyOf<'/v1/workspaces/{workspace_id}/projects/{project_id}', 'patch'>;
type NewInvitation = BodyOf<'/v1/workspaces/{workspace_id}/invitations', 'post'>;

const PAGE_SIZE = '50';
/** The largest page there is of people and what is theirs. */
const PEOPLE_PAGE_SIZE = '200';
const SERIES_PAGE_SIZE = '1000';
/** A stream ends by itself before; a file can take as long as its workspace is old. */
const LONG_CALL_MS = 660_000;

/** Makes the calls of one session, about one workspace at most. */
export function createApi(scope: RequestScope) {
  const client = createClientOf(scope);
  return {
    scope,
    ...createPersonCalls(scope, client),
    ...createPlanCalls(client),
    ...createPaymentCalls(client),
    ...createUsageCalls(client),
    ...createAlertCalls(client),
    ...createLongCalls(createClientOf(scope, LONG_CALL_MS)),
    ...createWorkspaceCalls(scope.workspaceId ?? '', client),
    ...createPeopleCalls(scope.workspaceId ?? '', client),
    ...createAccessTokenCalls(client),
  };
}

/** The calls of one session. */
export type Api = ReturnType<typeof createApi>;

function createPersonCalls({ csrfToken }: RequestScope, client: Client) {
  return {
    getMe: () => read(client.GET('/v1/me')),
    listWorkspaces: (pageToken?: string) =>
      read(client.GET('/v1/workspaces', { params: { query: toPeoplePage(pageToken) } })),
    createWorkspace: (displayName: string) =>
      read(client.POST('/v1/workspaces', { body: { display_name: displayName } })),
    /** Is no call of the API, but of the session itself. */
    signOut: () =>
      finish(
        fetch('/auth/logout', { method: 'POST', headers: { 'X-CSRF-Token': csrfToken ?? '' } }).then((response) => ({
          response,
        })),
      ),
  };
}

function createPlanCalls(client: Client) {
  return {
    listPlans: () => read(client.GET('/v1/billing/plans')),
    getSubscription: () => read(client.GET('/v1/billing/subscription')),
    /** Has the service read Stripe again, on the way back from a page. */
    refreshSubscription: () => read(client.POST('/v1/billing/subscription/refresh')),
    startTrial: (planCode: string) => read(client.POST('/v1/billing/trial', { body: { plan_code: planCode } })),
    cancelTrial: () => read(client.POST('/v1/billing/trial/cancel')),
    activate: (order: Activation) => read(client.POST('/v1/billing/subscription', { body: order })),
    convertTrial: (order: Conversion) =>
      read(client.POST('/v1/billing/subscription/convert-trial-now', { body: order })),
    previewPlanChange: (planCode: string) =>
      read(client.POST('/v1/billing/subscription/preview', { body: { plan_code: planCode } })),
    changePlan: (planCode: string) =>
      read(client.POST('/v1/billing/subscription/change-plan', { body: { plan_code: planCode } })),
    cancelSubscription: () => read(client.POST('/v1/billing/subscription/cancel')),
    resumeSubscription: () => read(client.POST('/v1/billing/subscription/resume')),
    validateCode: (code: string, planCode?: string) =>
      read(
        client.POST('/v1/billing/discounts/validate', {
          body: { code, ...(planCode !== undefined && { plan_code: planCode }) },
        }),
      ),
    applyCode: (code: string) => read(client.POST('/v1/billing/codes/apply', { body: { code } })),
  };
}

function createPaymentCalls(client: Client) {
  return {
    listPaymentMethods: () => read(client.GET('/v1/billing/payment-methods')),
    /** Opens the page to store a card on; with consent, the trial becomes the paid plan at its end. */
    setUpPaymentMethod: (order: CardSetup) =>
      read(client.POST('/v1/billing/payment-methods/setup', { body: { hosted_page: true, ...order } })),
    setDefaultPaymentMethod: (paymentMethodId: string) =>
      read(client.PUT('/v1/billing/payment-methods/default', { body: { payment_method_id: paymentMethodId } })),
    openPortal: (returnPath: string) => read(client.POST('/v1/billing/portal', { body: { return_path: returnPath } })),
    getTopUpOffer: () => read(client.GET('/v1/billing/topups/packages')),
    createTopUp: (order: TopUpOrder) => read(client.POST('/v1/billing/topups/payg/intent', { body: order })),
    getTopUp: (topUpId: string) =>
      read(client.GET('/v1/billing/topups/{topup_id}', { params: { path: { topup_id: topUpId } } })),
    cancelTopUp: (topUpId: string) =>
      read(client.POST('/v1/billing/topups/{topup_id}/cancel', { params: { path: { topup_id: topUpId } } })),
    getAutoTopUp: () => read(client.GET('/v1/billing/topups/auto')),
    setAutoTopUp: (rule: AutoTopUpRule) => read(client.PUT('/v1/billing/topups/auto', { body: rule })),
    listPayments: (pageToken?: string) =>
      read(client.GET('/v1/billing/payment-history', { params: { query: toPage(pageToken) } })),
  };
}

function createUsageCalls(client: Client) {
  return {
    getBalance: () => read(client.GET('/v1/billing/usage')),
    listActionPrices: () => read(client.GET('/v1/billing/action-pricing')),
    listUsageEvents: (filter: UsageFilter, pageToken?: string) =>
      read(client.GET('/v1/billing/usage-history', { params: { query: { ...filter, ...toPage(pageToken) } } })),
    explainUsageEvent: (entryId: string) =>
      read(client.GET('/v1/billing/usage-history/{entry_id}', { params: { path: { entry_id: entryId } } })),
    listUsageDimensions: (range: AnalyticsRange) =>
      read(client.GET('/v1/billing/usage-dimensions', { params: { query: range } })),
    listCreditAnalytics: (query: AnalyticsQuery) =>
      read(
        client.GET('/v1/billing/analytics/credits', { params: { query: { ...query, page_size: SERIES_PAGE_SIZE } } }),
      ),
  };
}

function createAlertCalls(client: Client) {
  const toPath = (endpointId: string) => ({ params: { path: { endpoint_id: endpointId } } });
  return {
    listThresholds: () => read(client.GET('/v1/billing/alerts/thresholds')),
    setThresholds: (microcredits: number[]) =>
      read(client.PUT('/v1/billing/alerts/thresholds', { body: { microcredits } })),
    listAlertEndpoints: () => read(client.GET('/v1/billing/alerts/endpoints')),
    createAlertEndpoint: (fields: EndpointFields) =>
      read(client.POST('/v1/billing/alerts/endpoints', { body: fields })),
    updateAlertEndpoint: (endpointId: string, fields: EndpointUpdate) =>
      read(client.PUT('/v1/billing/alerts/endpoints/{endpoint_id}', { ...toPath(endpointId), body: fields })),
    rotateAlertEndpointSecret: (endpointId: string) =>
      read(client.POST('/v1/billing/alerts/endpoints/{endpoint_id}/rotate-secret', toPath(endpointId))),
    testAlertEndpoint: (endpointId: string) =>
      read(client.POST('/v1/billing/alerts/endpoints/{endpoint_id}/test', toPath(endpointId))),
    deleteAlertEndpoint: (endpointId: string) =>
      finish(client.DELETE('/v1/billing/alerts/endpoints/{endpoint_id}', toPath(endpointId))),
    listAlertDeliveries: (pageToken?: string) =>
      read(client.GET('/v1/billing/alerts/deliveries', { params: { query: toPage(pageToken) } })),
    resendAlertDelivery: (deliveryId: string) =>
      read(
        client.POST('/v1/billing/alerts/deliveries/{delivery_id}/resend', {
          params: { path: { delivery_id: deliveryId } },
        }),
      ),
  };
}

function createLongCalls(client: Client) {
  return {
    exportUsage: (filter: UsageFilter): Promise<Blob> =>
      read(
        client.GET('/v1/billing/usage-history', { params: { query: { ...filter, format: 'csv' } }, parseAs: 'blob' }),
      ),
    /** Opens the stream of the balance, where the last one ended. */
    openBalanceStream: (signal: AbortSignal, lastEventId: string | undefined) =>
      read(
        client.GET('/v1/billing/usage/stream', {
          headers: lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId },
          parseAs: 'stream',
          signal,
        }),
      ),
  };
}

function createWorkspaceCalls(workspaceId: string, client: Client) {
  const params = { path: { workspace_id: workspaceId } };
  return {
    renameWorkspace: (displayName: string) =>
      read(client.PATCH('/v1/workspaces/{workspace_id}', { params, body: { display_name: displayName } })),
    changeSlug: (slug: string) => read(client.PATCH('/v1/workspaces/{workspace_id}', { params, body: { slug } })),
    /** Hands it to another administrator. */
    transferWorkspace: (userId: string) =>
      read(client.PATCH('/v1/workspaces/{workspace_id}', { params, body: { owner_user_id: userId } })),
    listActivity: (pageToken?: string) =>
      read(client.GET('/v1/workspaces/{workspace_id}/audit-log', { params: { ...params, query: toPage(pageToken) } })),
    closeWorkspace: () => read(client.POST('/v1/workspaces/{workspace_id}/close', { params })),
  };
}

function createPeopleCalls(workspaceId: string, client: Client) {
  const path = { workspace_id: workspaceId };
  return {
    listMembers: (pageToken?: string) =>
      read(client.GET('/v1/workspaces/{workspace_id}/members', { params: { path, query: toPeoplePage(pageToken) } })),
    updateMember: (userId: string, roles: MemberRoles) =>
      read(
        client.PATCH('/v1/workspaces/{workspace_id}/members/{user_id}', {
          params: { path: { ...path, user_id: userId } },
          body: roles,
        }),
      ),
    removeMember: (userId: string) =>
      finish(
        client.DELETE('/v1/workspaces/{workspace_id}/members/{user_id}', {
          params: { path: { ...path, user_id: userId } },
        }),
      ),
    listInvitations: (pageToken?: string) =>
      read(
        client.GET('/v1/workspaces/{workspace_id}/invitations', {
          params: { path, query: { ...toPeoplePage(pageToken), status: 'pending' } },
        }),
      ),
    invite: (invitation: NewInvitation) =>
      read(client.POST('/v1/workspaces/{workspace_id}/invitations', { params: { path }, body: invitation })),
    revokeInvitation: (invitationId: string) =>
      finish(
        client.DELETE('/v1/workspaces/{workspace_id}/invitations/{invitation_id}', {
          params: { path: { ...path, invitation_id: invitationId } },
        }),
      ),
    listProjects: (pageToken?: string) =>
      read(
        client.GET('/v1/workspaces/{workspace_id}/projects', {
          params: { path, query: { ...toPeoplePage(pageToken), include_archived: 'true' } },
        }),
      ),
    updateProject: (projectId: string, fields: ProjectUpdate) =>
      read(
        client.PATCH('/v1/workspaces/{workspace_id}/projects/{project_id}', {
          params: { path: { ...path, project_id: projectId } },
          body: fields,
        }),
      ),
    createProject: (displayName: string) =>
      read(
        client.POST('/v1/workspaces/{workspace_id}/projects', {
          params: { path },
          body: { display_name: displayName },
        }),
      ),
  };
}

function createAccessTokenCalls(client: Client) {
  return {
    listAccessTokens: (pageToken?: string) =>
      read(client.GET('/v1/tokens', { params: { query: toPeoplePage(pageToken) } })),
    createAccessToken: (token: NewAccessToken) => read(client.POST('/v1/tokens', { body: token })),
    revokeAccessToken: (accessTokenId: string) =>
      finish(client.DELETE('/v1/tokens/{access_token_id}', { params: { path: { access_token_id: accessTokenId } } })),
  };
}

function toPage(pageToken: string | undefined, size = PAGE_SIZE) {
  return { page_size: size, ...(pageToken !== undefined && { page_token: pageToken }) };
}

function toPeoplePage(pageToken: string | undefined) {
  return toPage(pageToken, PEOPLE_PAGE_SIZE);
}
