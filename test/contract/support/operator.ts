// Calls that operators make on the catalog, the switches and the audit log.

import { expect } from 'vitest';
import {
  CatalogAdminServiceService,
  RegisterProductRequest,
  UpdateProductRequest,
  UpsertPlanPolicyRequest,
  UpsertPlanRequest,
} from '../../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import type { AuditRecord } from '../../../gen/wheelhouse/operator/v1/audit_record.ts';
import type { KillSwitchName } from '../../../gen/wheelhouse/operator/v1/kill_switch.ts';
import {
  ListAuditRecordsRequest,
  OperatorServiceService,
  SetKillSwitchRequest,
} from '../../../gen/wheelhouse/operator/v1/operator_service.ts';
import { type Callers, OPERATOR } from './account.ts';
import { newRequestId } from './kernel-fixture.ts';

/** Where the tests call their kernels from. */
export const TEST_ADDRESS = '127.0.0.1';

/** Makes operators' calls, each with a request id of its own unless one is given. */
export function operatorCallsOf({ sysadmin }: Callers) {
  return {
    register: (fields: Partial<RegisterProductRequest>) =>
      sysadmin.call(CatalogAdminServiceService.registerProduct, RegisterProductRequest.fromPartial(written(fields))),
    update: (product: UpdateProductRequest['product'] | object, updateMask: string[], fields = {}) =>
      sysadmin.call(
        CatalogAdminServiceService.updateProduct,
        UpdateProductRequest.fromPartial({ ...written(fields), product, updateMask }),
      ),
    upsertPlan: (fields: Partial<UpsertPlanRequest>) =>
      sysadmin.call(CatalogAdminServiceService.upsertPlan, UpsertPlanRequest.fromPartial(written(fields))),
    upsertPolicy: (policy: object, updateMask: string[], fields: Partial<UpsertPlanPolicyRequest> = {}) =>
      sysadmin.call(
        CatalogAdminServiceService.upsertPlanPolicy,
        UpsertPlanPolicyRequest.fromPartial({ ...written(fields), policy, updateMask }),
      ),
    policyOf: async (productCode: string, planCode: string) => {
      const found = await sysadmin.call(CatalogAdminServiceService.getPlanPolicy, { productCode, planCode });
      if (found.policy === undefined) throw new Error('the answer has no policy');
      return found.policy;
    },
    productOf: async (productCode: string) => {
      const found = await sysadmin.call(CatalogAdminServiceService.getProduct, { productCode });
      if (found.product === undefined) throw new Error('the answer has no product');
      return found.product;
    },
    setSwitch: (name: KillSwitchName, enabled: boolean, fields: Partial<SetKillSwitchRequest> = {}) =>
      sysadmin.call(
        OperatorServiceService.setKillSwitch,
        SetKillSwitchRequest.fromPartial({ name, enabled, ...written(fields) }),
      ),
    switches: async () =>
      (await sysadmin.call(OperatorServiceService.listKillSwitches, {})).killSwitches.map(({ enabled }) => enabled),
    audit: async (fields: Partial<ListAuditRecordsRequest>): Promise<AuditRecord[]> => {
      const request = ListAuditRecordsRequest.fromPartial(fields);
      const { auditRecords } = await sysadmin.call(OperatorServiceService.listAuditRecords, request);
      // Whichever method a test looks for: it was called from here.
      for (const record of auditRecords) expect(record).toMatchObject({ remoteAddress: TEST_ADDRESS });
      return auditRecords;
    },
  };
}

function written<Fields extends object>(fields: Fields) {
  return { requestId: newRequestId(), ...OPERATOR, ...fields };
}
