/**
 * Owns: which demo products the local stack runs, one BFF for each.
 * Does not own: their plans and prices; Stripe and the kernel's seed do.
 */

/** Is a demo product and where its BFF listens. */
export interface DemoProduct {
  readonly code: string;
  /** Is what people know it by. */
  readonly name: string;
  readonly portVariable: string;
  readonly portDefault: number;
}

/** Are the products of the local stack. */
export const DEMO_PRODUCTS: readonly DemoProduct[] = [
  { code: 'agentruntime', name: 'AgentRuntime', portVariable: 'WHEELHOUSE_AGENTRUNTIME_PORT', portDefault: 8080 },
  { code: 'otherproduct', name: 'OtherProduct', portVariable: 'WHEELHOUSE_OTHERPRODUCT_PORT', portDefault: 8081 },
];

/** Are the roles that a person can have in a workspace, highest first; each includes the ones after it. */
export const ROLES = ['tenant_admin', 'project_contributor', 'project_viewer'] as const;

/** Is a person's role in a workspace. */
export type Role = (typeof ROLES)[number];
