// The plan of the spec's example as REST shows it, field by field and in its order. Does not own what REST adds to it.

export const SPEC_PRO_ROW = {
  plan_code: 'pro',
  stripe_price_id: 'price_agentruntime_pro',
  amount: 4900,
  currency: 'usd',
  interval: 'month',
  interval_count: 1,
  product_name: 'AgentRuntime Pro',
  trial_enabled: true,
  trial_days: 14,
  trial_credits_granted: 5_000_000,
  trial_requires_card: false,
  onboarding_default: true,
} as const;
