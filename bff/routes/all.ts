// Owns the table of the API: every route that it has.

import { accessTokenRoutes } from './access-token.ts';
import { actionPricingRoute } from './action-pricing.ts';
import { alertRoutes } from './alert.ts';
import { alertEndpointRoutes } from './alert-endpoint.ts';
import { analyticsRoutes } from './analytics.ts';
import { autoTopUpRoutes } from './auto-top-up.ts';
import { invitationRoutes } from './invitation.ts';
import { meRoute } from './me.ts';
import { memberRoutes } from './member.ts';
import { paymentHistoryRoute } from './payment-history.ts';
import { paymentMethodRoutes } from './payment-method.ts';
import { planRoute } from './plan.ts';
import { projectRoutes } from './project.ts';
import { promotionRoutes } from './promotion.ts';
import type { Route } from './route.ts';
import { signupRoutes } from './signup.ts';
import { subscriptionRoutes } from './subscription.ts';
import { topUpRoutes } from './top-up.ts';
import { trialRoutes } from './trial.ts';
import { usageRoute } from './usage.ts';
import { usageExplanationRoute } from './usage-explanation.ts';
import { usageHistoryRoute } from './usage-history.ts';
import { usageStreamRoute } from './usage-stream.ts';
import { workspaceRoutes } from './workspace.ts';

/** Are all routes. */
export const ROUTES: readonly Route[] = [
  planRoute,
  usageRoute,
  actionPricingRoute,
  usageStreamRoute,
  usageHistoryRoute,
  usageExplanationRoute,
  ...analyticsRoutes,
  ...trialRoutes,
  ...subscriptionRoutes,
  ...paymentMethodRoutes,
  ...autoTopUpRoutes,
  ...topUpRoutes,
  ...promotionRoutes,
  ...alertRoutes,
  ...alertEndpointRoutes,
  paymentHistoryRoute,
  meRoute,
  ...workspaceRoutes,
  ...memberRoutes,
  ...invitationRoutes,
  ...projectRoutes,
  ...accessTokenRoutes,
  ...signupRoutes,
];
