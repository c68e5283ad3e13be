/**
 * Owns: rules by which deliveries go wrong on request: held back, late, twice, or never.
 * Does not own: sending. Rules are not kept: a restart begins without any.
 */

/** Is what happens to a delivery. */
export type DeliveryAction =
  | { readonly kind: 'hold' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Sends it so many times in all. */
  | { readonly kind: 'duplicate'; readonly copies: number };

/** Says for which events, and how often. */
export interface DeliveryRule {
  /** Are types of events; `*` is every one. */
  readonly types: readonly string[];
  /** Is how many deliveries it is for; absent: all to come. */
  readonly times?: number;
  readonly action: DeliveryAction;
}

/** Holds the rules; the first that fits is applied. */
export class DeliveryRules {
  #rules: DeliveryRule[] = [];

  /** Adds a rule after those that are there. */
  add(rule: DeliveryRule): void {
    this.#rules.push(rule);
  }

  /** Takes all rules away. */
  clear(): void {
    this.#rules = [];
  }

  /** Returns the rules that are left. */
  list(): readonly DeliveryRule[] {
    return [...this.#rules];
  }

  /** Returns what happens to a delivery of an event of this type; undefined: it is simply sent. */
  take(type: string): DeliveryAction | undefined {
    const index = this.#rules.findIndex(({ types }) => types.includes('*') || types.includes(type));
    const rule = this.#rules[index];
    if (rule?.times === undefined) return rule?.action;
    if (rule.times <= 1) this.#rules.splice(index, 1);
    else this.#rules[index] = { ...rule, times: rule.times - 1 };
    return rule.action;
  }
}
