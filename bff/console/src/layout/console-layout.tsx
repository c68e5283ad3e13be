// Owns the frame of all pages in a workspace: navigation at the side, or behind a button where the page is narrow.

import { Burger } from '@mantine/core';
import { useDisclosure, useMediaQuery, useWindowEvent } from '@mantine/hooks';
import { Suspense, useContext, useEffect, useRef } from 'react';
import { Navigate, Outlet, useLocation } from 'react-router';
import { PAGE_PATHS } from '../../page-path.ts';
import { Brand } from '../part/brand.tsx';
import { Waiting } from '../part/loaded.tsx';
import { useArrival } from '../session/arrival.ts';
import { useSession, WorkspaceContext } from '../session/session.ts';
import { STRINGS } from '../strings.ts';
import classes from './console-layout.module.css';
import { SideBar } from './side-bar.tsx';

const WAITING_HEIGHT = 420;
/** Is where the navigation is behind a button, as in the style. */
const NARROW = '(max-width: 48em)';

/** Shows a page in its frame; whoever has no workspace is led to make one. */
export function ConsoleLayout() {
  const { workspaces } = useSession();
  const { pathname } = useLocation();
  useArrival();
  const workspaceId = useContext(WorkspaceContext)?.workspace.workspace_id;
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const burger = useRef<HTMLButtonElement>(null);
  // Where the page is wide, the navigation stands beside it, and covers nothing.
  const isCovered = useMediaQuery(NARROW) === true && isOpen;
  // biome-ignore lint/correctness/useExhaustiveDependencies: on each way to another page, or another workspace.
  useEffect(close, [pathname, workspaceId]);
  useWindowEvent('keydown', ({ key }) => {
    // A menu that is open in it is closed first.
    if (!isCovered || key !== 'Escape' || document.querySelector('#navigation [role=menu]') !== null) return;
    close();
    burger.current?.focus();
  });
  if (workspaces.length === 0) return <Navigate to={PAGE_PATHS.welcome} replace />;
  return (
    <div className={classes['frame']}>
      <a href="#content" className={classes['skip']}>
        {STRINGS.common.skipToContent}
      </a>
      <header className={classes['header']}>
        <Brand />
        <Burger
          ref={burger}
          opened={isOpen}
          onClick={toggle}
          size="sm"
          aria-label={isOpen ? STRINGS.nav.close : STRINGS.nav.open}
          aria-expanded={isOpen}
          aria-controls="navigation"
        />
      </header>
      <nav
        id="navigation"
        className={classes['navigation']}
        aria-label={STRINGS.nav.label}
        data-open={isOpen || undefined}
      >
        <SideBar />
      </nav>
      <main id="content" className={classes['main']} tabIndex={-1} inert={isCovered}>
        <div className={classes['page']}>
          <Suspense fallback={<Waiting height={WAITING_HEIGHT} />}>
            <Outlet />
          </Suspense>
        </div>
      </main>
    </div>
  );
}
