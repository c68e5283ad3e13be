// Owns by which names the Console calls what the API answers with. Does not own the shapes: they are made from the API's document.

import type { components } from '../../../../clients/rest/billing-api.ts';

type Schemas = components['schemas'];

export type AccessToken = Schemas['AccessToken'];
export type AlertDelivery = Schemas['AlertDelivery'];
export type AlertEndpoint = Schemas['AlertEndpoint'];
export type AutoTopUp = Schemas['AutoTopUp'];
export type Balance = Schemas['Balance'];
export type CodeForecast = Schemas['CodeForecast'];
export type CreditRow = Schemas['CreditRow'];
export type Discount = Schemas['Discount'];
export type SubscriptionDiscount = Schemas['SubscriptionDiscount'];
export type Invitation = Schemas['Invitation'];
export type Member = Schemas['Member'];
export type MyWorkspace = Schemas['MyWorkspace'];
export type Payment = Schemas['Payment'];
export type PaymentMethod = Schemas['PaymentMethod'];
export type Plan = Schemas['Plan'];
export type PlanChangePreview = Schemas['PlanChangePreview'];
export type Project = Schemas['Project'];
export type Subscription = Schemas['Subscription'];
export type SubscriptionChange = Schemas['SubscriptionChange'];
export type SubscriptionState = Schemas['SubscriptionState'];
export type Threshold = Schemas['Threshold'];
export type TopUp = Schemas['TopUp'];
export type TopUpOffer = Schemas['TopUpOffer'];
export type Trial = Schemas['Trial'];
export type UsageDimensions = Schemas['UsageDimensions'];
export type UsageEvent = Schemas['UsageEvent'];
export type UsageExplanation = Schemas['UsageExplanation'];
export type User = Schemas['User'];
export type WorkspaceRecord = Schemas['WorkspaceRecord'];

/** Is what somebody may do in a workspace. */
export type Role = NonNullable<MyWorkspace['role']>;
