// Owns which page stands at which address. Each page is loaded when somebody first goes there.

import { lazy, Suspense, useContext } from 'react';
import { BrowserRouter, Navigate, Route, Routes } from 'react-router';
import { PAGE_PATHS } from '../page-path.ts';
import { ConsoleLayout } from './layout/console-layout.tsx';
import { FullPageLoader } from './part/full-page-loader.tsx';
import { NotFoundPage } from './part/not-found-page.tsx';
import { WorkspaceContext } from './session/session.ts';

const WelcomePage = lazy(async () => ({ default: (await import('./page/welcome/welcome-page.tsx')).WelcomePage }));
const BillingPage = lazy(async () => ({ default: (await import('./page/billing/billing-page.tsx')).BillingPage }));
const PlansPage = lazy(async () => ({ default: (await import('./page/plans/plans-page.tsx')).PlansPage }));
const UsagePage = lazy(async () => ({ default: (await import('./page/usage/usage-page.tsx')).UsagePage }));
const PeoplePage = lazy(async () => ({ default: (await import('./page/people/people-page.tsx')).PeoplePage }));
const TokenPage = lazy(async () => ({ default: (await import('./page/token/token-page.tsx')).TokenPage }));
const AlertPage = lazy(async () => ({ default: (await import('./page/alert/alert-page.tsx')).AlertPage }));
const WorkspacePage = lazy(async () => ({
  default: (await import('./page/workspace/workspace-page.tsx')).WorkspacePage,
}));
const ActivityPage = lazy(async () => ({ default: (await import('./page/activity/activity-page.tsx')).ActivityPage }));
const AnalyticsPage = lazy(async () => ({
  default: (await import('./page/analytics/analytics-page.tsx')).AnalyticsPage,
}));

/** Leads to the first page that has something for whoever comes. */
function Home() {
  const role = useContext(WorkspaceContext)?.workspace.role;
  return <Navigate to={role === 'project_viewer' ? PAGE_PATHS.analytics : PAGE_PATHS.billing} replace />;
}

/** Shows the page of the address. */
export function Router() {
  return (
    <BrowserRouter>
      <Suspense fallback={<FullPageLoader />}>
        <Routes>
          <Route path={PAGE_PATHS.home} element={<Home />} />
          <Route path={PAGE_PATHS.welcome} element={<WelcomePage />} />
          <Route element={<ConsoleLayout />}>
            <Route path={PAGE_PATHS.billing} element={<BillingPage />} />
            <Route path={PAGE_PATHS.plans} element={<PlansPage />} />
            <Route path={PAGE_PATHS.usage} element={<UsagePage />} />
            <Route path={PAGE_PATHS.people} element={<PeoplePage />} />
            <Route path={PAGE_PATHS.tokens} element={<TokenPage />} />
            <Route path={PAGE_PATHS.alerts} element={<AlertPage />} />
            <Route path={PAGE_PATHS.workspace} element={<WorkspacePage />} />
            <Route path={PAGE_PATHS.activity} element={<ActivityPage />} />
            <Route path={PAGE_PATHS.analytics} element={<AnalyticsPage />} />
            <Route path="*" element={<NotFoundPage />} />
          </Route>
        </Routes>
      </Suspense>
    </BrowserRouter>
  );
}
