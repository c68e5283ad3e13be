import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { assertPortsFree, findFreePort, holdFreePort } from '../../dev/port.ts';
import { loadStackConfig } from '../../dev/stack-config.ts';

async function takePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('ports', () => {
  it('that are free, or any, are fine', async () => {
    const free = await findFreePort();
    await assertPortsFree([
      { purpose: 'one', port: free, variable: 'ONE' },
      { purpose: 'any', port: 0, variable: 'ANY' },
    ]);
  });

  it('that are held are nobody else’s until they are let go of', async () => {
    const held = await holdFreePort();
    const wanted = [{ purpose: 'one', port: held.port, variable: 'ONE' }];
    await expect(assertPortsFree(wanted)).rejects.toThrow(`Port ${held.port} (one) is already in use`);
    await held.release();
    await assertPortsFree(wanted);
  });

  it('that are taken are all named, with what moves them', async () => {
    const [one, two] = [await takePort(), await takePort()];
    const ports = [
      { purpose: 'kernel gRPC', port: one, variable: 'WHEELHOUSE_GRPC_PORT' },
      { purpose: 'free', port: await findFreePort(), variable: 'FREE' },
      { purpose: 'MongoDB', port: two, variable: 'WHEELHOUSE_MONGO_PORT' },
    ];
    await expect(assertPortsFree(ports.slice(0, 2))).rejects.toThrow(
      new RegExp(`^Port ${one} \\(kernel gRPC\\) is already in use: .*\`WHEELHOUSE_GRPC_PORT=\\d+ npm start\``),
    );
    await expect(assertPortsFree(ports)).rejects.toThrow(
      new RegExp(
        `^Ports ${one} \\(kernel gRPC\\), ${two} \\(MongoDB\\) are already .*GRPC_PORT=\\d+ WHEELHOUSE_MONGO_PORT=`,
      ),
    );
  });
});

describe('settings of the stack', () => {
  it('have the documented defaults', () => {
    const { home, ports } = loadStackConfig({});
    expect(home).toMatch(/\/\.wheelhouse$/);
    const { products, ...others } = ports;
    const numbers = [...Object.values(others), ...products.values()].map(({ port }) => port);
    expect(numbers).toEqual([27117, 50051, 8090, 8095, 12111, 1025, 8096, 8080, 8081]);
  });

  it('that are no ports are all named', () => {
    const environment = {
      WHEELHOUSE_GRPC_PORT: '70000',
      WHEELHOUSE_AGENTRUNTIME_PORT: 'web',
      WHEELHOUSE_HTTP_PORT: '0',
    };
    expect(() => loadStackConfig(environment)).toThrow(
      'Not a port: WHEELHOUSE_GRPC_PORT=70000, WHEELHOUSE_AGENTRUNTIME_PORT=web.',
    );
  });
});
