// Owns the short messages that tell what came of something, for as long as they are shown. Does not own how they look
// (part/toaster.tsx).

import { useSyncExternalStore } from 'react';

/** Is a message that is shown. */
export interface Toast {
  readonly id: number;
  readonly kind: 'done' | 'problem';
  readonly text: string;
}

/** What is more than these pushes the oldest out. */
const SHOWN_MAX = 3;
const DONE_SHOWN_MS = 5_000;
const PROBLEM_SHOWN_MS = 12_000;

let shown: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

/** Shows a message for some seconds. */
export function showToast(kind: Toast['kind'], text: string): void {
  lastId += 1;
  const id = lastId;
  change([...shown, { id, kind, text }].slice(-SHOWN_MAX));
  setTimeout(() => dismissToast(id), kind === 'done' ? DONE_SHOWN_MS : PROBLEM_SHOWN_MS);
}

/** Takes a message away. */
export function dismissToast(id: number): void {
  change(shown.filter((toast) => toast.id !== id));
}

/** Returns the messages that are shown, the oldest first. */
export function useToasts(): readonly Toast[] {
  return useSyncExternalStore(subscribe, () => shown);
}

function change(next: readonly Toast[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
