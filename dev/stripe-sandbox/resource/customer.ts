/** Owns: the API of customers. Does not own: their payment methods (`payment-method.ts`). */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFields, readText, readTexts, readUnsettableText } from '../field.ts';
import { createId, createToken } from '../id.ts';
import type { JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { mergeMetadata } from '../metadata.ts';
import { resourceMissing } from '../stripe-error.ts';
import { CUSTOMERS, type Customer, DELETED_CUSTOMERS, toCustomerCall } from './customer-object.ts';
import { attachPaymentMethod, PAYMENT_METHODS, resolvePaymentMethod } from './payment-method.ts';
import { TEST_CLOCKS } from './test-clock.ts';

const DETAILS = ['address', 'description', 'email', 'metadata', 'name', 'phone', 'preferred_locales'] as const;
const DEFAULT_METHOD = 'invoice_settings.default_payment_method';

/** Are the fields of an address, each of which is null where it is not said. */
const BLANK_ADDRESS = { city: null, country: null, line1: null, line2: null, postal_code: null, state: null };

function readDetails(parameters: JsonFields): JsonFields {
  const unsettable = ['description', 'email', 'name', 'phone'] as const;
  const address = readFields(parameters, 'address');
  return pickPresent({
    ...Object.fromEntries(unsettable.map((name) => [name, readUnsettableText(parameters, name)])),
    address: parameters['address'] === '' ? null : address && { ...BLANK_ADDRESS, ...address },
    preferred_locales: readTexts(parameters, 'preferred_locales'),
  });
}

function toCustomer(now: number, details: JsonFields): Customer {
  return {
    id: createId('cus', 14),
    object: 'customer',
    address: null,
    balance: 0,
    created: now,
    currency: null,
    default_source: null,
    delinquent: false,
    description: null,
    discount: null,
    email: null,
    invoice_prefix: createToken(8).toUpperCase(),
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: false,
    metadata: {},
    name: null,
    next_invoice_sequence: 1,
    phone: null,
    preferred_locales: [],
    shipping: null,
    tax_exempt: 'none',
    test_clock: null,
    ...details,
  };
}

const create: Operation = {
  supported: [...DETAILS, DEFAULT_METHOD, 'payment_method', 'test_clock'],
  run(call, { parameters }) {
    const clockId = readText(parameters, 'test_clock');
    const clock = clockId === undefined ? undefined : call.need(TEST_CLOCKS, clockId, 'test_clock');
    const details = {
      ...readDetails(parameters),
      metadata: mergeMetadata({}, parameters),
      test_clock: clock?.id ?? null,
    };
    const own = call.at(clock?.frozen_time ?? call.now);
    return adoptMethods(own, createCustomer(own, details), parameters);
  },
};

/** Creates a customer. */
export function createCustomer(call: Call, details: JsonFields): Customer {
  return call.create(CUSTOMERS, toCustomer(call.now, details), 'customer.created');
}

/** Attaches the payment method that comes with a customer, and sets the default one. */
function adoptMethods(call: Call, customer: Customer, parameters: JsonFields): Customer {
  const given = readText(parameters, 'payment_method');
  const attached =
    given === undefined ? undefined : attachPaymentMethod(call, resolvePaymentMethod(call, given), customer.id);
  const settings = readFields(parameters, 'invoice_settings') ?? {};
  const wanted = readUnsettableText(settings, 'default_payment_method');
  if (wanted === undefined) return customer;
  // The name of a test card stands for the one that was just attached.
  const id = wanted !== null && wanted === given ? (attached?.id ?? null) : wanted;
  if (id !== null && call.tx.find(PAYMENT_METHODS, id)?.customer !== customer.id) {
    throw resourceMissing('PaymentMethod', id, 'invoice_settings[default_payment_method]');
  }
  const changes = { invoice_settings: { ...customer.invoice_settings, default_payment_method: id } };
  return call.update(CUSTOMERS, customer, changes, 'customer.updated');
}

const update: Operation = {
  supported: [...DETAILS, DEFAULT_METHOD],
  run(call, request) {
    const customer = call.need(CUSTOMERS, toPathId(request), 'customer', 404);
    const metadata = mergeMetadata(customer.metadata, request.parameters);
    const { own } = toCustomerCall(call, customer.id);
    const changed = own.update(
      CUSTOMERS,
      customer,
      { ...readDetails(request.parameters), metadata },
      'customer.updated',
    );
    return adoptMethods(own, changed, request.parameters);
  },
};

const remove: Operation = {
  supported: [],
  run(call, request) {
    const customer = call.need(CUSTOMERS, toPathId(request), 'customer', 404);
    return deleteCustomer(toCustomerCall(call, customer.id).own, customer);
  },
};

function deleteCustomer(call: Call, customer: Customer) {
  call.tx.remove(CUSTOMERS, customer.id);
  for (const method of call.tx.all(PAYMENT_METHODS).filter((each) => each.customer === customer.id)) {
    call.update(PAYMENT_METHODS, method, { customer: null }, 'payment_method.detached');
  }
  call.emit({ type: 'customer.deleted', object: customer });
  return call.create(DELETED_CUSTOMERS, { id: customer.id, object: 'customer', deleted: true });
}

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'created', 'email', 'test_clock'],
  run(call, { parameters }) {
    const [email, clock] = [readText(parameters, 'email'), readText(parameters, 'test_clock') ?? null];
    // Stripe keeps customers of test clocks out of every list that does not name the clock.
    const filter = (customer: Customer): boolean =>
      customer.test_clock === clock && (email === undefined || customer.email === email);
    return toPage({ objects: call.tx.all(CUSTOMERS), filter, url: '/v1/customers' }, parameters);
  },
};

/** Is the API of customers. */
export const CUSTOMER_RESOURCE: Resource = {
  operations: {
    'POST /v1/customers': create,
    'GET /v1/customers': list,
    'GET /v1/customers/{customer}': {
      supported: [],
      run(call, request) {
        const id = toPathId(request);
        return call.tx.find(DELETED_CUSTOMERS, id) ?? call.need(CUSTOMERS, id, 'customer', 404);
      },
    },
    'POST /v1/customers/{customer}': update,
    'DELETE /v1/customers/{customer}': remove,
  },
  due: {
    'test_clock.deleted': (call, clockId) => {
      for (const customer of call.tx.all(CUSTOMERS).filter((each) => each.test_clock === clockId)) {
        deleteCustomer(call, customer);
      }
    },
  },
};
