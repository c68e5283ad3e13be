// Owns what is shown where a page fails: its code could not be loaded, or has a fault.

import { Component, type PropsWithChildren } from 'react';
import { FullPageProblem } from './full-page-problem.tsx';

interface State {
  readonly error: Error | undefined;
}

/** Says so, and lets the person load everything anew. */
export class FailureBoundary extends Component<PropsWithChildren, State> {
  override state: State = { error: undefined };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return <FullPageProblem error={error} onRetry={() => location.reload()} />;
  }
}
