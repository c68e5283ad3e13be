// Owns server reflection: what the contracts say, for tools such as grpcurl. Lists only what is served; the descriptors
// are the ones that buf built (gen/wheelhouse.binpb), file by file as they were written.

import { readFileSync } from 'node:fs';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { service as healthService } from 'grpc-health-check';

const DESCRIPTOR_SET = new URL('../../gen/wheelhouse.binpb', import.meta.url);
const HEALTH_SERVICE = 'grpc.health.v1.Health';

/** Adds reflection for the named services, and for health, to a server. Throws where the descriptors can't be read. */
export function addReflection(server: Server, serviceNames: readonly string[]): void {
  const files = [...fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTOR_SET)).file, ...healthFiles()];
  const fileDescriptorProtos = files.map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file)));
  // ReflectionService reads nothing of a package definition but lists of file descriptors.
  const definition = { all: { fileDescriptorProtos } } as unknown as ConstructorParameters<typeof ReflectionService>[0];
  new ReflectionService(definition, { services: [...serviceNames, HEALTH_SERVICE] }).addToServer(server);
}

/** The descriptors of the standard health service, which its package has beside its methods. */
function healthFiles(): FileDescriptorProto[] {
  const [method] = Object.values(healthService);
  const requestType: unknown = method !== undefined && 'requestType' in method ? method.requestType : undefined;
  if (typeof requestType !== 'object' || requestType === null || !('fileDescriptorProtos' in requestType)) return [];
  const encoded = Array.isArray(requestType.fileDescriptorProtos) ? requestType.fileDescriptorProtos : [];
  const files = encoded.filter(Buffer.isBuffer).map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  for (const file of files) for (const message of file.messageType) nameMapEntries(message);
  return files;
}

/** The package's loader names the entries of a map as it likes; readers of descriptors insist on `<Field>Entry`. */
function nameMapEntries(message: DescriptorProto): void {
  for (const nested of message.nestedType) {
    if (nested.options?.mapEntry !== true || nested.name.endsWith('Entry')) continue;
    const name = `${nested.name}Entry`;
    for (const field of message.field) if (field.typeName === nested.name) field.typeName = name;
    nested.name = name;
  }
}
