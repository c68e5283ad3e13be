// Owns what is shown at an address without a page.

import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { PAGE_PATHS } from '../../page-path.ts';
import { STRINGS } from '../strings.ts';
import { PageFrame } from './page-frame.tsx';

/** Leads back to where there is something. */
export function NotFoundPage() {
  return (
    <PageFrame title={STRINGS.notFound.title} text={STRINGS.notFound.text}>
      <div>
        <Button component={Link} to={PAGE_PATHS.billing}>
          {STRINGS.notFound.action}
        </Button>
      </div>
    </PageFrame>
  );
}
