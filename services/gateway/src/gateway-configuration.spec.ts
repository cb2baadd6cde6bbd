import { describe, expect, it } from '@jest/globals';
import { ConfigurationFault, readConfiguration } from '#libs/platform/configuration';
import { GATEWAY_CONCERNS } from './gateway.module.ts';
import { addressesIn, GatewayConfiguration } from './gateway-configuration.ts';

const read = (environment: Readonly<Record<string, string>>) =>
  readConfiguration(GATEWAY_CONCERNS, environment)(GatewayConfiguration);

describe('where the services are', () => {
  it('is read by service, with all processes of each', () => {
    const addresses = addressesIn(
      read({ GATEWAY_UPSTREAMS: 'tenants=http://127.0.0.1:5001|http://[::1]:5002/, contracts=https://contracts.internal' }),
    );
    expect([...addresses]).toEqual([
      ['tenants', ['http://127.0.0.1:5001', 'http://[::1]:5002']],
      ['contracts', ['https://contracts.internal']],
    ]);
  });

  it.each([
    ['', /GATEWAY_UPSTREAMS: must name the services/],
    ['tenants', /must name each service once as NAME=/],
    ['tenants=127.0.0.1:5001', /must name each service once as NAME=/],
    ['tenants=http://a|', /must name each service once as NAME=/],
    ['tenants=http://a/path', /must name each service once as NAME=/],
    ['tenants=http://a,tenants=http://b', /must not name a service twice/],
  ])('refuses "%s"', (text, reason) => {
    expect(() => read({ GATEWAY_UPSTREAMS: text })).toThrow(reason);
  });

  it('tells all faults at once', () => {
    try {
      read({ GATEWAY_UPSTREAMS: 'x', PORT: 'y', LOG_LEVEL: 'z' });
      throw new Error('it was accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationFault);
      expect((error as ConfigurationFault).faults.map((fault) => fault.split(':', 1)[0])).toEqual(
        expect.arrayContaining(['GATEWAY_UPSTREAMS', 'PORT', 'LOG_LEVEL']),
      );
    }
  });
});
