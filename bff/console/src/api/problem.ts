// Owns how a refusal of the API reaches the pages: an error with the reason that the service gave, or that it could not be asked.

import { STRINGS } from '../strings.ts';

/** Says that the service refused, or that it could not be reached. */
export class ApiProblem extends Error {
  /** Is 0 where no answer came. */
  readonly status: number;
  /** Is the service's word for it, such as `PAYMENT_DECLINED`; `UNREACHABLE` where no answer came. */
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Is the id of the request, for whoever is asked for help. */
  readonly requestId: string | null;

  constructor(problem: {
    readonly status: number;
    readonly reason: string;
    readonly detail: string;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly requestId: string | null;
  }) {
    super(problem.detail);
    this.name = 'ApiProblem';
    this.status = problem.status;
    this.reason = problem.reason;
    this.metadata = problem.metadata ?? {};
    this.requestId = problem.requestId;
  }
}

/** Says that no answer came. */
export function unreachable(): ApiProblem {
  return unanswered(STRINGS.problem.unreachable);
}

/** Says that no answer came to something that was to be done, which may be done or not. */
export function outcomeUnknown(): ApiProblem {
  return unanswered(STRINGS.problem.unanswered);
}

function unanswered(detail: string): ApiProblem {
  return new ApiProblem({ status: 0, reason: 'UNREACHABLE', detail, requestId: null });
}

/** Says whether an error is a refusal for one of these reasons. */
export function isProblem(error: unknown, ...reasons: readonly string[]): error is ApiProblem {
  return error instanceof ApiProblem && (reasons.length === 0 || reasons.includes(error.reason));
}

/** Returns what to tell a person of an error. */
export function describeProblem(error: unknown): string {
  if (!(error instanceof ApiProblem)) return STRINGS.problem.unknown;
  const words: Readonly<Record<string, string>> = STRINGS.problem.byReason;
  return words[error.reason] ?? error.message;
}
