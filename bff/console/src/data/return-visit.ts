// Owns coming back from a payment page: what was done there is read from Stripe at once, whether or not the service was told of it.

import { useEffect, useRef, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useWorkspace } from '../session/session.ts';
import { tellProblem } from './act.ts';
import { useForgetWorkspace } from './billing-query.ts';

const PARAMETER = 'returned';

/** Returns the path that a payment page leads back to. */
export function toReturnPath(path: string): string {
  return `${path}?${PARAMETER}=1`;
}

/** Reads everything anew where somebody has come back. Returns whether that is still under way. */
export function useReturn(): boolean {
  const { api } = useWorkspace();
  const forget = useForgetWorkspace();
  const [parameters, setParameters] = useSearchParams();
  const [isReturning, setIsReturning] = useState(parameters.has(PARAMETER));
  const hasBegun = useRef(false);
  useEffect(() => {
    if (!isReturning || hasBegun.current) return;
    hasBegun.current = true;
    // At once and not when all is read: by then somebody may be on the way to another page, and this would lead back.
    setParameters({}, { replace: true });
    void api
      .refreshSubscription()
      // What Stripe could not tell now, the service may have been told meanwhile.
      .catch(tellProblem)
      .then(forget)
      .then(() => setIsReturning(false));
  }, [api, forget, isReturning, setParameters]);
  return isReturning;
}
