/**
 * Owns: the test cards, by Stripe's own numbers and names, and what each does.
 * Does not own: payments. Other numbers are refused, as Stripe refuses real cards in test mode.
 */

/** Is why a card is declined. */
export interface Decline {
  readonly code: string;
  readonly declineCode: string;
  readonly message: string;
}

/** Is a card. */
export interface TestCard {
  readonly number: string;
  readonly brand: 'visa' | 'mastercard' | 'amex';
  /** Are names of payment methods that stand for this card, such as `pm_card_visa`. */
  readonly tokens: readonly string[];
  /** Is what the hosted page says of it. */
  readonly description: string;
  /** Says when its owner must authenticate: `unless_set_up` and `was_set_up` let payments off session pass once it is. */
  readonly authentication: 'never' | 'unless_set_up' | 'was_set_up' | 'always';
  readonly decline?: Decline;
  /** Says that it can be saved, and is declined only when it is charged. */
  readonly isDeclinedOnChargeOnly?: boolean;
  /** Is how its refunds begin: `pending` ones succeed a day later, and others fail then. Absent: they succeed at once. */
  readonly refund?: 'pending' | 'failed';
  /** Is the reason for which its charges are disputed. */
  readonly dispute?: 'fraudulent' | 'product_not_received';
}

const GENERIC: Decline = {
  code: 'card_declined',
  declineCode: 'generic_decline',
  message: 'Your card was declined.',
};
const FUNDS: Decline = {
  code: 'card_declined',
  declineCode: 'insufficient_funds',
  message: 'Your card has insufficient funds.',
};

/** Are the cards. */
export const TEST_CARDS: readonly TestCard[] = [
  {
    number: '4242424242424242',
    brand: 'visa',
    tokens: ['pm_card_visa'],
    description: 'Visa, succeeds',
    authentication: 'never',
  },
  {
    number: '5555555555554444',
    brand: 'mastercard',
    tokens: ['pm_card_mastercard'],
    description: 'Mastercard, succeeds',
    authentication: 'never',
  },
  {
    number: '378282246310005',
    brand: 'amex',
    tokens: ['pm_card_amex'],
    description: 'American Express, succeeds',
    authentication: 'never',
  },
  {
    number: '4000000000000002',
    brand: 'visa',
    tokens: ['pm_card_visa_chargeDeclined', 'pm_card_chargeDeclined'],
    description: 'Declined',
    authentication: 'never',
    decline: GENERIC,
  },
  {
    number: '4000000000009995',
    brand: 'visa',
    tokens: ['pm_card_visa_chargeDeclinedInsufficientFunds', 'pm_card_chargeDeclinedInsufficientFunds'],
    description: 'Declined: insufficient funds',
    authentication: 'never',
    decline: FUNDS,
  },
  {
    number: '4000000000000069',
    brand: 'visa',
    tokens: ['pm_card_chargeDeclinedExpiredCard'],
    description: 'Declined: expired',
    authentication: 'never',
    decline: { code: 'expired_card', declineCode: 'expired_card', message: 'Your card has expired.' },
  },
  {
    number: '4000000000000341',
    brand: 'visa',
    tokens: ['pm_card_chargeCustomerFail'],
    description: 'Can be saved, is declined when it is charged',
    authentication: 'never',
    decline: GENERIC,
    isDeclinedOnChargeOnly: true,
  },
  {
    number: '4000002500003155',
    brand: 'visa',
    tokens: ['pm_card_authenticationRequiredOnSetup'],
    description: 'Asks for authentication, unless it was set up for payments off session',
    authentication: 'unless_set_up',
  },
  {
    number: '4000003800000446',
    brand: 'visa',
    tokens: ['pm_card_authenticationRequiredSetupForOffSession'],
    description: 'Asks for authentication on session only',
    authentication: 'was_set_up',
  },
  {
    number: '4000002760003184',
    brand: 'visa',
    tokens: ['pm_card_authenticationRequired'],
    description: 'Always asks for authentication',
    authentication: 'always',
  },
  {
    number: '4000008260003178',
    brand: 'visa',
    tokens: ['pm_card_authenticationRequiredChargeDeclinedInsufficientFunds'],
    description: 'Asks for authentication, and is declined then: insufficient funds',
    authentication: 'always',
    decline: FUNDS,
    isDeclinedOnChargeOnly: true,
  },
  {
    number: '4000000000007726',
    brand: 'visa',
    tokens: ['pm_card_pendingRefund'],
    description: 'Succeeds, refunds are pending for a day',
    authentication: 'never',
    refund: 'pending',
  },
  {
    number: '4000000000005126',
    brand: 'visa',
    tokens: ['pm_card_refundFail'],
    description: 'Succeeds, refunds fail after a day',
    authentication: 'never',
    refund: 'failed',
  },
  {
    number: '4000000000000259',
    brand: 'visa',
    tokens: ['pm_card_createDispute'],
    description: 'Succeeds, is disputed as fraudulent',
    authentication: 'never',
    dispute: 'fraudulent',
  },
  {
    number: '4000000000002685',
    brand: 'visa',
    tokens: ['pm_card_createDisputeProductNotReceived'],
    description: 'Succeeds, is disputed: not received',
    authentication: 'never',
    dispute: 'product_not_received',
  },
];

/** Finds a card by its number, in which spaces don't count. */
export function findCardByNumber(number: string): TestCard | undefined {
  const digits = number.replaceAll(/[\s-]/g, '');
  return TEST_CARDS.find((card) => card.number === digits);
}

/** Finds a card by the name of a payment method that stands for it. */
export function findCardByToken(token: string): TestCard | undefined {
  return TEST_CARDS.find(({ tokens }) => tokens.includes(token));
}

/** Is a use of a card. */
export interface CardUse {
  /** Says that money is taken; otherwise the card is only saved. */
  readonly isCharge: boolean;
  readonly isOffSession: boolean;
  /** Says that the card was set up for payments off session before. */
  readonly isSetUp: boolean;
  /** Says that its owner has authenticated this use. */
  readonly isAuthenticated: boolean;
}

/** Returns what the bank says to a use of a card. */
export function judgeCard(card: TestCard, use: CardUse): 'approved' | 'authentication' | Decline {
  if (!use.isAuthenticated && needsAuthentication(card, use)) return 'authentication';
  if (card.decline !== undefined && (use.isCharge || card.isDeclinedOnChargeOnly !== true)) return card.decline;
  return 'approved';
}

function needsAuthentication({ authentication }: TestCard, { isOffSession, isSetUp }: CardUse): boolean {
  switch (authentication) {
    case 'never':
      return false;
    case 'always':
      return true;
    case 'unless_set_up':
      return !(isOffSession && isSetUp);
    case 'was_set_up':
      return !isOffSession;
  }
}
