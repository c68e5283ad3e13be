// Stands in for the generated client of the API until that is here: the shapes of its answers, made from the same document.

export interface components {
  schemas: {
    /** @description A personal access token, without the token itself. */
    AccessToken: {
      access_token_id: string;
      display_name: string;
      /** @description Is how the token begins, to be told from others. */
      token_prefix: string;
      /** @enum {string} */
      role: 'tenant_admin' | 'project_contributor' | 'project_viewer';
      /** @description Is empty for one of a tenant_admin. */
      project_ids: string[];
      created_by_user_id: string;
      /** Format: date-time */
      create_time: string;
      /** Format: date-time */
      expire_time: string | null;
      /** Format: date-time */
      last_use_time: string | null;
      /** Format: date-time */
      revoke_time: string | null;
    };
    /** @description What one unit of a metered action costs the workspace. */
    ActionPrice: {
      action: string;
      microcredits_per_unit: number;
      unit: string;
      /**
       * @description Says whose price it is: everybody’s, the plan’s, or this workspace’s own.
       * @enum {string}
       */
      rule: 'default' | 'plan' | 'tenant';
      /**
       * Format: date-time
       * @description Is since when it counts.
       */
      effective_time: string;
    };
    /** @description The delivery of one event to one endpoint. */
    AlertDelivery: {
      delivery_id: string;
      endpoint_id: string;
      event: components['schemas']['BillingEvent'];
      /** @enum {string} */
      state: 'pending' | 'delivered' | 'failed';
      attempts: number;
      /**
       * Format: date-time
       * @description Is when it is tried next; null where it is not.
       */
      due_time: string | null;
      failure: string | null;
      /** @description Is the HTTP status of the last attempt. */
      status: number | null;
      /** Format: date-time */
      deliver_time: string | null;
      /** Format: date-time */
      create_time: string;
    };
    /** @description Where billing events are delivered to. */
    AlertEndpoint: {
      endpoint_id: string;
      /** Format: uri */
      url: string;
      description: string;
      /** @description Is empty for one that gets all. */
      types: string[];
      /** @enum {string} */
      state: 'enabled' | 'disabled' | 'failing' | 'gone';
      /** Format: date-time */
      failing_since_time: string | null;
      /**
       * Format: date-time
       * @description Is when it is, or was, switched off because deliveries failed.
       */
      disable_time: string | null;
      /** Format: date-time */
      create_time: string;
    };
    /** @description An endpoint, with the secret that its deliveries are signed by. */
    AlertEndpointSecret: {
      endpoint: components['schemas']['AlertEndpoint'];
      /** @description Is what deliveries are signed by (Standard Webhooks). Only the first answer has it; keep it. */
      secret: string | null;
    };
    /** @description What a code has given. */
    AppliedCode: {
      promotion_id: string;
      code: string;
      /** @enum {string} */
      outcome: 'done' | 'pending';
      /** @description Is null where the code gives a discount. */
      credit: {
        microcredits: number;
        /** Format: date-time */
        expire_time: string | null;
      } | null;
      /** @description Is null where the code gives credits. */
      discount: components['schemas']['Discount'] | null;
    };
    /** @description The rule by which a workspace buys credits without a person. */
    AutoTopUp: {
      /**
       * @description Is `stopped` until the default payment method changes or it is set again.
       * @enum {string}
       */
      state: 'off' | 'active' | 'stopped';
      /** @enum {string|null} */
      stop_reason:
        | 'declined'
        | 'requires_action'
        | 'payment_method_missing'
        | 'price_changed'
        | 'not_offered'
        | 'not_paid'
        | null;
      failure_code: string | null;
      /** @description Is null where no rule was ever set, as all that follows. */
      threshold_microcredits: number | null;
      amount_cents: number | null;
      currency: string | null;
      microcredits: number | null;
      monthly_limit_cents: number | null;
      /** @description Is what was spent by it in this month of the calendar (UTC). */
      spent_cents: number | null;
      cooldown_seconds: number | null;
      /**
       * Format: date-time
       * @description Is until when it buys nothing more.
       */
      rest_end_time: string | null;
      consented_by: string | null;
      /** Format: date-time */
      consent_time: string | null;
    };
    /** @description What a workspace holds, in microcredits (1 credit = 1,000,000 microcredits). */
    Balance: {
      trial_remaining: number;
      included_remaining: number;
      payg_remaining: number;
      /** @description Is what open holds reserve. */
      held: number;
      /** @description Is what can be spent now: all that remains, without what is held. */
      available: number;
      /** @description Is what was used beyond what there was. */
      deficit: number;
    };
    /** @description Something that happened to the money or the credits of the workspace. */
    BillingEvent: {
      event_id: string;
      /** @description Is such as `balance.low`. */
      type: string;
      data: {
        [key: string]: string;
      };
      /** Format: date-time */
      create_time: string;
    };
    /** @description What a change of plan does to one bucket. */
    BucketEffect: {
      before_microcredits: number;
      after_microcredits: number;
    };
    /** @description What a code would do. */
    CodeForecast: {
      code: string;
      /** @description Is null where the code gives a discount. */
      credit: {
        microcredits: number;
        /** Format: date-time */
        expire_time: string | null;
      } | null;
      /** @description Is null where the code gives credits. */
      discount: components['schemas']['Discount'] | null;
      /** @description Is what the plan, or the next invoice, costs without and with the discount; null where that is not known. */
      price: {
        plan_code: string;
        before: components['schemas']['Money'];
        after: components['schemas']['Money'];
      } | null;
      /** @description Is what to give as `promotion_code` where a plan is bought; null where the code is applied instead. */
      purchase_promotion_code: string | null;
    };
    /** @description The usage of one group, and the runs beside it. */
    CreditRow: {
      /**
       * Format: date-time
       * @description Is the start of the hour or day, in UTC; null in a total.
       */
      start_time: string | null;
      /** @description Is null where not grouped by it. */
      action: string | null;
      /** @description Is null where not grouped by it, and for usage without one. */
      project_id: string | null;
      /** @description Is null where not grouped by it, and for usage without one. */
      workflow_id: string | null;
      event_count: number;
      /** @description Is an exact decimal; null where the row sums several actions. */
      quantity: string | null;
      cost_microcredits: number;
      /** @description Is null where the question is about single actions: a run has none. */
      runs: components['schemas']['RunFigures'] | null;
    };
    /** @description What a discount takes off. */
    Discount: {
      /** @description Is an exact decimal, and so a string; null where it takes off an amount. */
      percent_off: string | null;
      /** @description Is null where it takes off a share. */
      amount_off: components['schemas']['Money'] | null;
      /** @enum {string} */
      duration: 'once' | 'repeating' | 'forever';
      /** @description Is null where it does not repeat. */
      duration_months: number | null;
    };
    /** @description One grant of credit that paid for an event. */
    ExplainedGrant: {
      grant_id: string;
      /** @enum {string} */
      bucket: 'trial' | 'included' | 'payg';
      /** @description Says where its credit came from. */
      source: string;
      granted_microcredits: number;
      /** @description Is what was left of it right before the event, what is held not included. */
      remaining_before_microcredits: number;
      /** @description Is what it paid of the event. */
      paid_microcredits: number;
      /** Format: date-time */
      effective_time: string;
      /**
       * Format: date-time
       * @description Is null where it never expires.
       */
      expire_time: string | null;
    };
    /** @description An invitation to a workspace. */
    Invitation: {
      invitation_id: string;
      email: string;
      tenant_admin: boolean;
      project_roles: components['schemas']['ProjectRole'][];
      /** @enum {string} */
      status: 'pending' | 'accepted' | 'revoked' | 'expired';
      invited_by_user_id: string;
      /** Format: date-time */
      create_time: string;
      /** Format: date-time */
      expire_time: string;
    };
    /** @description A person in a workspace. */
    Member: {
      user_id: string;
      email: string | null;
      display_name: string | null;
      tenant_admin: boolean;
      project_roles: components['schemas']['ProjectRole'][];
      owner: boolean;
      /** Format: date-time */
      create_time: string;
    };
    /** @description An amount of money. */
    Money: {
      /** @description Is in minor units of the currency. */
      amount: number;
      currency: string;
    };
    /** @description A workspace of whoever asks, with what they may do there. */
    MyWorkspace: {
      workspace_id: string;
      display_name: string;
      slug: string;
      /** @enum {string} */
      status: 'active' | 'suspended' | 'closed';
      /** @description Is null for one that belongs to nobody. */
      owner_user_id: string | null;
      /** Format: date-time */
      create_time: string;
      /** Format: date-time */
      close_time: string | null;
      /**
       * @description Is the highest role; null for a member who has none.
       * @enum {string|null}
       */
      role: 'tenant_admin' | 'project_contributor' | 'project_viewer' | null;
      /** @description Is empty for a tenant_admin, who has all. */
      project_roles: components['schemas']['ProjectRole'][];
    };
    /** @description Money that came, or went back. */
    Payment: {
      /** @description Is in minor units of the currency. */
      amount: number;
      currency: string;
      /** @description Is Stripe’s id of the invoice, the refund or the dispute. */
      payment_id: string;
      /**
       * @description Is `other` for an invoice that was made by hand.
       * @enum {string}
       */
      kind: 'topup' | 'subscription' | 'other' | 'refund' | 'dispute';
      /**
       * @description Is `canceled` for a dispute that was won, `succeeded` for one that was lost.
       * @enum {string}
       */
      status: 'pending' | 'succeeded' | 'failed' | 'canceled';
      /** @description Is what it gives; null but for top-ups. */
      microcredits: number | null;
      description: string;
      topup_id: string | null;
      /** @description Is the invoice that the money came by, of what went back. */
      paid_payment_id: string | null;
      /** Format: uri */
      invoice_url: string | null;
      /** Format: uri */
      receipt_url: string | null;
      /** Format: date-time */
      create_time: string;
    };
    /** @description A stored payment method. */
    PaymentMethod: {
      payment_method_id: string;
      type: string;
      /** @description Is null for other types than cards. */
      card: {
        brand: string;
        last4: string;
        expire_month: number;
        expire_year: number;
      } | null;
      is_default: boolean;
    };
    /** @description Where to go on to store a card: one of the two is null. */
    PaymentMethodSetup: {
      /**
       * Format: uri
       * @description Is Stripe’s page to store a card on.
       */
      url: string | null;
      /** @description Is what a page with Stripe’s script stores a card by. */
      client_secret: string | null;
    };
    /** @description A change of plan that waits for the end of the period. */
    PendingChange: {
      plan_code: string;
      /** @description Is in minor units of the currency. */
      amount: number;
      currency: string;
      /** @enum {string} */
      interval: 'month' | 'year';
      interval_count: number;
      /** Format: date-time */
      effective_time: string;
    };
    /** @description One plan that is offered. */
    Plan: {
      plan_code: string;
      /** @description Is null for plans that Stripe does not sell. */
      stripe_price_id: string | null;
      /** @description Is the price of one cycle in minor units of the currency; 0 for free, null for plans sold by contract. */
      amount: number | null;
      /** @description Is the ISO 4217 code in lower case; null where there is no amount. */
      currency: string | null;
      /**
       * @description Is null where the plan has no billing cycle.
       * @enum {string|null}
       */
      interval: 'month' | 'year' | null;
      /** @description Is null where the plan has no billing cycle. */
      interval_count: number | null;
      product_name: string;
      trial_enabled: boolean;
      trial_days: number;
      /** @description Is in microcredits. */
      trial_credits_granted: number;
      trial_requires_card: boolean;
      /** @description Says that new workspaces begin on it. */
      onboarding_default: boolean;
      included_microcredits_per_cycle: number;
      /** @description Is false for plans that only sales can set up. */
      self_serve: boolean;
      /** @description Orders plans: to a higher one is an upgrade. */
      rank: number;
      /** @description Is null where there is no limit. */
      member_limit: number | null;
    };
    /** @description What a change of plan would do, and what would be charged at once (`due_now`). */
    PlanChangePreview: {
      /** @enum {string} */
      kind: 'activation' | 'upgrade' | 'downgrade' | 'cancellation' | 'resumption';
      from_plan_code: string;
      to_plan_code: string;
      /** Format: date-time */
      effective_time: string;
      due_now: components['schemas']['Money'];
      /** @description Is what the next cycle costs; null where none follows. */
      next_cycle: {
        /** @description Is in minor units of the currency. */
        amount: number;
        currency: string;
        /** Format: date-time */
        start_time: string;
      } | null;
      buckets: {
        trial: components['schemas']['BucketEffect'];
        included: components['schemas']['BucketEffect'];
        payg: components['schemas']['BucketEffect'];
      };
    };
    /** @description Says why a request was refused (RFC 9457). */
    Problem: {
      /** Format: uri */
      type: string;
      /** @description Is the same for every problem of the same reason. */
      title: string;
      /** @description Is the HTTP status. */
      status: number;
      /** @description Says what happened here and what to do. */
      detail: string;
      /** @description Is the id of the request (X-Request-Id). */
      instance: string;
      /** @description Is the stable name of the reason: what programs go by. */
      reason: string;
      /** @description Names each part of the request that can’t be accepted, and says why. */
      errors?: {
        field: string;
        message: string;
      }[];
      /** @description Are figures behind the reason. */
      metadata?: {
        [key: string]: string;
      };
    };
    /** @description A project of a workspace. */
    Project: {
      project_id: string;
      display_name: string;
      /** Format: date-time */
      create_time: string;
      /** Format: date-time */
      archive_time: string | null;
    };
    /** @description A role in one project. */
    ProjectRole: {
      project_id: string;
      /** @enum {string} */
      role: 'tenant_admin' | 'project_contributor' | 'project_viewer';
    };
    /** @description What became of runs: each counts once, where and when it was named first, and its end where and when that was told first. */
    RunFigures: {
      /** @description Is how many runs began. */
      run_count: number;
      /** @description Is how many events named a run, each a step of it. */
      step_count: number;
      succeeded_count: number;
      failed_count: number;
      canceled_count: number;
    };
    /** @description A signup, from an email address to a workspace. */
    Signup: {
      signup_id: string;
      email: string;
      workspace_name: string;
      /** @enum {string} */
      status: 'pending' | 'confirmed' | 'expired';
      /** Format: date-time */
      create_time: string;
      /** Format: date-time */
      expire_time: string;
    };
    /** @description What a workspace pays for by the period. */
    Subscription: {
      stripe_subscription_id: string;
      plan_code: string;
      /**
       * @description Is `renewal_pending` until the invoice of a new period is paid or fails, `past_due` after it failed.
       * @enum {string}
       */
      status: 'active' | 'renewal_pending' | 'past_due' | 'ended';
      /** @description Is in minor units of the currency. */
      amount: number;
      currency: string;
      /** @enum {string} */
      interval: 'month' | 'year';
      interval_count: number;
      included_microcredits_per_cycle: number;
      /** Format: date-time */
      period_start_time: string;
      /** Format: date-time */
      period_end_time: string;
      /**
       * Format: date-time
       * @description Is when it ends without renewal; null where it goes on.
       */
      cancel_time: string | null;
      pending_change: components['schemas']['PendingChange'] | null;
      /**
       * Format: date-time
       * @description Is until when a payment that is missing may be made up for.
       */
      grace_end_time: string | null;
      /** @description Is the payment service’s own word, such as `card_declined`. */
      payment_failure_code: string | null;
      /**
       * Format: uri
       * @description Is where a person can pay what is open.
       */
      payment_url: string | null;
      /** @description Is the plan that follows its end. */
      fallback_plan_code: string;
      /** Format: date-time */
      start_time: string;
      /** Format: date-time */
      end_time: string | null;
    };
    /** @description What became of a change of the subscription. */
    SubscriptionChange: {
      /** @enum {string} */
      outcome: 'done' | 'pending' | 'action_required';
      /**
       * Format: uri
       * @description Is where a person has to act; null where nobody has to.
       */
      action_url: string | null;
      plan_code: string;
      subscription: components['schemas']['Subscription'] | null;
    };
    /** @description The plan of a workspace, and what it pays for by the period. */
    SubscriptionState: {
      /** @description Is the plan that the workspace has now. */
      plan_code: string;
      /** @description Is null where there never was one. */
      subscription: components['schemas']['Subscription'] | null;
      /** @description Is null where there never was one. */
      trial: components['schemas']['Trial'] | null;
      /** Format: date-time */
      as_of_time: string;
    };
    /** @description An amount below which the workspace is told. */
    Threshold: {
      microcredits: number;
      /** @description Says that the balance is below it now. */
      below: boolean;
    };
    /** @description A purchase of pay-as-you-go credits. */
    TopUp: {
      topup_id: string;
      /**
       * @description Is `failed` for one that was declined and can still be paid; `succeeded` and `canceled` are ends.
       * @enum {string}
       */
      status:
        | 'pending'
        | 'requires_payment_method'
        | 'requires_action'
        | 'processing'
        | 'succeeded'
        | 'failed'
        | 'canceled';
      /**
       * @description Is `auto` where the workspace’s own rule wanted it.
       * @enum {string}
       */
      cause: 'person' | 'auto';
      /** @description Is what it costs, in minor units of the currency. */
      amount_cents: number;
      currency: string;
      /** @description Is what it gives. */
      microcredits: number;
      use_stored_card: boolean;
      /** @description Is Stripe’s id; null until there is one. */
      payment_intent_id: string | null;
      /** @description Is what a page with Stripe’s script pays it by; null where it can’t be paid. */
      client_secret: string | null;
      /**
       * Format: uri
       * @description Is Stripe’s page to pay it on; null where it can’t be paid.
       */
      checkout_url: string | null;
      /** @description Is Stripe’s word, such as `insufficient_funds`; null where it was not declined. */
      failure_code: string | null;
      /** @description Is what of its price went back by now. */
      returned_cents: number;
      /** Format: date-time */
      create_time: string;
      /**
       * Format: date-time
       * @description Is until when it can be paid.
       */
      page_expire_time: string;
      /** Format: date-time */
      end_time: string | null;
    };
    /** @description What a workspace can buy. */
    TopUpOffer: {
      /** @description Is false where nothing is sold on the plan; then the rest is empty. */
      offered: boolean;
      currency: string | null;
      packages: {
        amount_cents: number;
        microcredits: number;
      }[];
      /** @description Is what one credit costs beside packages, as an exact decimal of minor units; null where only packages are sold. */
      cents_per_credit: string | null;
      amount_cents_min: number | null;
      amount_cents_max: number | null;
    };
    /** @description The one trial of a workspace. */
    Trial: {
      plan_code: string;
      /**
       * @description Is `canceled` for one that runs to its end with nothing to follow.
       * @enum {string}
       */
      status: 'active' | 'canceled' | 'ended';
      /** Format: date-time */
      start_time: string;
      /** Format: date-time */
      end_time: string;
      granted_microcredits: number;
      remaining_microcredits: number;
      /** @description Says that what is left lapses at its end. */
      revokes_unused: boolean;
      /**
       * Format: date-time
       * @description Is when somebody agreed to be charged once it ends; null where nobody did.
       */
      consent_time: string | null;
    };
    /** @description What is known of the trial of a workspace. */
    TrialState: {
      /** @description Is null for a workspace that never had one. */
      trial: components['schemas']['Trial'] | null;
      /** @description Is the plan that the workspace has now. */
      plan_code: string;
      /** Format: date-time */
      as_of_time: string;
    };
    /** @description One value that usage was recorded with, and what there was of it. */
    UsageDimensionValue: {
      /** @description Is null for usage without one. */
      value: string | null;
      /** @description Is how many events were recorded with it. */
      event_count: number;
      cost_microcredits: number;
    };
    /** @description What the usage of a range of time was for, each list in the order of its names. */
    UsageDimensions: {
      /** Format: date-time */
      start_time: string;
      /** Format: date-time */
      end_time: string;
      actions: components['schemas']['UsageDimensionValue'][];
      projects: components['schemas']['UsageDimensionValue'][];
      workflows: components['schemas']['UsageDimensionValue'][];
      /** @description Are the free dimensions that events were recorded with. */
      dimensions: {
        name: string;
        values: components['schemas']['UsageDimensionValue'][];
      }[];
      /**
       * Format: date-time
       * @description Is since when free dimensions are summed: start_time, or later where there are more than one answer can look at.
       */
      dimensions_start_time: string;
      /** @description Says that there are more actions, projects or workflows than are listed: limit the usage. */
      truncated: boolean;
    };
    /** @description One metered event, with what it cost and who paid it. */
    UsageEvent: {
      entry_id: string;
      /** Format: date-time */
      create_time: string;
      action: string;
      /** @description Is an exact decimal, and so a string. */
      quantity: string;
      unit: string;
      microcredits_per_unit: number;
      /** @enum {string} */
      price_rule: 'default' | 'plan' | 'tenant';
      /** @description Is what was charged: the draws and the deficit together. */
      cost_microcredits: number;
      /** @description Is what each bucket paid of it, in microcredits. */
      draws: {
        trial: number;
        included: number;
        payg: number;
      };
      deficit_microcredits: number;
      /** @description Says that the work had been done when it was charged. */
      already_performed: boolean;
      /** @description Is the hold that the work was charged through. */
      hold_id: string | null;
      /** @description Is the entry by which the charge was undone. */
      reversed_by_entry_id: string | null;
      project_id: string | null;
      workflow_id: string | null;
      run_id: string | null;
      /** @enum {string|null} */
      run_status: 'running' | 'succeeded' | 'failed' | 'canceled' | null;
      dimensions: {
        [key: string]: string;
      };
      balance_after: components['schemas']['Balance'];
    };
    /** @description All that stands behind one metered event. */
    UsageExplanation: {
      event: components['schemas']['UsageEvent'];
      /** @description Says in one sentence how the figure came about. */
      summary: string;
      balance_before: components['schemas']['Balance'];
      /** @description Are the grants that paid, in the order in which they did. */
      grants: components['schemas']['ExplainedGrant'][];
      /** @description Is null where the work was charged through none. */
      hold: {
        hold_id: string;
        /** @description Is what it kept back right before the event. */
        held_microcredits: number;
        /** @description Is what had been charged through it. */
        settled_microcredits: number;
        /** Format: date-time */
        expire_time: string;
      } | null;
      /** @description Is the idempotency key that the service charged it with. */
      request_id: string | null;
      /** @description Is the place of the event in the tamper-evident history. */
      commit: {
        commit_id: string;
        commit_seq: number;
        /** @description Is the SHA-256 of the commit, in hexadecimal. */
        hash: string;
      };
    };
    /** @description A person. */
    User: {
      user_id: string;
      email: string | null;
      display_name: string | null;
      /** Format: date-time */
      create_time: string;
    };
    /** @description A workspace. */
    Workspace: {
      workspace_id: string;
      display_name: string;
      slug: string;
      /** @enum {string} */
      status: 'active' | 'suspended' | 'closed';
      /** @description Is null for one that belongs to nobody. */
      owner_user_id: string | null;
      /** Format: date-time */
      create_time: string;
      /** Format: date-time */
      close_time: string | null;
    };
    /** @description One act on a workspace. */
    WorkspaceRecord: {
      record_id: string;
      /** Format: date-time */
      create_time: string;
      /** @description Is what was called, such as `MemberService/UpdateMember`. */
      method: string;
      actor: string;
      access_token_id: string | null;
      remote_address: string | null;
      request_id: string;
      subject_id: string | null;
      changes: {
        field: string;
        before: string;
        after: string;
      }[];
    };
    /** @description an id, 1 to 128 letters, digits, hyphens and underscores */
    Id: string;
    /**
     * @description Are all reasons why a request can be refused. None is ever renamed; new ones are added.
     * @enum {string}
     */
    Reason:
      | 'ACCESS_TOKEN_NOT_FOUND'
      | 'ACCOUNT_NOT_OPEN'
      | 'ACTION_NOT_FOUND'
      | 'ALERT_DELIVERY_NOT_FOUND'
      | 'ALERT_ENDPOINT_LIMIT_REACHED'
      | 'ALERT_ENDPOINT_NOT_FOUND'
      | 'ALERT_TARGET_FORBIDDEN'
      | 'ALREADY_MEMBER'
      | 'BALANCE_OUT_OF_RANGE'
      | 'CLOCK_UNCERTAIN'
      | 'COMMIT_TOO_LARGE'
      | 'CONTACT_SALES'
      | 'CREDENTIAL_INVALID'
      | 'CSRF_TOKEN_INVALID'
      | 'DATABASE_UNAVAILABLE'
      | 'DEADLINE_EXCEEDED'
      | 'EMAIL_MISMATCH'
      | 'EMAIL_NOT_VERIFIED'
      | 'ENTRY_ALREADY_REVERSED'
      | 'ENTRY_NOT_FOUND'
      | 'ENTRY_NOT_REVERSIBLE'
      | 'GRANT_LIMIT_REACHED'
      | 'HEAD_FROM_FUTURE'
      | 'HOLD_ENDED'
      | 'HOLD_LIMIT_REACHED'
      | 'HOLD_NOT_FOUND'
      | 'IDEMPOTENCY_KEY_REUSED'
      | 'INSUFFICIENT_CREDITS'
      | 'INTERNAL'
      | 'INVALID_FIELD'
      | 'INVITATION_ENDED'
      | 'INVITATION_NOT_FOUND'
      | 'ISSUER_UNAVAILABLE'
      | 'KERNEL_UNAVAILABLE'
      | 'KILL_SWITCH_OFF'
      | 'LAST_ADMIN'
      | 'LEDGER_CORRUPT'
      | 'MAIL_LIMIT_REACHED'
      | 'MAIL_NOT_FOUND'
      | 'MEMBER_LIMIT_REACHED'
      | 'MEMBER_NOT_FOUND'
      | 'METHOD_NOT_ALLOWED'
      | 'OUTCOME_UNKNOWN'
      | 'PAYMENT_DECLINED'
      | 'PAYMENT_METHOD_NOT_FOUND'
      | 'PAYMENT_METHOD_REQUIRED'
      | 'PLAN_NOT_FOUND'
      | 'PLAN_SOLD_BY_STRIPE'
      | 'PLAN_UNCHANGED'
      | 'PRODUCT_ALREADY_REGISTERED'
      | 'PRODUCT_NOT_FOUND'
      | 'PRODUCT_SCOPE_MISMATCH'
      | 'PROJECT_NOT_FOUND'
      | 'PROMOTION_ALREADY_EXISTS'
      | 'PROMOTION_ALREADY_REDEEMED'
      | 'PROMOTION_ATTEMPTS_EXCEEDED'
      | 'PROMOTION_ENDED'
      | 'PROMOTION_EXHAUSTED'
      | 'PROMOTION_NOT_APPLICABLE'
      | 'PROMOTION_NOT_FOUND'
      | 'QUEUE_FULL'
      | 'RATE_LIMITED'
      | 'REQUEST_HEADER_TOO_LARGE'
      | 'REQUEST_TIMEOUT'
      | 'REQUEST_TOO_LARGE'
      | 'RESUME_TOKEN_EXPIRED'
      | 'ROLE_REQUIRED'
      | 'ROUTE_NOT_FOUND'
      | 'SCOPE_DENIED'
      | 'SHUTTING_DOWN'
      | 'SIGNUP_ENDED'
      | 'SIGNUP_NOT_FOUND'
      | 'SLUG_TAKEN'
      | 'STATE_VERSION_UNSUPPORTED'
      | 'STREAM_LIMIT_REACHED'
      | 'STRIPE_OFF'
      | 'STRIPE_REFUSED'
      | 'STRIPE_UNAVAILABLE'
      | 'SUBSCRIPTION_BUSY'
      | 'SUBSCRIPTION_EXISTS'
      | 'SUBSCRIPTION_NOT_FOUND'
      | 'SUBSCRIPTION_UNPAID'
      | 'SYNC_BUSY'
      | 'TENANT_CLOSED'
      | 'TENANT_NOT_FOUND'
      | 'TENANT_SUSPENDED'
      | 'TOPUP_AMOUNT_MISMATCH'
      | 'TOPUP_AMOUNT_OUT_OF_RANGE'
      | 'TOPUP_NOT_CANCELABLE'
      | 'TOPUP_NOT_FOUND'
      | 'TOPUP_NOT_OFFERED'
      | 'TRIAL_ALREADY_USED'
      | 'TRIAL_CARD_REQUIRED'
      | 'TRIAL_LIMIT_REACHED'
      | 'TRIAL_NOT_ACTIVE'
      | 'TRIAL_NOT_OFFERED'
      | 'UNSUPPORTED_MEDIA_TYPE'
      | 'WEBHOOK_EVENT_NOT_FOUND'
      | 'WORKSPACE_LIMIT_REACHED'
      | 'WORKSPACE_REQUIRED';
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
